// Package pods is the folder of pods and the only way into one.
//
// A pod is shut unless a function is running in it: [Folder.Do] takes a
// credential, opens the pod, or joins those who hold it open now, hands out a
// view of it, and when the last one has returned closes it and wipes its keys.
package pods

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// Options of a [Folder]. The zero value suits a program that opens a pod once
// and ends.
type Options struct {
	// KeepOpen is how long a pod stays open after its last user, so that the next
	// one finds it open. 0: it is shut at once.
	KeepOpen time.Duration
	// Server suits a program that opens its pods again and again: the write-ahead
	// log of a shut pod stays in place, held without a key, so that the next opening
	// is quick; and pods are tended now and then.
	Server bool
	// Shut, if set, is called after a pod was shut, from the goroutine that shut
	// it. It must not block.
	Shut func()
	// State is the folder, apart from the pods, in which it is remembered how far each
	// pod's journal had come, so that an old copy of a pod is noticed. "": nothing is.
	State string
	// Sealer makes and opens grants; nil: there are none.
	Sealer keyring.Sealer
	// KDF is the cost of new passwords; zero means [keyring.DefaultParams].
	KDF keyring.Params
	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: time.Now
}

// maxKDF is how many passwords are tried at once: each takes 64 MiB.
const maxKDF = 2

// A Folder holds the pods of one owner or server, each in a folder of its own
// that is called by the pod's id. Safe for concurrent use.
type Folder struct {
	path    string
	root    *os.Root
	opts    Options
	kdf     *keyring.KDF
	witness witness

	mu      sync.Mutex                      // guards what follows; never held while a caller's function or I/O runs
	open    map[leaseKey]*lease             // pods in use now, or kept open
	guards  map[locket.PodID]*keyring.Guard // of pods whose password was tried
	guarded []*os.Root                      // folders that the guards keep their counts in
	holders map[leaseKey]*sqlcipher.Holder  // for the life of the process
	tended  map[locket.PodID]bool           // pods whose leavings were removed
	seen    map[locket.PodID]store.Seen     // how far each pod had come
	tried   map[locket.PodID]triedSlots     // slots that have opened each pod
	closed  bool
	closing sync.WaitGroup // leases being shut
}

// Open opens the folder at path and makes it if there is none.
func Open(path string, o Options) (*Folder, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.KDF == (keyring.Params{}) {
		o.KDF = keyring.DefaultParams()
	}
	if err := durable.MkdirAll(path); err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "can't use the folder %s: %s", path, reason(err)).Because(err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "can't use the folder %s: %s", path, reason(err)).Because(err)
	}
	w, err := openWitness(o.State)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Folder{
		path: path, root: root, opts: o, kdf: keyring.NewKDF(maxKDF), witness: w,
		seen:    make(map[locket.PodID]store.Seen),
		tried:   make(map[locket.PodID]triedSlots),
		open:    make(map[leaseKey]*lease),
		guards:  make(map[locket.PodID]*keyring.Guard),
		holders: make(map[leaseKey]*sqlcipher.Holder),
		tended:  make(map[locket.PodID]bool),
	}, nil
}

// reason is what the system says of a path, without the path.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return "it can't be opened"
}

// Path returns the folder's path.
func (f *Folder) Path() string { return f.path }

// Close waits for running functions, shuts all pods and lets go of their locks.
// No Do may begin afterwards.
func (f *Folder) Close() error {
	f.mu.Lock()
	f.closed = true
	for key, l := range f.open {
		if l.timer != nil && l.timer.Stop() {
			l.timer = nil
			delete(f.open, key)
			f.closing.Go(func() { f.shut(l) })
		}
	}
	f.mu.Unlock()
	f.closing.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	for _, h := range f.holders {
		err = errors.Join(err, h.Release())
	}
	for _, dir := range f.guarded {
		err = errors.Join(err, dir.Close())
	}
	return errors.Join(err, f.root.Close(), f.witness.close())
}

