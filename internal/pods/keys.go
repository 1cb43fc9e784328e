package pods

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// A KeyInfo describes one way to open a pod.
type KeyInfo struct {
	ID        string             `json:"id"`
	Kind      keyring.Kind       `json:"kind"`
	Name      string             `json:"name"`
	Created   time.Time          `json:"created,omitzero"`
	Principal locket.PrincipalID `json:"principal,omitempty"` // whom it lets in
	Who       string             `json:"who"`                 // that principal's name
	Current   bool               `json:"current"`             // the one that was used to ask
}

// Keys manages the ways to open one pod, as far as the visitor may: everybody sees
// and ends their own, who manages principals makes and ends keys for these. It is
// valid as long as its visit.
type Keys struct {
	f      *Folder
	dir    *os.Root
	header *keyring.Header
	slot   keyring.SlotID
	podKey *secret.Key
	view   *store.View
	edit   *store.SlotEditor // while the header is being edited
}

// Keys returns the ways to open the pod.
func (v *Visit) Keys() *Keys {
	u := v.use
	return &Keys{f: v.f, dir: u.dir, header: u.header, slot: u.slot, podKey: u.key, view: v.View}
}

// Keys runs fn with the ways to open a pod that cred opens.
func (f *Folder) Keys(ctx context.Context, pod locket.PodID, cred keyring.Credential, fn func(*Keys) error) error {
	return f.Visit(ctx, Call{Pod: pod, Credential: cred}, func(v *Visit) error { return fn(v.Keys()) })
}

// List returns the keys, the oldest first.
func (k *Keys) List(ctx context.Context) ([]KeyInfo, error) {
	names, err := k.view.Slots(ctx)
	if err != nil {
		return nil, err
	}
	list := []KeyInfo{}
	for _, s := range k.header.Slots() {
		n, ok := names[s.ID.String()]
		if !ok && !k.view.Owner() {
			continue
		}
		list = append(list, KeyInfo{
			ID: s.ID.String(), Kind: s.Kind, Name: n.Name, Created: n.Created, Principal: n.Who, Who: n.WhoName, Current: s.ID == k.slot,
		})
	}
	return list, nil
}

// AddAPIKey makes an API key for a principal, "" for the visitor. The receiver wipes the
// token, which can't be had again.
func (k *Keys) AddAPIKey(ctx context.Context, name string, who locket.PrincipalID) (id string, token *keyring.Token, err error) {
	err = k.change(ctx, func() (err error) {
		id, token, err = k.addAPIKey(name, who)
		return err
	})
	if err != nil && token != nil {
		token.Wipe()
		token = nil
	}
	return id, token, err
}

// AddPassword adds a password of the owner's.
func (k *Keys) AddPassword(ctx context.Context, name string, password *secret.Key) (id string, err error) {
	if err := k.ownersOnly(); err != nil {
		return "", err
	}
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
	return k.change(ctx, func() error { return k.remove(keyring.SlotID(raw)) })
}

func (k *Keys) remove(id keyring.SlotID) error {
	if err := k.edit.Forget(id.String()); locket.CodeOf(err) == locket.CodeNotFound {
		return noKey()
	} else if err != nil {
		return err
	}
	err := k.header.Remove(k.podKey, id)
	switch {
	case errors.Is(err, keyring.ErrNoSlot):
		return noKey()
	case errors.Is(err, keyring.ErrLastSlot):
		return locket.Errorf(locket.CodeConflict, "this is the last key: without it nobody could open the pod again; add another first").Because(err)
	case err != nil:
		return err
	}
	left, err := k.edit.OwnerSlots()
	if err == nil && len(left) == 0 {
		err = locket.Errorf(locket.CodeConflict, "this is the last key of the owner's own: without it nobody could manage the pod again; add another first")
	}
	return err
}

// AddPrincipal makes a principal and an API key for it, both or neither. The receiver
// wipes the token, which can't be had again.
func (k *Keys) AddPrincipal(ctx context.Context, p locket.Principal) (made locket.Principal, id string, token *keyring.Token, err error) {
	err = k.change(ctx, func() (err error) {
		if made, err = k.edit.AddPrincipal(p); err != nil {
			return err
		}
		id, token, err = k.addAPIKey(made.Name, made.ID)
		return err
	})
	if err != nil && token != nil {
		token.Wipe()
		token = nil
	}
	return made, id, token, err
}

// RevokePrincipal ends a principal for good, with its keys and its grants.
func (k *Keys) RevokePrincipal(ctx context.Context, who locket.PrincipalID) (p locket.Principal, err error) {
	err = k.change(ctx, func() error {
		revoked := locket.StateRevoked
		if p, err = k.edit.ChangePrincipal(who, store.PrincipalChange{State: &revoked}); err != nil {
			return err
		}
		slots, err := k.edit.SlotsOf(who)
		if err != nil {
			return err
		}
		for _, s := range k.header.Slots() {
			if !slices.Contains(slots, s.ID.String()) {
				continue
			}
			if err := k.remove(s.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

func (k *Keys) ownersOnly() error {
	if k.view.Owner() {
		return nil
	}
	return locket.Errorf(locket.CodeDenied, "only the owner may do this")
}

func noKey() error {
	return locket.Errorf(locket.CodeNotFound, "no such key; 'locket key list' shows them")
}

// DatabaseKey returns the raw key of the database, with which the stock sqlcipher
// opens it. The receiver wipes it.
func (k *Keys) DatabaseKey() (*secret.Key, error) {
	if err := k.ownersOnly(); err != nil {
		return nil, err
	}
	return keyring.Derive(k.podKey, keyring.PurposeDatabase, sqlcipher.KeySize)
}

// DatabasePath returns where the database lies.
func (k *Keys) DatabasePath() string { return k.f.databasePath(k.header.Pod()) }

// change edits the header as it stands now, under the database's lock, and saves it.
func (k *Keys) change(ctx context.Context, fn func() error) error {
	return k.view.EditSlots(ctx, func(e *store.SlotEditor) error {
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

func (k *Keys) addAPIKey(name string, who locket.PrincipalID) (string, *keyring.Token, error) {
	id, token, err := k.header.AddAPIKey(k.podKey)
	if err != nil {
		return "", nil, tooMany(err)
	}
	return id.String(), token, k.edit.Name(id.String(), name, who)
}

func (k *Keys) addPassword(ctx context.Context, name string, password *secret.Key) (string, error) {
	id, err := k.header.AddPassword(ctx, k.f.kdf, k.podKey, password, k.f.opts.KDF)
	if err != nil {
		return "", tooMany(err)
	}
	return id.String(), k.edit.Name(id.String(), name, "")
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
