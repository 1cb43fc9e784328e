package sqlcipher

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// How a snapshot waits for readers that keep the log from being emptied. Writers
// wait meanwhile, so it lets go of them from time to time.
const (
	patience   = 10 * time.Second // in all
	heldTries  = 20               // tries with the write lock
	heldPause  = 10 * time.Millisecond
	freedPause = 50 * time.Millisecond
)

// A Snapshot is the sealed pages of a database as of one moment. Others go on
// reading, and writing into the log; no checkpoint touches the file, so the log
// only grows, until Close. In a rollback-journal mode nobody commits until then.
//
// It keeps one connection of the pool to itself, and a frozen one keeps two.
// It is safe for concurrent use.
type Snapshot struct {
	ctx context.Context // of the caller, but never cancelled: for what must end even so
	db  *DB

	mu      sync.Mutex
	reader  *sql.Conn // nil after Close; guarded by mu
	writer  *sql.Conn // has the write lock; nil if not frozen; guarded by mu
	reading bool      // reader is in its transaction; guarded by mu
	blocked bool      // the last checkpoint left a part of the log; guarded by mu
	pages   uint32    // guarded by mu
	tls     *libc.TLS // guarded by mu
	buf     []byte    // of SQLite's heap; ciphertext only; guarded by mu
}

// copyPages is how many pages are read, or copied, at once.
const copyPages = 64

var errNoSnapshot = errors.New("sqlcipher: the snapshot is closed, or its Freeze failed")

// Snapshot holds the database file still. All of the log must be in it for
// that, so it waits for readers that still need older pages, other snapshots
// among them; after 10 s, or when ctx ends, it gives up with [ErrBusy].
//
// The pool must be one of two connections at least, of a database that may be
// written. The caller closes the snapshot before the DB.
func (db *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	s, err := db.newSnapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlcipher: snapshot: %w", err)
	}
	err = s.settle(ctx)
	if err == nil {
		err = s.unlock()
	}
	if err != nil {
		return nil, fmt.Errorf("sqlcipher: snapshot: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (db *DB) newSnapshot(ctx context.Context) (*Snapshot, error) {
	switch {
	case db.readOnly:
		return nil, errors.New("the database is open for reading only, so its log cannot be emptied")
	case db.Stats().MaxOpenConnections == 1:
		return nil, errors.New("the pool has one connection; it takes two")
	}
	tls := libc.NewTLS()
	p := lib.Xsqlite3_malloc(tls, copyPages*PageSize)
	if p == 0 {
		tls.Close()
		return nil, errors.New("out of memory")
	}
	s := &Snapshot{ctx: context.WithoutCancel(ctx), db: db, tls: tls, buf: bytesAt(p, copyPages*PageSize)}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.reader = conn
	return s, nil
}

// Pages returns the size of the database in pages.
func (s *Snapshot) Pages() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages
}

// ReadAt reads the file as it is on disk: sealed pages of [PageSize] bytes. The
// page at 0x40000000, where SQLite keeps its locks, is no page and not sealed.
func (s *Snapshot) ReadAt(p []byte, off int64) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := int64(s.pages) * PageSize
	switch {
	case !s.reading:
		return 0, errNoSnapshot
	case off < 0:
		return 0, fmt.Errorf("sqlcipher: snapshot: offset %d", off)
	case off >= size:
		return 0, io.EOF
	}
	whole := min(int64(len(p)), size-off)
	err = s.withFile(func(f *file) error {
		for n < int(whole) {
			b := s.buf[:min(int(whole)-n, len(s.buf))]
			if rc := f.readBase(s.tls, b, off+int64(n)); rc != lib.SQLITE_OK {
				return fmt.Errorf("%w: reading the database file: code %d", ErrIO, rc)
			}
			n += copy(p[n:], b)
		}
		return nil
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// readIVs reads the first 8 bytes of the IV of each page from first on, which is
// counted from 0.
func (s *Snapshot) readIVs(ivs []uint64, first int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reading {
		return errNoSnapshot
	}
	return s.withFile(func(f *file) error {
		for i := range ivs {
			if rc := f.readBase(s.tls, s.buf[:8], int64(first+i)*PageSize+ivStart); rc != lib.SQLITE_OK {
				return fmt.Errorf("%w: reading the database file: code %d", ErrIO, rc)
			}
			ivs[i] = binary.LittleEndian.Uint64(s.buf)
		}
		return nil
	})
}

// withFile calls f with the reader's database file. A second descriptor of the
// file would be simpler, but where locks are POSIX ones its close would drop all
// those that this process has on the file.
func (s *Snapshot) withFile(f func(*file) error) error {
	return s.reader.Raw(func(dc any) error {
		c, ok := dc.(*conn)
		if !ok || c.session.main == nil {
			return errDriver
		}
		return f(c.session.main)
	})
}

// Freeze brings the snapshot up to now and keeps every writer out until Close.
// Only at its end do writers have to wait: most of what they wrote meanwhile is
// moved into the file before. After an error there is no snapshot any more, and
// nothing to do but to Close it.
func (s *Snapshot) Freeze(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.reading:
		return errNoSnapshot
	case s.writer != nil:
		return nil
	}
	err := s.stopReading()
	if err == nil {
		err = s.settle(ctx)
	}
	if err != nil {
		return fmt.Errorf("sqlcipher: freeze: %w", err)
	}
	return nil
}

// Close lets go.
func (s *Snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.unlock(), s.stopReading())
	if s.reader != nil {
		err = errors.Join(err, giveBack(s.reader))
		s.reader = nil
	}
	if s.buf != nil {
		lib.Xsqlite3_free(s.tls, addr(s.buf))
		s.buf = nil
		s.tls.Close()
	}
	return err
}

