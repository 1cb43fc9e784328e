package sqlcipher

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"

	"github.com/locketpod/locket/internal/secret"
)

// create makes an empty database appear at path whole, or not at all. If
// another process was first, its database stays and create succeeds.
func create(path string, key *secret.Key) error {
	page, err := firstPage(key)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	// The file is closed before it gets its name: closing a file drops the
	// POSIX locks that this process holds on it.
	tmp, err := writeTemp(dir, page)
	if err != nil {
		return fmt.Errorf("sqlcipher: create: %w", err)
	}
	defer func() { _ = os.Remove(tmp) }() // its other name stays
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("sqlcipher: create: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("sqlcipher: create: %w", err)
	}
	return nil
}

// firstPage returns the sealed page 1 of a new database with a fresh salt.
func firstPage(key *secret.Key) ([]byte, error) {
	var salt [SaltSize]byte
	_, _ = rand.Read(salt[:]) // never fails: crypto/rand aborts the program instead
	codec, err := NewCodec(key, salt[:])
	if err != nil {
		return nil, err
	}
	defer codec.Wipe()
	tls := libc.NewTLS()
	defer tls.Close()
	page := make([]byte, PageSize)
	codec.Seal(page, emptyPage(uint32(lib.Xsqlite3_libversion_number(tls)))[:], 1)
	return page, nil
}

// writeTemp writes and syncs a new file with mode 0600 and returns its name.
func writeTemp(dir string, content []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(content); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

// syncDir makes names in a directory durable. Windows does so by itself and
// cannot open directories.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
