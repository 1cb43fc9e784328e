// Package sqlcipher keeps SQLite databases encrypted on disk, in the format of
// SQLCipher 4, under the pure-Go SQLite of modernc.org/sqlite.
//
// It is a VFS: SQLite works on plain pages in memory, and every page that goes
// to the database, the WAL or the rollback journal is encrypted and
// authenticated on its way. Every other kind of file is refused. The stock
// sqlcipher tool opens the files with
//
//	PRAGMA key = "x'<64 hex digits>'";
//
// # Not protected
//
// The format authenticates single pages. Whoever can write files may put back
// an older version of a page, or of the whole file, or cut the WAL after an
// earlier commit. See docs/design/sqlcipher.md.
package sqlcipher

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/locketpod/locket/internal/secret"
)

// Options of [Open]. The zero value is a good choice.
type Options struct {
	// Pragmas are set on every connection, "name(value)", in place of the
	// defaults of those names. What weakens the encryption is an ErrRefused.
	Pragmas   []string
	MaxConns  int  // connections in the pool; 0 means 4
	MustExist bool // do not create: fs.ErrNotExist instead
	ReadOnly  bool // implies MustExist
}

// A DB is a pool of connections to one encrypted database. Its errors match
// those of this package with errors.Is.
type DB struct {
	*sql.DB
	keys     *keyring
	readOnly bool
}

// Open opens the database at path with its raw key of [KeySize] bytes, and
// creates it unless told otherwise. It has read page 1 when it returns:
// ErrWrongKey and ErrTampered come from here, not from the first query.
//
// The key is copied; the copy is wiped by Close.
func Open(ctx context.Context, path string, key *secret.Key, o Options) (*DB, error) {
	if key.Len() != KeySize {
		return nil, fmt.Errorf("sqlcipher: key of %d bytes; want %d", key.Len(), KeySize)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlcipher: %w", err)
	}
	v, err := setup()
	if err != nil {
		return nil, err
	}
	switch _, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist) && !o.MustExist && !o.ReadOnly:
		if err := create(path, key); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("sqlcipher: %w", err)
	}
	return openVFS(ctx, v, path, key, o)
}

// openVFS opens an existing database through v.
func openVFS(ctx context.Context, v *vfs, path string, key *secret.Key, o Options) (*DB, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 4
	}
	return openPool(ctx, &connector{path: path, keys: &keyring{key: key.Clone()}, vfs: v.name, opts: o})
}

// openPool opens the first connection of a pool, and with it the database.
func openPool(ctx context.Context, c *connector) (*DB, error) {
	o := c.opts
	db := &DB{sql.OpenDB(c), c.keys, o.ReadOnly}
	db.SetMaxOpenConns(o.MaxConns)
	db.SetMaxIdleConns(o.MaxConns)
	// The first connection reads page 1 and the schema while it sets its pragmas.
	conn, err := db.Conn(ctx)
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		_ = db.Close() // the first error is the one to tell
		return nil, fmt.Errorf("sqlcipher: open %s: %w", filepath.Base(c.path), err)
	}
	return db, nil
}

// Close closes the pool and wipes the key. Connections still in use close when
// they are given back.
func (db *DB) Close() error {
	err := db.DB.Close()
	db.keys.wipe()
	return err
}
