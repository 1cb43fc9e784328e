package pods

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// maxWitness bounds the file of a witness in bytes.
const maxWitness = 4 << 10

// A witness remembers outside the pod how far its journal had come, so that an old
// copy of the pod that was put back is noticed. What it writes is sealed: how many
// entries a pod has is nobody's business.
type witness struct {
	dir *os.Root // nil: nothing is remembered
}

// testimony is the sealed content of the file.
type testimony struct {
	Size int64  `cbor:"size"`
	Root []byte `cbor:"root"`
	Last []byte `cbor:"last"`
	// Tried are the ids of the slots that have opened the pod here, one after the other.
	Tried []byte `cbor:"tried"`
}

func openWitness(path string) (witness, error) {
	if path == "" {
		return witness{}, nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return witness{}, noState(path, err)
	}
	dir, err := os.OpenRoot(path)
	if err != nil {
		return witness{}, noState(path, err)
	}
	return witness{dir}, nil
}

func noState(path string, err error) error {
	return locket.Errorf(locket.CodeInvalid, "can't remember in the folder %s what was seen of pods: %s; name another folder with LOCKET_STATE, or none by leaving it empty",
		path, reason(err)).Because(err)
}

func (w witness) close() error {
	if w.dir == nil {
		return nil
	}
	return w.dir.Close()
}

func witnessKey(podKey *secret.Key) (*secret.Key, error) {
	return keyring.Derive(podKey, keyring.PurposeWitness, keyring.KeySize)
}

func witnessName(pod locket.PodID) string { return string(pod) + ".seen" }

func witnessAD(pod locket.PodID) []byte { return []byte("locket/v1/witness\n" + string(pod)) }

// A record is the file. The epoch is that of the pod's key, which the header says openly.
type record struct {
	Epoch int64  `cbor:"epoch"`
	Box   []byte `cbor:"box"`
}

// read returns the file as it is; ok is false if there is none that can be read: whoever
// can write the file could remove it, too.
func (w witness) read(pod locket.PodID) (r record, ok bool, err error) {
	if w.dir == nil {
		return r, false, nil
	}
	f, err := w.dir.Open(witnessName(pod))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	} else if err != nil {
		return r, false, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxWitness))
	if err := errors.Join(err, f.Close()); err != nil {
		return r, false, err
	}
	return r, canon.Unmarshal(data, &r) == nil, nil
}

// recall reads what was remembered of a pod with this key. Of a key before it nothing is
// known any more; one after it makes the pod an old copy, which is errOlderKey; another
// of the same epoch makes it a copy that was rotated apart, which is errOtherKey.
func (w witness) recall(k leaseKey, key *secret.Key) (t testimony, err error) {
	r, ok, err := w.read(k.pod)
	switch {
	case err != nil || !ok || r.Epoch < k.epoch:
		return t, err
	case r.Epoch > k.epoch:
		return t, errOlderKey
	}
	text, err := seal.Open(key, r.Box, witnessAD(k.pod))
	if err != nil {
		return t, errOtherKey
	}
	var seen store.Seen
	if err := canon.Unmarshal(text, &t); err != nil || len(t.Root) != len(seen.Root) || len(t.Last) != len(seen.Last) || len(t.Tried)%len(keyring.SlotID{}) != 0 {
		return testimony{}, nil
	}
	return t, nil
}

// remember writes what is known of a pod, unless a later key of it has been seen.
func (w witness) remember(k leaseKey, key *secret.Key, seen store.Seen, tried triedSlots, force bool) error {
	if r, ok, err := w.read(k.pod); err != nil || ok && r.Epoch > k.epoch && !force {
		return err
	}
	text, err := canon.Marshal(testimony{Size: seen.Size, Root: seen.Root[:], Last: seen.Last[:], Tried: tried.bytes()})
	if err != nil {
		return err
	}
	box, err := seal.Seal(key, text, witnessAD(k.pod))
	if err != nil {
		return err
	}
	return w.write(k.pod, record{k.epoch, box})
}

func (w witness) write(pod locket.PodID, r record) error {
	data, err := canon.Marshal(r)
	if err != nil {
		return err
	}
	// Not made durable: after a power loss an older one, or none, does no harm, but in forget.
	temp := fmt.Sprintf("%s.%d", witnessName(pod), os.Getpid())
	if err := w.dir.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return w.dir.Rename(temp, witnessName(pod))
}

func (t testimony) seen() store.Seen {
	s := store.Seen{Size: t.Size}
	copy(s.Root[:], t.Root)
	copy(s.Last[:], t.Last)
	return s
}

var (
	errOlderKey = errors.New("pods: the pod had a later key when it was seen")
	errOtherKey = errors.New("pods: the pod had another key of this epoch when it was seen")
)

