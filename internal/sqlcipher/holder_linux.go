package sqlcipher

import (
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The byte ranges that SQLite's unix VFS locks.
var (
	// Readers share it, and the last connection must own it alone before it
	// removes the WAL.
	sharedRange = unix.Flock_t{Start: 0x40000002, Len: 510}
	// The "dead man's switch" of the -shm file: a connection that finds it
	// shared joins the wal-index as it is instead of recovering it.
	dmsByte = unix.Flock_t{Start: 128, Len: 1}
)

// heldFile is a descriptor that stays open, with its lock. It is a number and
// not an *os.File, which the collector would close.
type heldFile struct {
	fd     int // 0: not open
	dev    uint64
	ino    uint64
	locked bool
}

func (h *Holder) hold() error {
	if h.target == "" {
		target, err := filepath.EvalSymlinks(h.path) // SQLite puts the -shm beside the target
		if err != nil {
			return fmt.Errorf("sqlcipher: hold: %w", err)
		}
		h.target = target
	}
	if err := h.db.lock(h.target, sharedRange); err != nil {
		return err
	}
	if err := h.shm.lock(h.target+"-shm", dmsByte); err != nil {
		return errors.Join(err, h.db.unlock(sharedRange))
	}
	return nil
}

func (h *Holder) release() error {
	return errors.Join(h.shm.unlock(dmsByte), h.db.unlock(sharedRange))
}

func (h *Holder) close() error { return errors.Join(h.shm.close(), h.db.close()) }

func (f *heldFile) close() error {
	if f.fd == 0 {
		return nil
	}
	fd := f.fd
	*f = heldFile{}
	return unix.Close(fd)
}

func (f *heldFile) lock(path string, r unix.Flock_t) error {
	if err := f.open(path); err != nil {
		return fmt.Errorf("sqlcipher: hold: %w", err)
	}
	if f.locked {
		return nil
	}
	r.Type = unix.F_RDLCK
	if err := unix.FcntlFlock(uintptr(f.fd), unix.F_OFD_SETLK, &r); err != nil {
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return ErrBusy
		}
		return fmt.Errorf("sqlcipher: hold: %w", err)
	}
	f.locked = true
	return nil
}

func (f *heldFile) unlock(r unix.Flock_t) error {
	if !f.locked {
		return nil
	}
	r.Type = unix.F_UNLCK
	if err := unix.FcntlFlock(uintptr(f.fd), unix.F_OFD_SETLK, &r); err != nil {
		return fmt.Errorf("sqlcipher: release: %w", err)
	}
	f.locked = false
	return nil
}

// open makes f the file that path names now. A descriptor of a file that has
// since been removed or replaced is closed: nobody can newly open that one.
func (f *heldFile) open(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	if f.fd != 0 && f.dev == uint64(st.Dev) && f.ino == st.Ino {
		return nil
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Fstat(fd, &st); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	old := f.fd
	*f = heldFile{fd: fd, dev: uint64(st.Dev), ino: st.Ino}
	if old != 0 {
		return unix.Close(old)
	}
	return nil
}
