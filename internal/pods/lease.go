package pods

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// A leaseKey names what is open: a pod with one of its keys. While the pod gets another,
// those who came before stay with theirs.
type leaseKey struct {
	pod   locket.PodID
	epoch int64
}

// A lease is one open pod. It lives from the first use to the last, and a while
// longer if pods are kept open.
type lease struct {
	leaseKey
	ready chan struct{} // closed when the fields down to err are set
	store *store.Store
	dir   *os.Root    // the pod's folder
	key   *secret.Key // of the database
	sign  *signer
	err   error

	cursors *secret.Key     // seals the places in lists that are given out
	witness *secret.Key     // seals what is remembered of the pod
	ctx     context.Context // of the first user, without its end: for shutting

	users int         // guarded by Folder.mu
	timer *time.Timer // guarded by Folder.mu; runs while the pod is kept open unused
}

var errClosed = &locket.Error{Code: locket.CodeBusy, Msg: "Locket is shutting down; try again when it runs"}

// acquire opens the pod, or joins those who have it open or are opening it.
func (f *Folder) acquire(ctx context.Context, k *unlocked) (*lease, error) {
	key, err := keyring.Derive(k.key, keyring.PurposeDatabase, sqlcipher.KeySize)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	l, first, err := f.join(leaseKey{k.pod, k.header.Epoch()})
	if err != nil {
		return nil, err
	}
	if first {
		// Others may be waiting for this lease: it must not fail for one's impatience.
		l.err = f.start(context.WithoutCancel(ctx), l, k)
		close(l.ready)
	}
	select {
	case <-l.ready:
		err = l.err
	case <-ctx.Done():
		err = &locket.Error{Code: locket.CodeCancelled, Msg: "cancelled", Err: ctx.Err()}
	}
	if err == nil && !l.key.Equal(key) {
		err = locket.Errorf(locket.CodeBusy, "the pod's key has just been changed; try again")
	}
	if err != nil {
		f.release(l)
		return nil, err
	}
	return l, nil
}

// join finds the pod's lease or makes one, and counts the caller in. first tells
// that the caller must start it.
func (f *Folder) join(key leaseKey) (l *lease, first bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, errClosed
	}
	l = f.open[key]
	if l == nil {
		l, first = &lease{leaseKey: key, ready: make(chan struct{})}, true
		f.open[key] = l
		f.closing.Add(1) // until shut has run
	}
	if l.timer != nil && l.timer.Stop() {
		l.timer = nil
	}
	l.users++
	return l, first, nil
}

// start opens what a lease holds.
func (f *Folder) start(ctx context.Context, l *lease, k *unlocked) (err error) {
	c, err := f.config(l, k)
	if err != nil {
		return err
	}
	c.Seen = f.lastSeen(k.pod)
	if l.store, err = store.Open(ctx, c); err != nil {
		if moved := c.Current(); errors.Is(moved, errRotated) {
			return errStale // the header was read just before it changed
		}
		return err
	}
	if l.epoch > 1 {
		removeDatabases(l.dir, l.epoch, false)
	}
	l.ctx = ctx
	if err := f.checkSeen(ctx, l); err != nil {
		return err
	}
	if f.opts.Server {
		// Without the locks the pod works all the same, and opens more slowly.
		if err := f.holder(l.leaseKey).Hold(); err != nil && !errors.Is(err, sqlcipher.ErrBusy) {
			f.opts.Log.LogAttrs(ctx, slog.LevelWarn, "locks not held", slog.String("pod", string(k.pod)), slog.String("cause", err.Error()))
		}
	}
	return nil
}

// config derives the keys and opens the blobs. The lease owns them from here on.
func (f *Folder) config(l *lease, k *unlocked) (c store.Config, err error) {
	if l.key, err = keyring.Derive(k.key, keyring.PurposeDatabase, sqlcipher.KeySize); err != nil {
		return c, err
	}
	if l.sign, err = newSigner(k.key); err != nil {
		return c, err
	}
	if l.witness, err = witnessKey(k.key); err != nil {
		return c, err
	}
	if l.cursors, err = keyring.Derive(k.key, keyring.PurposeCursors, keyring.KeySize); err != nil {
		return c, err
	}
	root, err := f.root.OpenRoot(string(k.pod))
	if err != nil {
		return c, err
	}
	l.dir = root
	blobs, err := blob.Open(root)
	if err != nil {
		return c, err
	}
	return store.Config{
		Path: f.databasePath(l.leaseKey), Blobs: blobs, Key: l.key, Signer: l.sign, Pod: k.pod, Cursors: l.cursors, Now: f.opts.Now,
		Current: (&headerWatch{dir: root, epoch: l.epoch, known: k.info}).check,
	}, nil
}