// List returns the ids of the pods in the folder, sorted.
func (f *Folder) List() ([]locket.PodID, error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("pods: %w", err)
	}
	defer func() { _ = dir.Close() }() // only read
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, fmt.Errorf("pods: %w", err)
	}
	var ids []locket.PodID
	for _, e := range entries {
		if _, ok := locket.ParseUUID(e.Name()); !ok || !e.IsDir() {
			continue
		}
		// A folder without a header is one whose creation was cut short.
		switch _, err := f.root.Stat(filepath.Join(e.Name(), "header")); {
		case err == nil:
			ids = append(ids, locket.PodID(e.Name()))
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission): // another user's is not ours to see
			return nil, fmt.Errorf("pods: %w", err)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// Slots returns what the header of a pod says openly of what opens it.
func (f *Folder) Slots(pod locket.PodID) ([]keyring.SlotInfo, error) {
	k := &unlocked{pod: pod}
	if err := f.load(k); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = locket.Errorf(locket.CodeNotFound, "there is no such pod here; 'locket status' lists them").Because(err)
		}
		return nil, err
	}
	return k.header.Slots(), k.dir.Close()
}

// Do runs fn with a view of a pod for the principal whom cred belongs to. The
// pod is open while fn runs; fn must not keep the view. A pod that does not exist
// answers as one that cred does not open.
func (f *Folder) Do(ctx context.Context, pod locket.PodID, cred keyring.Credential, fn func(*store.View) error) error {
	return f.Visit(ctx, Call{Pod: pod, Credential: cred}, func(v *Visit) error { return fn(v.View) })
}

// A Call says who comes to which pod.
type Call struct {
	Pod        locket.PodID
	Credential keyring.Credential // a password, an API key or a presented grant
	Signer     crypto.Signer      // the visitor's own Ed25519 key; nil: the pod signs for them
	Source     locket.Source      // what the visitor says that their changes come of
}

// A Visit is one function's stay in an open pod.
type Visit struct {
	View  *store.View
	f     *Folder
	use   *unlocked
	call  Call
	lease *lease
}

// Pod is the id of the pod.
func (v *Visit) Pod() locket.PodID { return v.call.Pod }

// As is the same stay with another view of the pod.
func (v *Visit) As(view *store.View) *Visit {
	other := *v
	other.View = view
	return &other
}

// Visit unlocks and opens a pod, runs fn and lets go of it. A key may be added or
// revoked between reading the header and reading the database; then both are
// read again.
func (f *Folder) Visit(ctx context.Context, c Call, fn func(*Visit) error) error {
	err := f.visit(ctx, c, fn)
	if errors.Is(err, errStale) {
		err = f.visit(ctx, c, fn)
	}
	return err
}

func (f *Folder) visit(ctx context.Context, c Call, fn func(*Visit) error) error {
	k, err := f.unlock(ctx, c.Pod, c.Credential)
	if err != nil {
		return err
	}
	defer k.wipe()
	l, err := f.acquire(ctx, k)
	if err != nil {
		return err
	}
	defer f.release(l)
	v, err := f.admit(ctx, c, k, l)
	if err != nil {
		return err
	}
	f.noteTried(k)
	if err := fn(&Visit{View: v, f: f, use: k, call: c, lease: l}); err != nil {
		return err
	}
	f.tend(ctx, c.Pod, l)
	return nil
}

// admit finds out who has come, and compares the header that let them in with the
// database.
func (f *Folder) admit(ctx context.Context, c Call, k *unlocked, l *lease) (*store.View, error) {
	by := k.visitor(c)
	v, err := l.store.Admit(ctx, by)
	switch {
	case err == nil:
		return v, l.checkGeneration(ctx, k, v.Generation())
	case by.Slot != "" && locket.CodeOf(err) == locket.CodeUnauthenticated:
		// A slot that the database does not know is in a header of another time.
		g, e := l.store.Generation(ctx)
		if e == nil {
			e = l.checkGeneration(ctx, k, g)
		}
		if e != nil {
			return nil, e
		}
	}
	return nil, err
}

// visitor says how the caller came in. Who has what only the owner has is the owner.
func (k *unlocked) visitor(c Call) store.Visitor {
	by := store.Visitor{Signer: c.Signer, Source: c.Source}
	_, token := c.Credential.(*keyring.Token)
	switch {
	case k.grant != nil:
		by.Grant = k.grant.ID[:]
	case token:
		by.Slot = k.slot.String()
	default:
		by.Owner = true
	}
	return by
}

// Tend removes from a pod what crashes and forgotten uploads left in it, and
// returns how many blobs that were. Servers do so by themselves.
func (f *Folder) Tend(ctx context.Context, pod locket.PodID, cred keyring.Credential) (removed int, err error) {
	err = f.Visit(ctx, Call{Pod: pod, Credential: cred}, func(v *Visit) error {
		removed, err = v.lease.store.CollectBlobs(ctx)
		return err
	})
	return removed, err
}
