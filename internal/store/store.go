// Package store keeps a pod's items, edges, blobs and history in one encrypted
// database, and is the only code that writes SQL.
//
// A [Store] is an open database. [Store.Admit] finds out who a visitor is and hands
// out a [View] of what their policy permits; it is the only way to the data: every
// read and write goes through one. A
// write is a function over a [Writer]; it runs in one transaction and becomes
// one signed entry of the journal. Formats: docs/design/store.md.
package store

import (
	"context"
	"crypto"
	"database/sql"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// Config says what to open. The Store borrows Key, Cursors and Signer: their owner
// wipes them after Close.
type Config struct {
	Path   string        // of the database file
	Blobs  *blob.Dir     // the folder of large blobs
	Key    *secret.Key   // 32 bytes, the raw SQLCipher key
	Signer crypto.Signer // with an Ed25519 key
	Pod    locket.PodID
	// Seen is how far the journal had come, if that is known, for [Store.Has] to compare:
	// to read it while opening costs next to nothing.
	Seen Seen
	// Cursors is 32 bytes, the key of the places in lists that are given out.
	Cursors *secret.Key
	// Current is asked before each change, while nobody else can write: its error says
	// that this database is not the pod's any more. nil: it is.
	Current func() error
	Now     func() time.Time // nil: time.Now
}

// A Store is one open pod. Safe for concurrent use.
type Store struct {
	db         *sqlcipher.DB
	blobs      *blob.Dir
	signer     crypto.Signer
	cursors    *secret.Key
	seen       Seen        // as the Config has it
	entryThere []byte      // the record hash of its last entry, as the pod has it
	entries    int64       // that the journal had when the pod was opened
	grown      atomic.Bool // an entry was added to the journal since the pod was opened
	pod        locket.PodID
	current    func() error
	now        func() time.Time

	// writing holds a token while a transaction runs, so that writers of this
	// process queue here, where a context can end the wait, and not in SQLite.
	writing chan struct{}
}

// Create makes the database of a new pod, with owner as its first principal.
func Create(ctx context.Context, c Config, owner locket.Principal) (*Store, error) {
	s, err := open(ctx, c, false)
	if err != nil {
		return nil, err
	}
	if err := s.initialise(ctx, owner); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Open opens an existing pod and brings its schema up to date. A pod written by
// a newer Locket is refused with CodeNewer and left as it is.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := open(ctx, c, true)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// tuning keeps 16 MB of pages in memory, which spares opening them again.
var tuning = []string{"cache_size(-16384)"}

func open(ctx context.Context, c Config, mustExist bool) (*Store, error) {
	db, err := sqlcipher.Open(ctx, c.Path, c.Key, sqlcipher.Options{MustExist: mustExist, Pragmas: tuning})
	if err != nil {
		return nil, failure("open pod", err)
	}
	s := &Store{
		db: db, blobs: c.Blobs, signer: c.Signer, cursors: c.Cursors, seen: c.Seen, pod: c.Pod, current: c.Current, now: c.Now,
		writing: make(chan struct{}, 1),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.current == nil {
		s.current = func() error { return nil }
	}
	return s, nil
}

// Close closes the database. Views must not be used afterwards.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return failure("close pod", err)
	}
	return nil
}

// upkeep is the view of the pod itself, for work that changes nothing that its owner
// sees.
func (s *Store) upkeep() *View {
	return &View{s: s, who: principal{kind: locket.KindPod}, access: policy.Everything()}
}

// Checkpoint moves the write-ahead log into the database file as far as readers
// allow.
func (s *Store) Checkpoint(ctx context.Context) error {
	var busy, log, done int
	err := s.db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &done)
	if err != nil {
		return failure("checkpoint", err)
	}
	return nil
}

// failure turns an error of the layers below into one that can be shown. nil
// stays nil, and what can be shown already stays as it is.
func failure(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*locket.Error](err); ok {
		return e
	}
	e := &locket.Error{Op: op, Code: locket.CodeInternal, Err: err}
	switch {
	case errors.Is(err, context.Canceled):
		e.Code, e.Msg = locket.CodeCancelled, "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Msg = locket.CodeBusy, "this took too long; try again"
	case errors.Is(err, sqlcipher.ErrWrongKey):
		e.Code, e.Msg = locket.CodeTampered, "the database does not belong to this key; restore both from one backup"
	case errors.Is(err, sqlcipher.ErrTampered), errors.Is(err, blob.ErrTampered):
		e.Code, e.Msg = locket.CodeTampered, "stored data was altered or damaged; run 'locket doctor' and restore from a backup"
	case errors.Is(err, blob.ErrTooLarge):
		e.Code, e.Msg = locket.CodeTooLarge, "a file can have at most 64 GiB"
	case errors.Is(err, sqlcipher.ErrBusy):
		e.Code, e.Msg = locket.CodeBusy, "another program is writing to the pod; try again"
	case errors.Is(err, sqlcipher.ErrFull), durable.NoSpace(err):
		e.Code, e.Msg = locket.CodeDiskFull, "the disk is full; nothing was changed"
	case errors.Is(err, sqlcipher.ErrIO), errors.Is(err, syscall.EIO):
		e.Msg = "the disk could not be read or written; check it, then try again"
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Msg = locket.CodeTampered, "a file of the pod is missing; restore the pod's folder from a backup"
	case errors.Is(err, sql.ErrNoRows):
		e.Code, e.Msg = locket.CodeNotFound, "not found"
	}
	return e
}

func uuidBytes(s string) ([]byte, bool) {
	u, ok := locket.ParseUUID(s)
	return u[:], ok
}

func uuidText(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return locket.FormatUUID([16]byte(b))
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

func notFound(what string) error { return locket.Errorf(locket.CodeNotFound, "no such %s", what) }

func itemID(id locket.ItemID) ([]byte, error) {
	b, ok := uuidBytes(string(id))
	if !ok {
		return nil, locket.Errorf(locket.CodeInvalid, "%q is not an id; ids look like 0192f3a4-…, 36 characters", clip(string(id), 60))
	}
	return b, nil
}

// clip bounds a piece of input for a message, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