// settle empties the log into the file, and returns with the write lock taken
// and the reader reading; or with neither, and an error.
func (s *Snapshot) settle(ctx context.Context) error {
	giveUp := time.NewTimer(patience)
	defer giveUp.Stop()
	for {
		settled, err := s.trySettle(ctx)
		if err == nil && !settled {
			err = wait(ctx, freedPause)
		}
		switch {
		case settled:
			return nil
		case err != nil && ctx.Err() != nil && s.blocked:
			return fmt.Errorf("%w: %w", ErrBusy, err)
		case err != nil:
			return err
		}
		select {
		case <-giveUp.C:
			return fmt.Errorf("%w: something has been reading for too long", ErrBusy)
		default:
		}
	}
}

// trySettle relies on this. With the write lock the log cannot grow. When a
// checkpoint has moved all of it, then
//
//   - a reader that starts now sees exactly the file: walTryBeginRead finds
//     nBackfill equal to mxFrame and takes WAL_READ_LOCK(0), "ignore the log";
//     or, if somebody has that locked for an instant, a mark at the log's end;
//   - walCheckpoint writes the file only with WAL_READ_LOCK(0) taken alone, and
//     no frame behind the mark of a reader. Either of the two keeps it off until
//     that reader ends, whatever is appended to the log, or if it starts anew.
func (s *Snapshot) trySettle(ctx context.Context) (settled bool, err error) {
	if _, err := s.checkpoint(ctx); err != nil { // most of it, while writers go on
		return false, err
	}
	if err := s.lock(ctx); err != nil {
		return false, err
	}
	for range heldTries {
		if settled, err = s.checkpoint(ctx); settled || err != nil {
			break
		}
		if err = wait(ctx, heldPause); err != nil {
			break
		}
	}
	if settled {
		err = s.startReading(ctx)
	}
	if err != nil || !settled {
		return false, errors.Join(err, s.stopReading(), s.unlock())
	}
	return true, nil
}

// checkpoint reports whether all of the log is in the file now.
func (s *Snapshot) checkpoint(ctx context.Context) (all bool, err error) {
	var busy, log, moved int // without a WAL 0, -1, -1
	err = s.reader.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &log, &moved)
	if err != nil {
		return false, err
	}
	s.blocked = busy != 0 || log != moved
	return !s.blocked, nil
}

// lock takes the write lock; busy_timeout is how long it waits.
func (s *Snapshot) lock(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	if err := s.begin(ctx, conn, "BEGIN IMMEDIATE"); err != nil {
		return errors.Join(err, giveBack(conn))
	}
	s.writer = conn
	return nil
}

func (s *Snapshot) unlock() error {
	if s.writer == nil {
		return nil
	}
	err := errors.Join(s.rollback(s.writer), giveBack(s.writer))
	s.writer = nil
	return err
}

// startReading starts the transaction that holds the file still.
func (s *Snapshot) startReading(ctx context.Context) error {
	if err := s.begin(ctx, s.reader, "BEGIN"); err != nil {
		return err
	}
	s.reading = true
	var tables int // the first read is what takes the lock
	err := s.reader.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables)
	if err == nil {
		err = s.reader.QueryRowContext(ctx, "PRAGMA page_count").Scan(&s.pages)
	}
	if err != nil {
		return err
	}
	return s.withFile(func(f *file) error { return s.checkSize(f) })
}

// checkSize finds a file that was cut behind SQLite's back.
func (s *Snapshot) checkSize(f *file) error {
	if rc := fn[ptrFn](f.base.FxFileSize)(s.tls, f.p, addr(s.buf)); rc != lib.SQLITE_OK {
		return fmt.Errorf("%w: size of the database file: code %d", ErrIO, rc)
	}
	if size := *at[int64](addr(s.buf)); size < int64(s.pages)*PageSize {
		return &TamperedError{File: fileMain, Page: uint32(size/PageSize) + 1}
	}
	return nil
}

func (s *Snapshot) stopReading() error {
	if !s.reading {
		return nil
	}
	s.reading = false
	return s.rollback(s.reader)
}

func (s *Snapshot) begin(ctx context.Context, conn *sql.Conn, how string) error {
	_, err := conn.ExecContext(ctx, how)
	if err != nil {
		// One that was cancelled may have begun all the same. If it has not,
		// there is nothing to roll back, and that error tells nothing.
		_ = s.rollback(conn)
	}
	return err
}

// rollback ends a transaction. If it cannot, it ends the connection with it.
func (s *Snapshot) rollback(conn *sql.Conn) error {
	_, err := conn.ExecContext(s.ctx, "ROLLBACK")
	if err == nil {
		return nil
	}
	bad := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(bad, driver.ErrBadConn) {
		return err
	}
	return errors.Join(err, bad)
}

// giveBack returns a connection to the pool, unless rollback has closed it.
func giveBack(conn *sql.Conn) error {
	if err := conn.Close(); !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}

// wait ends early, with an error, when ctx does.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
