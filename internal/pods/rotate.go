package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// Rotated says what a rotation did.
type Rotated struct {
	Epoch int64    `json:"epoch"` // of the new key
	Kept  int      `json:"kept"`  // keys that open the pod as before
	Ended []string `json:"ended"` // ids of those that do not any more
	Bytes int64    `json:"bytes"` // of the database that was encrypted anew
}

// A rotation is a running Rotate.
//
// The new database lies beside the old one until the header that belongs to it is saved:
// that is the one step that changes over. Before it, whatever happens, the pod is as it
// was; after it the pod has the new key, and the old database is removed by this process
// or by the next that opens the pod.
type rotation struct {
	*Visit
	dir    *os.Root
	drop   []keyring.SlotID
	report locket.Reporter

	newKey *secret.Key // the next pod key
	dbKey  *secret.Key // of the new database
	header *keyring.Header
	bytes  int64
}

// Rotate gives the pod another key: every page of the database is encrypted anew, every
// key that opens the pod is kept but for those whose ids are in ended. Others read and
// write until the last moment, in which what they changed is copied; then writers get
// CodeBusy once. The visit must not go on with its View afterwards.
func (v *Visit) Rotate(ctx context.Context, ended []string, report locket.Reporter) (out Rotated, err error) {
	if err := v.Keys().ownersOnly(); err != nil {
		return out, err
	}
	if v.use.grant != nil {
		return out, locket.Errorf(locket.CodeDenied, "a session can't change the pod's key; use the passphrase or an API key")
	}
	r := rotation{Visit: v, dir: v.use.dir, report: report, newKey: secret.Random(keyring.KeySize)}
	defer r.newKey.Wipe()
	if r.drop, err = slotIDs(ended); err != nil {
		return out, err
	}
	unlock, err := lockRotation(r.dir)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := r.prepare(ctx); err != nil {
		return out, err
	}
	defer r.dbKey.Wipe()
	if err := r.run(ctx); err != nil {
		return out, err
	}
	return Rotated{r.header.Epoch(), len(r.header.Slots()), ended, r.bytes}, nil
}

// lockRotation keeps other processes from changing the pod's key until unlock. Where the
// system has no such locks, the second of two gets an error later.
func lockRotation(dir *os.Root) (unlock func() error, err error) {
	unlock, ok, err := durable.TryLock(dir, "rotate.lock")
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return func() error { return nil }, nil
	case err == nil && !ok:
		err = locket.Errorf(locket.CodeBusy, "the pod's key is being changed by another process; wait until it is done")
	}
	return unlock, err
}

// prepare finds out what can be known beforehand: that no key would be lost unasked, and
// that there is room.
func (r *rotation) prepare(ctx context.Context) (err error) {
	for _, id := range r.drop {
		if !slices.ContainsFunc(r.use.header.Slots(), func(s keyring.SlotInfo) bool { return s.ID == id }) {
			return noKey()
		}
	}
	if err := r.rewrap(ctx); err != nil {
		return err
	}
	removeDatabases(r.dir, r.lease.epoch, true)
	info, err := r.dir.Stat(DatabaseName(r.lease.epoch))
	if err != nil {
		return err
	}
	const slack = 32 << 20
	dir := filepath.Join(r.f.path, string(r.lease.pod))
	if free, ok := durable.FreeSpace(dir); ok && free < info.Size()+slack {
		return locket.Errorf(locket.CodeDiskFull, "the new database needs %d MB beside the old one, and %d MB are free; make room and try again",
			(info.Size()+slack)>>20, free>>20)
	}
	r.dbKey, err = keyring.Derive(r.newKey, keyring.PurposeDatabase, sqlcipher.KeySize)
	return err
}

// rewrap makes the new header of the one that there is now.
func (r *rotation) rewrap(ctx context.Context) error {
	h, err := keyring.Load(r.dir)
	if err != nil {
		return err
	}
	if h.Epoch() != r.lease.epoch {
		return rotated()
	}
	r.header, err = h.Rotate(ctx, r.f.kdf, r.use.key, r.newKey, r.call.Credential, r.drop)
	switch {
	case errors.Is(err, keyring.ErrNotKept):
		return locket.Errorf(locket.CodeConflict, "a key of an earlier Locket can't be kept without its passphrase or text: "+
			"name those that may end ('locket key list' shows them), or add them anew first").Because(err)
	case errors.Is(err, keyring.ErrLastSlot):
		return locket.Errorf(locket.CodeConflict, "no key would be left to open the pod").Because(err)
	case err != nil:
		return err
	}
	return r.keepOwner(ctx)
}

