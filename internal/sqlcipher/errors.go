package sqlcipher

import (
	"errors"
	"fmt"
	"sync/atomic"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Errors that callers branch on, with errors.Is. Whatever comes out of a [DB]
// for one of these reasons matches; the driver's *sqlite.Error stays in the
// chain for its code.
var (
	// ErrWrongKey: no page verifies under the key. A damaged page 1, or salt,
	// of a database that has no second page looks the same.
	ErrWrongKey = errors.New("sqlcipher: wrong key, or not a SQLCipher 4 database")
	// ErrTampered: the file was damaged or altered. See [TamperedError].
	ErrTampered = errors.New("sqlcipher: damaged or altered")
	// ErrBusy: another connection or process kept its lock for longer than busy_timeout.
	ErrBusy = errors.New("sqlcipher: locked by another connection")
	// ErrFull: no space is left. The transaction is rolled back.
	ErrFull = errors.New("sqlcipher: disk full")
	// ErrIO: the system could not read, write or sync. The transaction is rolled back.
	ErrIO = errors.New("sqlcipher: input/output error")
	// ErrRefused: a statement or PRAGMA that could take data out of the
	// encryption, or weaken it, and is therefore not allowed.
	ErrRefused = errors.New("sqlcipher: statement not allowed")
)

// A TamperedError tells where damage was found. It is an [ErrTampered].
type TamperedError struct {
	File string // "main", "wal" or "journal"
	Page uint32 // counted from 1; 0 if every page verifies but together they make no database
}

func (e *TamperedError) Error() string {
	if e.Page == 0 {
		return fmt.Sprintf("%v: %s file: pages do not fit together", ErrTampered, e.File)
	}
	return fmt.Sprintf("%v: %s file, page %d", ErrTampered, e.File, e.Page)
}

// Is makes every TamperedError an ErrTampered.
func (*TamperedError) Is(target error) bool { return target == ErrTampered }

// failure remembers why the VFS last refused a page of one connection, which
// SQLite's integer error codes cannot carry.
type failure struct {
	err atomic.Pointer[error]
}

func (f *failure) set(err error) { f.err.Store(&err) }

// explain puts the reason in front of an error of the driver, and returns
// every other error as it is.
func (f *failure) explain(err error) error {
	se, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	reason := f.reason(se.Code())
	if reason == nil || errors.Is(err, reason) {
		return err
	}
	return fmt.Errorf("%w: %w", reason, err)
}

func (f *failure) reason(code int) error {
	// While a connection opens, SQLite gives primary codes only.
	if code == lib.SQLITE_IOERR_DATA || code == lib.SQLITE_IOERR {
		if p := f.err.Load(); p != nil {
			return *p
		}
	}
	switch code & 0xff { // the primary code
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return &TamperedError{File: fileMain}
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return ErrBusy
	case lib.SQLITE_FULL:
		return ErrFull
	case lib.SQLITE_IOERR:
		return ErrIO
	case lib.SQLITE_AUTH:
		return ErrRefused
	}
	return nil
}