// checkSeen refuses a pod that is older than when it was last seen: by this process,
// or by any that remembers in the same place.
func (f *Folder) checkSeen(ctx context.Context, l *lease) error {
	if f.witness.dir == nil {
		return nil
	}
	f.mu.Lock()
	seen, known := f.seen[l.pod]
	f.mu.Unlock()
	has := l.store.Has
	if !known {
		t, err := f.witness.recall(l.leaseKey, l.witness)
		if errors.Is(err, errOlderKey) {
			return locket.Errorf(locket.CodeRolledBack, "this pod has an earlier key than when it was last used here: "+
				"an old copy was put back. If that was you, 'locket verify --accept-older' goes on with it; if not, find out who did").Because(err)
		} else if errors.Is(err, errOtherKey) {
			return locket.Errorf(locket.CodeRolledBack, "this pod has another key than when it was last used here: "+
				"a copy whose key was changed apart was put in its place. If that was you, 'locket verify --accept-older' goes on with it; if not, find out who did").Because(err)
		} else if err != nil {
			return err
		}
		seen, has = t.seen(), l.store.HasAll
		f.recallTried(l.pod, t.Tried)
	}
	ok, err := has(ctx, seen)
	if err == nil && !ok {
		return locket.Errorf(locket.CodeRolledBack, "this pod is older than when it was last used here, when its journal had %d entries: "+
			"an old copy was put back. If that was you, 'locket verify --accept-older' goes on with it; if not, find out who did", seen.Size)
	}
	if err == nil && !known {
		f.note(l.pod, seen)
	}
	return err
}

// lastSeen is how far this process knows that a pod had come.
func (f *Folder) lastSeen(pod locket.PodID) store.Seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[pod]
}

func (f *Folder) note(pod locket.PodID, seen store.Seen) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[pod] = seen
}

// keepSeen remembers how far a pod has come that is being shut. Failing to is no reason
// for more than a line in the log: what was remembered before still holds.
func (f *Folder) keepSeen(l *lease) {
	if f.witness.dir == nil || l.store == nil || l.err != nil {
		return
	}
	before, tried, more := f.lastSeen(l.pod), f.triedSlots(l.pod), f.newlyTried(l.pod)
	if before.Size > 0 && before.Size == l.store.Entries() && !l.store.Grown() && !more {
		return
	}
	now, err := l.store.Seen(l.ctx)
	if err == nil && now == before && !more {
		return
	}
	if err == nil {
		err = f.witness.remember(l.leaseKey, l.witness, now, tried, false)
	}
	if err != nil {
		f.notKept(l.pod, err)
		return
	}
	if now.Size >= before.Size {
		f.note(l.pod, now)
	}
}

func (f *Folder) notKept(pod locket.PodID, err error) {
	f.opts.Log.Warn("checkpoint not kept", slog.String("pod", string(pod)), slog.String("cause", err.Error()))
}

// AcceptOlder takes the pod as it is for its present state, whatever was seen of it
// before. If it does not open all the same, what was seen is not forgotten.
func (f *Folder) AcceptOlder(ctx context.Context, pod locket.PodID, cred keyring.Credential) error {
	k, err := f.unlock(ctx, pod, cred)
	if err != nil {
		return err
	}
	defer k.wipe()
	if f.witness.dir == nil {
		return f.Do(ctx, pod, cred, func(*store.View) error { return nil })
	}
	before, known, err := f.witness.read(pod)
	if err != nil {
		return err
	}
	f.mu.Lock()
	seen, seenHere := f.seen[pod]
	delete(f.seen, pod)
	f.mu.Unlock()
	err = f.forget(pod, k)
	if err == nil {
		err = f.Do(ctx, pod, cred, func(*store.View) error { return nil })
	}
	if err == nil {
		return nil
	}
	f.mu.Lock()
	delete(f.seen, pod)
	if seenHere {
		f.seen[pod] = seen
	}
	f.mu.Unlock()
	if !known {
		return errors.Join(err, f.witness.dir.RemoveAll(witnessName(pod)))
	}
	return errors.Join(err, f.witness.write(pod, before))
}

// forget remembers of a pod no more than its key.
func (f *Folder) forget(pod locket.PodID, k *unlocked) error {
	key, err := witnessKey(k.key)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if err := f.witness.remember(leaseKey{pod, k.header.Epoch()}, key, store.Seen{}, f.triedSlots(pod), true); err != nil {
		return err
	}
	return f.witness.sync(pod)
}

// sync makes what was written durable: with what was remembered before, an older copy
// that was accepted would be refused after a power loss.
func (w witness) sync(pod locket.PodID) error {
	f, err := w.dir.OpenFile(witnessName(pod), os.O_RDWR, 0) // Windows syncs no file that is only read
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return durable.SyncDir(w.dir, ".")
}
