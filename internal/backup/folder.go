package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/locketpod/locket/internal/durable"
)

// A Folder is a Target in a folder. An object is durable when Put returns.
type Folder struct{ root *os.Root }

// OpenFolder opens the folder at path, which must exist. The caller closes it.
func OpenFolder(path string) (*Folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, failed("opening the folder of the backup", err)
	}
	return &Folder{root}, nil
}

// Close releases the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Put implements [Target].
func (f *Folder) Put(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if !validName(name) {
		return fmt.Errorf("backup: put %.80q: %w", name, fs.ErrInvalid)
	}
	switch _, err := f.root.Lstat(name); {
	case err == nil:
		return fmt.Errorf("backup: put %s: %w", name, fs.ErrExist)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("backup: %w", err)
	}
	if err := f.mkdirs(path.Dir(name)); err != nil {
		return err
	}
	return durable.WriteFile(f.root, name, data)
}

// mkdirs makes a folder and those above it, durably.
func (f *Folder) mkdirs(dir string) error {
	switch err := f.root.Mkdir(dir, 0o700); {
	case err == nil:
		return durable.SyncDir(f.root, path.Dir(dir))
	case errors.Is(err, fs.ErrExist):
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("backup: %w", err)
	}
	if err := f.mkdirs(path.Dir(dir)); err != nil {
		return err
	}
	return f.mkdirs(dir)
}

// Get implements [Target].
func (f *Folder) Get(ctx context.Context, name string, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if !validName(name) {
		return nil, fmt.Errorf("backup: get %.80q: %w", name, fs.ErrInvalid)
	}
	info, err := f.root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return nil, fmt.Errorf("backup: %s is no file: %w", name, fs.ErrInvalid)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return readAll(file, limit)
}

// List implements [Target]. Files that never were finished are among the objects, so that
// Prune sees them.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		top := path.Clean(strings.TrimSuffix(prefix, "/"))
		err := fs.WalkDir(f.root.FS(), top, func(name string, d fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err == nil && d.Type().IsRegular() {
				var info fs.FileInfo
				if info, err = d.Info(); err == nil && !yield(Object{name, info.Size(), info.ModTime()}, nil) {
					return fs.SkipAll
				}
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // none yet, or removed meanwhile
			}
			return err
		})
		if err != nil {
			yield(Object{}, fmt.Errorf("backup: %w", err))
		}
	}
}

// Delete implements [Target]. A snapshot's file is gone for good when it returns: the
// objects that nothing else needs are removed after it.
func (f *Folder) Delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if !validName(name) {
		return fmt.Errorf("backup: delete %.80q: %w", name, fs.ErrInvalid)
	}
	if err := f.root.Remove(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if strings.HasPrefix(name, snapshotFolder) {
		return durable.SyncDir(f.root, path.Dir(name))
	}
	return nil
}
