// Package foreign reads SQLite databases that other programs made: what tables they
// have, what the columns hold, and the rows. It writes nothing, trusts nothing in the
// schema, and knows nothing of pods.
package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// Bounds on a database.
const (
	MaxValue  = 256 << 20 // bytes of one value
	maxTables = 10_000    // entries of the schema
)

const magic = "SQLite format 3\x00"

// A DB is an open database of another program. Not for concurrent use.
type DB struct {
	sql    *sqlcipher.DB
	path   string
	before [2]stamp
	tables []Table
}

// A stamp tells whether a file was written to.
type stamp struct {
	size, modified int64
}

// Open opens the database at path, an encrypted one with its raw key, a plain one
// with nil, and reads its schema. The DB must be closed.
func Open(ctx context.Context, path string, key *secret.Key) (*DB, error) {
	return open(ctx, path, key, MaxValue)
}

// OpenWhole is Open for a copy of everything: values may be as long as SQLite allows.
func OpenWhole(ctx context.Context, path string, key *secret.Key) (*DB, error) {
	return open(ctx, path, key, 0)
}

func open(ctx context.Context, path string, key *secret.Key, most int) (*DB, error) {
	d := &DB{path: path}
	plain, err := isPlain(path)
	switch {
	case err != nil:
		return nil, d.explain(err)
	case plain && key != nil:
		return nil, locket.Errorf(locket.CodeInvalid, "%s is not encrypted; use 'locket import sqlite'", d.Name())
	case !plain && key == nil:
		return nil, locket.Errorf(locket.CodeInvalid, "%s is no SQLite database, or an encrypted one; for SQLCipher use 'locket import sqlcipher'", d.Name())
	}
	if d.before, err = d.stamps(); err != nil {
		return nil, d.explain(err)
	}
	if d.sql, err = sqlcipher.OpenForeign(ctx, path, key, most); err != nil {
		return nil, d.explain(err)
	}
	if d.tables, err = d.schema(ctx); err != nil {
		return nil, errors.Join(d.explain(err), d.sql.Close())
	}
	return d, nil
}

func isPlain(path string) (plain bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, locket.Errorf(locket.CodeInvalid, "%s is no file", filepath.Base(path))
	}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return string(head) == magic, nil
}

// Name is the name of the file, without its path.
func (d *DB) Name() string { return filepath.Base(d.path) }

// Tables returns what the schema lists, in its order.
func (d *DB) Tables() []Table { return d.tables }

// Size returns the bytes of the database and its WAL.
func (d *DB) Size() int64 { return d.before[0].size + max(d.before[1].size, 0) }

// Close closes the database.
func (d *DB) Close() error { return d.sql.Close() }

// Unchanged fails with CodeConflict if the files were written to since Open: then
// what was read may be no one state of the database.
func (d *DB) Unchanged() error {
	now, err := d.stamps()
	if err != nil {
		return d.explain(err)
	}
	if now != d.before {
		return locket.Errorf(locket.CodeConflict, "%s was written to while it was read; close the program that uses it, and run the same command again", d.Name())
	}
	return nil
}

func (d *DB) stamps() (out [2]stamp, err error) {
	for i, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(d.path + suffix)
		switch {
		case err == nil:
			out[i] = stamp{info.Size(), info.ModTime().UnixNano()}
		case errors.Is(err, fs.ErrNotExist) && i > 0:
			out[i] = stamp{size: -1}
		default:
			return out, err
		}
	}
	return out, nil
}

// IsPod reports whether this is the database of a Locket pod.
func (d *DB) IsPod() bool {
	found := 0
	for _, t := range d.tables {
		switch t.Name {
		case "pod", "changes", "leaves", "items", "principals", "keys":
			found++
		}
	}
	return found == 6
}

// Encrypt copies the database into a new encrypted one. See [sqlcipher.Encrypt].
func (d *DB) Encrypt(ctx context.Context, path string, key *secret.Key, wrote func(pages int64), check func(path string) error) error {
	err := sqlcipher.Encrypt(ctx, d.sql, path, key, wrote, check)
	if errors.Is(err, fs.ErrExist) {
		return locket.Errorf(locket.CodeExists, "%s exists already; choose another name", path).Because(err)
	}
	return d.explain(err)
}

// explain gives an error its code and says what to do.
func (d *DB) explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*locket.Error](err); ok {
		return err
	}
	code, text := locket.CodeInvalid, "%s cannot be read"
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		code, text = locket.CodeNotFound, "there is no file %s"
	case errors.Is(err, fs.ErrPermission):
		code, text = locket.CodeDenied, "%s cannot be opened: permission denied"
	case errors.Is(err, sqlcipher.ErrWrongKey):
		code, text = locket.CodeUnauthenticated, "%s does not open with this key or passphrase, or was not made with the defaults of SQLCipher 4; '--compat 3' says what to do with an older one"
	case errors.Is(err, sqlcipher.ErrTampered):
		code, text = locket.CodeTampered, "%s is damaged; restore it from a backup, import the tables that are whole with --table, or recover what can be had with the sqlite3 tool (.recover)"
	case errors.Is(err, sqlcipher.ErrBusy):
		code, text = locket.CodeBusy, "another program is writing to %s; close it and try again"
	case errors.Is(err, sqlcipher.ErrFull):
		code, text = locket.CodeDiskFull, "the disk is full; nothing of %s was kept"
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch {
		case e.Code() == lib.SQLITE_READONLY_ROLLBACK:
			code, text = locket.CodeConflict, "a program stopped while it was writing to %s; open the database with that program once, so that it is put in order, and try again"
		case e.Code() == lib.SQLITE_INTERRUPT:
			return fmt.Errorf("%w: %w", context.Canceled, err)
		case e.Code()&0xff == lib.SQLITE_TOOBIG:
			code, text = locket.CodeTooLarge, fmt.Sprintf("%%s holds a value of more than %d MiB", MaxValue>>20)
		case e.Code()&0xff == lib.SQLITE_ERROR || e.Code()&0xff == lib.SQLITE_AUTH:
			text = "%s holds something that cannot be read safely: a function, collation or view of another program"
		}
	}
	return locket.Errorf(code, text, d.Name()).Because(err)
}

// quote makes an SQL identifier of a name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