// keepOwner refuses a new header that does not let in the owner.
func (r *rotation) keepOwner(ctx context.Context) error {
	names, err := r.View.Slots(ctx)
	if err != nil {
		return err
	}
	var named []string
	for id, n := range names {
		if n.Who == r.View.Principal().ID {
			named = append(named, id)
		}
	}
	if !letInOwner(r.header.Slots(), named) {
		return lastOfOwner()
	}
	return nil
}

func (r *rotation) run(ctx context.Context) (err error) {
	epoch := r.lease.epoch + 1
	path := r.f.databasePath(leaseKey{r.lease.pod, epoch})
	snap, err := r.lease.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	done := false
	defer func() {
		if !done {
			removeDatabases(r.dir, r.lease.epoch, true)
		}
	}()
	err = sqlcipher.Recrypt(ctx, snap, r.lease.key, r.dbKey, path+unfinishedSuffix, func(done, total int64) {
		r.report.Report(locket.Progress{Stage: "encrypting", Done: done * sqlcipher.PageSize, Total: total * sqlcipher.PageSize, Unit: "bytes"})
	})
	if err != nil {
		return fullDisk(err)
	}
	// From here on nobody else can write, and what there is is in both databases.
	r.bytes = int64(snap.Pages()) * sqlcipher.PageSize
	if err := r.rewrap(ctx); err != nil {
		return err
	}
	seen, err := r.sign(ctx, path+unfinishedSuffix)
	if err != nil {
		return err
	}
	if err := r.dir.Rename(DatabaseName(epoch)+unfinishedSuffix, DatabaseName(epoch)); err != nil {
		return fullDisk(err)
	}
	if err := durable.SyncDir(r.dir, "."); err != nil {
		return fullDisk(err)
	}
	if err := r.header.Save(r.dir); err != nil {
		if done = errors.Is(rotatedNow(r.dir, r.lease.epoch), errRotated); !done {
			return fullDisk(err)
		}
		// The old database stays until the next opening has made the header's name sure.
		return locket.Errorf(locket.CodeOf(fullDisk(err)), "the pod has its new key, but the disk failed at the last step; check it, and see 'locket doctor'").Because(err)
	}
	done = true
	removeDatabases(r.dir, epoch, false)
	if err := r.remember(epoch, seen); err != nil {
		r.f.notKept(r.lease.pod, err)
	}
	return nil
}

func rotatedNow(dir *os.Root, epoch int64) error {
	w := headerWatch{dir: dir, epoch: epoch}
	return w.check()
}

// sign writes the entry about the rotation into the new database, with the old key.
func (r *rotation) sign(ctx context.Context, path string) (seen store.Seen, err error) {
	next, err := newSigner(r.newKey)
	if err != nil {
		return seen, err
	}
	defer next.wipe()
	s, err := store.Open(ctx, store.Config{
		Path: path, Key: r.dbKey, Signer: r.lease.sign, Pod: r.lease.pod, Cursors: r.lease.cursors, Now: r.f.opts.Now,
	})
	if err != nil {
		return seen, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	view, err := s.Admit(ctx, r.use.visitor(r.call))
	if err != nil {
		return seen, err
	}
	var ended []string
	for _, id := range r.drop {
		ended = append(ended, id.String())
	}
	seed, err := backupSeed(r.use.key)
	if err != nil {
		return seen, err
	}
	defer seed.Wipe()
	err = view.Rotate(ctx, store.Rotation{
		Epoch: r.header.Epoch(), Generation: r.header.Generation(), Next: next.public(), Ended: ended, BackupSeed: seed.Bytes(),
	})
	if err != nil {
		return seen, err
	}
	if err := s.Checkpoint(ctx); err != nil {
		return seen, err
	}
	return s.Seen(ctx)
}

// remember notes the new key where an old copy of the pod will be recognised by it.
func (r *rotation) remember(epoch int64, seen store.Seen) error {
	if r.f.witness.dir == nil {
		return nil
	}
	key, err := witnessKey(r.newKey)
	if err != nil {
		return err
	}
	defer key.Wipe()
	r.f.note(r.lease.pod, seen)
	return r.f.witness.remember(leaseKey{r.lease.pod, epoch}, key, seen, r.f.triedSlots(r.lease.pod), false)
}

// fullDisk gives what went wrong while copying its code.
func fullDisk(err error) error {
	if errors.Is(err, sqlcipher.ErrFull) || durable.NoSpace(err) {
		return locket.Errorf(locket.CodeDiskFull, "the disk is full; nothing was changed").Because(err)
	}
	if tampered, ok := errors.AsType[*sqlcipher.TamperedError](err); ok {
		return locket.Errorf(locket.CodeTampered, "page %d of the database was altered or damaged, and nothing was changed; run 'locket doctor' and restore from a backup", tampered.Page).Because(err)
	}
	if locket.CodeOf(err) == locket.CodeInternal {
		return fmt.Errorf("pods: rotate: %w", err)
	}
	return err
}
