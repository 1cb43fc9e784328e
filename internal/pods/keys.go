package pods

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// A KeyInfo describes one way to open a pod.
type KeyInfo struct {
	ID      string       `json:"id"`
	Kind    keyring.Kind `json:"kind"`
	Name    string       `json:"name"`
	Created time.Time    `json:"created,omitzero"`
	Current bool         `json:"current"` // the one that was used to ask
}

// Keys manages the ways to open one pod. It is valid inside the function it was
// handed to.
type Keys struct {
	f      *Folder
	dir    *os.Root
	header *keyring.Header
	slot   keyring.SlotID
	podKey *secret.Key
	store  *store.Store
	edit   *store.SlotEditor // while the header is being edited
}

// Keys runs fn with the keys of a pod that cred opens.
func (f *Folder) Keys(ctx context.Context, pod locket.PodID, cred keyring.Credential, fn func(*Keys) error) error {
	return f.use(ctx, pod, cred, func(u *use) error {
		return fn(&Keys{f: f, dir: u.dir, header: u.header, slot: u.slot, podKey: u.key, store: u.lease.store})
	})
}

// List returns all keys, the oldest first.
func (k *Keys) List(ctx context.Context) ([]KeyInfo, error) {
	names, err := k.store.Slots(ctx)
	if err != nil {
		return nil, err
	}
	var list []KeyInfo
	for _, s := range k.header.Slots() {
		n := names[s.ID.String()]
		list = append(list, KeyInfo{ID: s.ID.String(), Kind: s.Kind, Name: n.Name, Created: n.Created, Current: s.ID == k.slot})
	}
	return list, nil
}

// AddAPIKey makes an API key. The receiver wipes the token, which can't be had again.
func (k *Keys) AddAPIKey(ctx context.Context, name string) (id string, token *keyring.Token, err error) {
	err = k.change(ctx, func() (err error) {
		id, token, err = k.addAPIKey(name)
		return err
	})
	if err != nil && token != nil {
		token.Wipe()
		token = nil
	}
	return id, token, err
}

// AddPassword adds a password.
func (k *Keys) AddPassword(ctx context.Context, name string, password *secret.Key) (id string, err error) {
	err = k.change(ctx, func() (err error) {
		id, err = k.addPassword(ctx, name, password)
		return err
	})
	return id, err
}

// Revoke removes a key. The last one can't be removed.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(keyring.SlotID{}) {
		return noKey()
	}
	return k.change(ctx, func() error {
		err := k.header.Remove(k.podKey, keyring.SlotID(raw))
		switch {
		case errors.Is(err, keyring.ErrNoSlot):
			return noKey()
		case errors.Is(err, keyring.ErrLastSlot):
			return locket.Errorf(locket.CodeConflict, "this is the last key: without it nobody could open the pod again; add another first").Because(err)
		case err != nil:
			return err
		}
		return k.edit.Forget(id)
	})
}

func noKey() error {
	return locket.Errorf(locket.CodeNotFound, "no such key; 'locket key list' shows them")
}

// DatabaseKey returns the raw key of the database, with which the stock sqlcipher
// opens it. The receiver wipes it.
func (k *Keys) DatabaseKey() (*secret.Key, error) {
	return keyring.Derive(k.podKey, keyring.PurposeDatabase, sqlcipher.KeySize)
}

// DatabasePath returns where the database lies.
func (k *Keys) DatabasePath() string { return k.f.databasePath(k.header.Pod()) }

// change edits the header as it stands now, under the database's lock, and saves it.
func (k *Keys) change(ctx context.Context, fn func() error) error {
	return k.store.EditSlots(ctx, func(e *store.SlotEditor) error {
		h, err := keyring.Load(k.dir) // another process may have changed it since
		if err != nil {
			return err
		}
		k.header, k.edit = h, e
		defer func() { k.edit = nil }()
		if err := fn(); err != nil {
			return err
		}
		return k.save()
	})
}

func (k *Keys) addAPIKey(name string) (string, *keyring.Token, error) {
	id, token, err := k.header.AddAPIKey(k.podKey)
	if err != nil {
		return "", nil, tooMany(err)
	}
	return id.String(), token, k.edit.Name(id.String(), name, k.f.opts.Now())
}

func (k *Keys) addPassword(ctx context.Context, name string, password *secret.Key) (string, error) {
	id, err := k.header.AddPassword(ctx, k.f.kdf, k.podKey, password, k.f.opts.KDF)
	if err != nil {
		return "", tooMany(err)
	}
	return id.String(), k.edit.Name(id.String(), name, k.f.opts.Now())
}

func tooMany(err error) error {
	if errors.Is(err, keyring.ErrTooManySlots) {
		return locket.Errorf(locket.CodeTooLarge, "the pod has as many keys as it can hold; revoke one first").Because(err)
	}
	return err
}

// save is the last step of an edit: from here on the new header counts.
func (k *Keys) save() error {
	if err := k.edit.SetGeneration(k.header.Generation()); err != nil {
		return err
	}
	return k.header.Save(k.dir)
}
