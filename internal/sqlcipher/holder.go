package sqlcipher

import (
	"errors"
	"sync"
)

// A Holder keeps a database's WAL and wal-index alive while no connection is
// open, so that the next one neither recovers nor rebuilds them. It holds
// shared locks and no key.
//
// There is one Holder for a database in a process, kept for the life of the
// process: its descriptors are never closed, because closing one would drop
// the locks that SQLite holds on the same file. It does nothing on systems
// without open-file-description locks.
type Holder struct {
	path string

	mu     sync.Mutex
	target string   // path without symbolic links, "" before the first Hold; guarded by mu
	db     heldFile // guarded by mu
	shm    heldFile // guarded by mu
}

// NewHolder returns a Holder of the database at path that holds nothing yet.
func NewHolder(path string) *Holder { return &Holder{path: path} }

// Hold takes the locks. It must be called while a connection is open, which
// is what makes the wal-index exist and be valid; calling it again is cheap.
// Until Release, journal_mode cannot leave WAL and no other program gets
// exclusive access. ErrBusy means that one has it now.
func (h *Holder) Hold() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hold()
}

// Release lets go. The next connection to close checkpoints the WAL and
// removes it, as if there were no Holder.
func (h *Holder) Release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.release()
}

// Close lets go for good and closes the descriptors. No connection to the database may
// be open in this process: see Holder.
func (h *Holder) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.release(), h.close())
}
