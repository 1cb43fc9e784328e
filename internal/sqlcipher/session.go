package sqlcipher

import (
	"errors"
	"sync"

	"github.com/locketpod/locket/internal/secret"
)

// keyring holds the key of an open [DB] for the connections that its pool makes.
type keyring struct {
	mu  sync.Mutex
	key *secret.Key // nil after wipe; guarded by mu
}

var errClosed = errors.New("sqlcipher: database is closed")

func (k *keyring) newCodec(salt []byte) (*Codec, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.key == nil {
		return nil, errClosed
	}
	return NewCodec(k.key, salt)
}

func (k *keyring) wipe() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.key.Wipe()
	k.key = nil
}

// A session is what the files of one connection share: the way to its key, what
// went wrong last, and the database file while it is open.
type session struct {
	*keyring
	fail failure
	main *file // for whoever has the connection to itself, as SQLite has

	// Of a database that Encrypt fills: until its first page is written it looks
	// empty to SQLite, though its salt is there.
	fresh bool
	wrote func(pages int64) // told of every page written, if set
	pages int64
}

// handles hands sessions to the VFS. A DSN is a string that SQLite and
// database/sql keep, so it carries a number that is good for one open instead
// of a key. The table is process-wide because SQLite's VFS list is.
var handles = handleTable{open: make(map[int64]*session)}

type handleTable struct {
	mu   sync.Mutex
	last int64
	open map[int64]*session
}

// put returns the handle under which take finds s, once.
func (t *handleTable) put(s *session) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.open[t.last] = s
	return t.last
}

// take returns nil if the handle is unknown or used up. Whoever called put
// calls it too, after the open, for the handle that never came here.
func (t *handleTable) take(id int64) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.open[id]
	delete(t.open, id)
	return s
}
