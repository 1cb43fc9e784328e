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
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// maxWitness bounds the file of a witness in bytes.
const maxWitness = 1 << 10

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

// recall reads what was remembered of a pod. What can't be read is as if it were not
// there: whoever can write the file could remove it, too.
func (w witness) recall(pod locket.PodID, key *secret.Key) (seen store.Seen, err error) {
	if w.dir == nil {
		return seen, nil
	}
	f, err := w.dir.Open(witnessName(pod))
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	} else if err != nil {
		return seen, err
	}
	box, err := io.ReadAll(io.LimitReader(f, maxWitness))
	if err := errors.Join(err, f.Close()); err != nil {
		return seen, err
	}
	text, err := seal.Open(key, box, witnessAD(pod))
	if err != nil {
		return seen, nil
	}
	var t testimony
	if err := canon.Unmarshal(text, &t); err != nil || len(t.Root) != len(seen.Root) || len(t.Last) != len(seen.Last) {
		return seen, nil
	}
	seen.Size = t.Size
	copy(seen.Root[:], t.Root)
	copy(seen.Last[:], t.Last)
	return seen, nil
}

// remember writes how far a pod has come.
func (w witness) remember(pod locket.PodID, key *secret.Key, seen store.Seen) error {
	text, err := canon.Marshal(testimony{Size: seen.Size, Root: seen.Root[:], Last: seen.Last[:]})
	if err != nil {
		return err
	}
	box, err := seal.Seal(key, text, witnessAD(pod))
	if err != nil {
		return err
	}
	// Not made durable: after a power loss an older one, or none, does no harm.
	temp := fmt.Sprintf("%s.%d", witnessName(pod), os.Getpid())
	if err := w.dir.WriteFile(temp, box, 0o600); err != nil {
		return err
	}
	return w.dir.Rename(temp, witnessName(pod))
}

// checkSeen refuses a pod that is older than when it was last seen: by this process,
// or by any that remembers in the same place.
func (f *Folder) checkSeen(ctx context.Context, pod locket.PodID, l *lease) error {
	if f.witness.dir == nil {
		return nil
	}
	f.mu.Lock()
	seen, known := f.seen[pod]
	f.mu.Unlock()
	has := l.store.Has
	if !known {
		var err error
		if seen, err = f.witness.recall(pod, l.witness); err != nil {
			return err
		}
		has = l.store.HasAll
	}
	ok, err := has(ctx, seen)
	if err == nil && !ok {
		return locket.Errorf(locket.CodeRolledBack, "this pod is older than when it was last used here, when its journal had %d entries: "+
			"an old copy was put back. If that was you, 'locket verify --accept-older' goes on with it; if not, find out who did", seen.Size)
	}
	if err == nil && !known {
		f.note(pod, seen)
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
func (f *Folder) keepSeen(pod locket.PodID, l *lease) {
	if f.witness.dir == nil || l.store == nil || l.err != nil {
		return
	}
	before := f.lastSeen(pod)
	if before.Size > 0 && !l.store.Grown() {
		return
	}
	now, err := l.store.Seen(l.ctx)
	if err == nil && now == before {
		return
	}
	if err == nil {
		err = f.witness.remember(pod, l.witness, now)
	}
	if err != nil {
		f.opts.Log.Warn("checkpoint not kept", slog.String("pod", string(pod)), slog.String("cause", err.Error()))
		return
	}
	f.note(pod, now)
}

// AcceptOlder takes the pod as it is for its present state, whatever was seen of it
// before.
func (f *Folder) AcceptOlder(ctx context.Context, pod locket.PodID, cred keyring.Credential) error {
	k, err := f.unlock(ctx, pod, cred)
	if err != nil {
		return err
	}
	defer k.wipe()
	key, err := witnessKey(k.key)
	if err != nil {
		return err
	}
	defer key.Wipe()
	f.mu.Lock()
	delete(f.seen, pod)
	f.mu.Unlock()
	if f.witness.dir == nil {
		return nil
	}
	if err := f.witness.remember(pod, key, store.Seen{}); err != nil {
		return err
	}
	return f.Do(ctx, pod, cred, func(*store.View) error { return nil })
}
