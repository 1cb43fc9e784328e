package sqlcipher

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/locketpod/locket/internal/secret"
)

// Encrypt copies the database that from has open (see [OpenForeign]) into a new
// encrypted one at path, page by page through SQLite's VACUUM INTO: tables with their
// row ids, indexes, views, triggers, virtual tables with what is below them, and the
// numbers of the header. Nothing plain is written. path gets its name when the
// copy is whole and durable; fs.ErrExist if there is something already. check, if
// set, sees the copy before that and may refuse it. wrote, if set, is told how many
// pages are written.
func Encrypt(ctx context.Context, from *DB, path string, key *secret.Key, wrote func(pages int64), check func(path string) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("sqlcipher: %w", err)
	}
	if key.Len() != KeySize {
		return fmt.Errorf("sqlcipher: key of %d bytes; want %d", key.Len(), KeySize)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("sqlcipher: encrypt to %s: %w", filepath.Base(path), fs.ErrExist)
	}
	page, err := firstPage(key) // for its salt
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	tmp, err := writeTemp(dir, page)
	if err != nil {
		return fmt.Errorf("sqlcipher: encrypt: %w", err)
	}
	defer func() {
		for _, suffix := range []string{"", "-journal"} {
			_ = os.Remove(tmp + suffix) // the copy has another name by now, or is given up
		}
	}()
	if err := vacuumInto(ctx, from, tmp, key, wrote); err != nil {
		return err
	}
	if check != nil {
		if err := check(tmp); err != nil {
			return err
		}
	}
	if err := syncFile(tmp); err != nil {
		return fmt.Errorf("sqlcipher: encrypt: %w", err)
	}
	if err := os.Link(tmp, path); err != nil {
		return fmt.Errorf("sqlcipher: encrypt to %s: %w", filepath.Base(path), err)
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("sqlcipher: encrypt: %w", err)
	}
	return nil
}

func vacuumInto(ctx context.Context, from *DB, path string, key *secret.Key, wrote func(int64)) (err error) {
	keys := &keyring{key: key.Clone()}
	defer keys.wipe()
	s := &session{keyring: keys, fresh: true, wrote: wrote}
	handle := handles.put(s)
	defer handles.take(handle)
	q := url.Values{"vfs": {vfsName}, "mode": {"rw"}, "reserve": {fmt.Sprint(reserved)}, handleParam: {fmt.Sprint(handle)}}
	if _, err := from.ExecContext(ctx, "VACUUM INTO ?", fileURI(path, q)); err != nil {
		return fmt.Errorf("sqlcipher: encrypt: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
