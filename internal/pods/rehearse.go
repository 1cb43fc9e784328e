package pods

import (
	"context"
	"errors"
	"io"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// Rehearse tells whether a credential opens a pod, down to its database, and which slot
// it is of. Nothing in the pod's folder is changed or written; that the slot works is
// remembered apart from it. It is for a process that has the pod open nowhere else:
// closing the file drops the locks that such an opening holds.
func (f *Folder) Rehearse(ctx context.Context, pod locket.PodID, cred keyring.Credential) (keyring.SlotInfo, error) {
	var info keyring.SlotInfo
	k, err := f.unlock(ctx, pod, cred)
	if err != nil {
		return info, err
	}
	defer k.wipe()
	for _, s := range k.header.Slots() {
		if s.ID == k.slot {
			info = s
		}
	}
	if err := k.opensDatabase(); err != nil {
		return info, err
	}
	f.noteTried(k)
	if err := f.rememberTried(k); err != nil {
		f.notKept(pod, err)
	}
	return info, nil
}

// opensDatabase checks that one of the first two pages of the database is sealed with
// the pod's key: a crash may have torn one of them while the log has it whole.
func (k *unlocked) opensDatabase() (err error) {
	key, err := keyring.Derive(k.key, keyring.PurposeDatabase, sqlcipher.KeySize)
	if err != nil {
		return err
	}
	defer key.Wipe()
	db, err := k.dir.Open(DatabaseName(k.header.Epoch()))
	if err != nil {
		return locket.Errorf(locket.CodeTampered, "the key opens the header, but the pod's database is not there; restore it from a backup").Because(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	pages := make([]byte, 2*sqlcipher.PageSize)
	n, err := io.ReadFull(db, pages)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	codec, err := sqlcipher.NewCodec(key, pages[:sqlcipher.SaltSize])
	if err != nil {
		return err
	}
	defer codec.Wipe()
	defer clear(pages)
	for no := 1; no*sqlcipher.PageSize <= n; no++ {
		if codec.Open(pages[(no-1)*sqlcipher.PageSize:no*sqlcipher.PageSize], uint32(no)) == nil {
			return nil
		}
	}
	return locket.Errorf(locket.CodeTampered, "the key opens the header, but not the database: the two are not of the same time; put back both from one backup")
}

// rememberTried adds the slots that were tried to what is remembered of a pod.
func (f *Folder) rememberTried(k *unlocked) error {
	if f.witness.dir == nil {
		return nil
	}
	key, err := witnessKey(k.key)
	if err != nil {
		return err
	}
	defer key.Wipe()
	at := leaseKey{k.pod, k.header.Epoch()}
	t, err := f.witness.recall(at, key)
	if errors.Is(err, errOlderKey) || errors.Is(err, errOtherKey) {
		return nil // not the pod as it was seen: the key works, and nothing is to be remembered of it
	} else if err != nil {
		return err
	}
	f.recallTried(k.pod, t.Tried)
	return f.witness.remember(at, key, t.seen(), f.triedSlots(k.pod), false)
}
