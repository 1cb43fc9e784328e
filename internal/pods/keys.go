package pods

import (
	"bytes"
	"context"
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
	ID        string             `json:"id"`
	Kind      keyring.Kind       `json:"kind"`
	Name      string             `json:"name"`
	Created   time.Time          `json:"created,omitzero"`
	Principal locket.PrincipalID `json:"principal,omitempty"` // whom it lets in
	Who       string             `json:"who"`                 // that principal's name
	Current   bool               `json:"current"`             // the one that was used to ask
	About     string             `json:"about,omitempty"`     // of shares: how many and whose
	Epoch     int64              `json:"epoch,omitempty"`     // of a recovery key: printed on what holds it
	Store     string             `json:"store,omitempty"`     // of a keyring key: where its secret is kept
	Device    bool               `json:"device,omitempty"`    // of a passphrase: the device secret is needed, too
	Tried     bool               `json:"tried"`               // it has opened the pod on this machine
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

// Pod returns the id of the pod.
func (k *Keys) Pod() locket.PodID { return k.header.Pod() }

// List returns the keys, the oldest first.
func (k *Keys) List(ctx context.Context) ([]KeyInfo, error) {
	names, err := k.view.Slots(ctx)
	if err != nil {
		return nil, err
	}
	list, tried := []KeyInfo{}, k.f.triedSlots(k.header.Pod())
	for _, s := range k.header.Slots() {
		n, ok := names[s.ID.String()]
		if !ok && !k.view.Owner() {
			continue
		}
		_, known := tried[s.ID]
		list = append(list, KeyInfo{
			ID: s.ID.String(), Kind: s.Kind, Name: n.Name, Created: n.Created, Principal: n.Who, Who: n.WhoName, Current: s.ID == k.slot,
			About: n.About, Epoch: s.Epoch, Store: s.Store, Device: s.Device, Tried: known,
		})
	}
	return list, nil
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
func (k *Keys) DatabasePath() string {
	return k.f.databasePath(leaseKey{k.header.Pod(), k.header.Epoch()})
}

// DatabaseName returns the name of the database's file.
func (k *Keys) DatabaseName() string { return DatabaseName(k.header.Epoch()) }

// change edits the header as it stands now, under the database's lock, and saves it. If
// the commit fails after that, the header counts and is one ahead. The old one is not put
// back: the disk may have kept a commit that failed, and no header may be behind its
// database.
func (k *Keys) change(ctx context.Context, fn func() error) error {
	saving := false
	err := k.view.EditSlots(ctx, func(e *store.SlotEditor) error {
		h, err := keyring.Load(k.dir) // another process may have changed it since
		if err != nil {
			return err
		}
		k.header, k.edit = h, e
		defer func() { k.edit = nil }()
		if err := fn(); err != nil {
			return err
		}
		saving = true
		return k.save()
	})
	if err != nil && saving && k.saved() {
		return locket.Errorf(locket.CodeOf(err), "the pod's keys were changed, but this failed before it was done: "+
			"'locket key list' shows what opens the pod now; see that the disk works and has room").Because(err)
	}
	return err
}

// saved tells whether the header in the folder is the one that was to be saved.
func (k *Keys) saved() bool {
	h, err := keyring.Load(k.dir)
	if err != nil {
		return false
	}
	there, err := h.Encode()
	if err != nil {
		return false
	}
	ours, err := k.header.Encode()
	return err == nil && bytes.Equal(there, ours)
}

// save is the last step of an edit: from here on the new header counts.
func (k *Keys) save() error {
	if err := k.edit.SetGeneration(k.header.Generation()); err != nil {
		return err
	}
	return k.header.Save(k.dir)
}