func (f *Folder) databasePath(k leaseKey) string {
	return filepath.Join(f.path, string(k.pod), DatabaseName(k.epoch))
}

// errStale says that header and database are not of the same time.
var errStale = errors.New("pods: header and database differ in generation")

// checkGeneration compares the header with the database, so that a removed slot
// does not come back with an old copy of the header. A header that is one ahead
// was saved just before a crash, and the database, whose generation is g, follows it.
// A grant comes without a header.
func (l *lease) checkGeneration(ctx context.Context, k *unlocked, g int64) error {
	switch {
	case k.grant != nil || g == k.header.Generation():
		return nil
	case k.header.Generation() == g+1:
		// Who saved it may have died before its name was sure to stay.
		if err := durable.SyncDir(k.dir, "."); err != nil {
			return err
		}
		return l.store.FollowHeader(ctx, g)
	}
	return locket.Errorf(locket.CodeTampered, "the pod's header and database are not of the same time: "+
		"one of them was put back from a copy; put back both from one backup").Because(errStale)
}

// holder returns the lock holder of a database. There is one for the life of the process,
// or until the pod has another key.
func (f *Folder) holder(k leaseKey) *sqlcipher.Holder {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.holders[k]
	if h == nil {
		h = sqlcipher.NewHolder(f.databasePath(k))
		f.holders[k] = h
	}
	return h
}

// tend removes what crashes and forgotten uploads left in a pod, once in the life
// of a server. A failure is noted and tried again at the next use.
func (f *Folder) tend(ctx context.Context, pod locket.PodID, l *lease) {
	f.mu.Lock()
	due := f.opts.Server && !f.tended[pod]
	f.tended[pod] = true
	f.mu.Unlock()
	if !due {
		return
	}
	n, err := l.store.CollectBlobs(ctx)
	if err != nil { // the answer is ready; this can wait
		f.opts.Log.LogAttrs(ctx, slog.LevelWarn, "blobs not collected", slog.String("pod", string(pod)), slog.String("code", string(locket.CodeOf(err))))
		f.mu.Lock()
		f.tended[pod] = false
		f.mu.Unlock()
		return
	}
	f.opts.Log.LogAttrs(ctx, slog.LevelDebug, "blobs collected", slog.String("pod", string(pod)), slog.Int("removed", n))
}

// release counts a user out. The last one shuts the pod, or leaves that to a timer.
func (f *Folder) release(l *lease) {
	f.mu.Lock()
	l.users--
	if l.users > 0 {
		f.mu.Unlock()
		return
	}
	if f.opts.KeepOpen > 0 && l.err == nil && !f.closed {
		l.timer = time.AfterFunc(f.opts.KeepOpen, func() { f.expire(l) })
		f.mu.Unlock()
		return
	}
	delete(f.open, l.leaseKey)
	f.mu.Unlock()
	f.shut(l)
}

// expire shuts a pod that was kept open, unless it is in use again.
func (f *Folder) expire(l *lease) {
	f.mu.Lock()
	if l.users > 0 || f.open[l.leaseKey] != l {
		f.mu.Unlock()
		return
	}
	delete(f.open, l.leaseKey)
	f.mu.Unlock()
	f.shut(l)
}

// shut closes a lease that is in no map any more and wipes its keys. It runs once.
func (f *Folder) shut(l *lease) {
	defer f.closing.Done()
	var err error
	f.keepSeen(l)
	if l.store != nil {
		err = l.store.Close()
	}
	err = errors.Join(err, f.letGo(l))
	if l.dir != nil {
		err = errors.Join(err, l.dir.Close())
	}
	l.key.Wipe()
	l.witness.Wipe()
	l.cursors.Wipe()
	l.sign.wipe()
	if err != nil {
		f.opts.Log.Error("pod not shut cleanly", slog.String("pod", string(l.pod)), slog.String("cause", err.Error()))
	}
	if f.opts.Shut != nil {
		f.opts.Shut()
	}
}

// letGo ends the lock holder of a database that is not the pod's any more, which keeps
// the removed file on the disk.
func (f *Folder) letGo(l *lease) error {
	f.mu.Lock()
	h := f.holders[l.leaseKey]
	f.mu.Unlock()
	if h == nil || l.dir == nil {
		return nil
	}
	w := headerWatch{dir: l.dir, epoch: l.epoch}
	if !errors.Is(w.check(), errRotated) {
		return nil
	}
	f.mu.Lock()
	delete(f.holders, l.leaseKey)
	f.mu.Unlock()
	return h.Close()
}
