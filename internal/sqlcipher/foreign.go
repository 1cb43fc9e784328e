package sqlcipher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/locketpod/locket/internal/secret"
)

// Rounds of PBKDF2 that SQLCipher 4 turns a passphrase into a key with.
const passphraseRounds = 256_000

// PassphraseKey returns the raw key of the database at path, if passphrase is its
// passphrase under the defaults of SQLCipher 4. The caller wipes it.
func PassphraseKey(path string, passphrase *secret.Key) (key *secret.Key, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sqlcipher: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var salt [SaltSize]byte
	if _, err := io.ReadFull(f, salt[:]); err != nil {
		return nil, &TamperedError{File: fileMain, Page: 1}
	}
	out := pbkdf2(passphrase.Bytes(), salt, passphraseRounds)
	return secret.Take(out[:]), nil
}

// OpenForeign opens a database of another program for reading, with a nil key a
// plain one. It opens files for reading only, makes none, also no -shm, and reads the
// WAL that it finds. A hot rollback journal is an error. What the schema holds is not
// trusted: views and triggers are off. No value may be longer than maxLength bytes; 0
// is SQLite's own limit. The pool has one connection.
//
// Another program may write meanwhile, and what is read then is no one state of the
// database. Callers compare the files before and after.
func OpenForeign(ctx context.Context, path string, key *secret.Key, maxLength int) (*DB, error) {
	if key != nil && key.Len() != KeySize {
		return nil, fmt.Errorf("sqlcipher: key of %d bytes; want %d", key.Len(), KeySize)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlcipher: %w", err)
	}
	if _, err := setup(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlcipher: %w", err)
	}
	c := &connector{
		path: path, vfs: readName, maxLength: maxLength, keys: &keyring{},
		opts: Options{ReadOnly: true, MaxConns: 1, Pragmas: []string{"page_size(4096)", "auto_vacuum(0)", "busy_timeout(2000)"}},
	}
	if key != nil {
		c.vfs, c.keys.key = cipherRead, key.Clone()
	}
	return openPool(ctx, c)
}
