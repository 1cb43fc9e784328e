// Package durable writes files so that a crash or a power loss leaves either the
// old file or the new one, whole, and never a mixture.
package durable

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const tempMark = ".tmp-" // between a file's name and 16 random hexadecimal digits

// A File is a new file that is not in its place yet. It ends by Commit or by
// Discard. Not safe for concurrent use.
type File struct {
	root       *os.Root
	name, temp string
	f          *os.File
}

// Create begins a file that will be called name within root, readable by its
// owner only from its first moment (0600). The folder must exist.
func Create(root *os.Root, name string) (*File, error) {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
	temp := name + tempMark + hex.EncodeToString(id[:])
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("durable: %w", err)
	}
	return &File{root: root, name: name, temp: temp, f: f}, nil
}

// Write appends p.
func (f *File) Write(p []byte) (int, error) { return f.f.Write(p) }

// Commit puts the file in its place, over one that is there, and returns when
// both content and name will survive a power loss. If it fails before the file
// is in its place, it leaves nothing behind.
func (f *File) Commit() error {
	if err := errors.Join(f.f.Sync(), f.f.Close()); err != nil {
		return fmt.Errorf("durable: %w", errors.Join(err, f.root.Remove(f.temp)))
	}
	if err := f.root.Rename(f.temp, f.name); err != nil {
		return fmt.Errorf("durable: %w", errors.Join(err, f.root.Remove(f.temp)))
	}
	return SyncDir(f.root, path.Dir(f.name))
}

// Discard removes the file. It must not follow a Commit.
func (f *File) Discard() error {
	return errors.Join(f.f.Close(), f.root.Remove(f.temp))
}

// WriteFile makes data the content of name, whether or not it existed.
func WriteFile(root *os.Root, name string, data []byte) error {
	f, err := Create(root, name)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}

// SyncDir makes the names in a folder survive a power loss. Windows has no such
// call and writes names through its own log.
func SyncDir(root *os.Root, dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(dir)
	if err != nil {
		return fmt.Errorf("durable: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// MkdirAll makes a folder for its owner only (0700), and the folders that it is in.
// Where it made one, the name survives a power loss. A folder that exists stays as it is.
func MkdirAll(dir string) error {
	err := os.Mkdir(dir, 0o700)
	parent := filepath.Dir(dir)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		if info, e := os.Stat(dir); e == nil && info.IsDir() {
			return nil
		}
		return err
	}
	root, err := os.OpenRoot(parent)
	if err != nil {
		return err
	}
	return errors.Join(SyncDir(root, "."), root.Close())
}

// RemoveTemps removes what writers of a file in root's own folder left there when they
// died before their Commit. Nobody may be writing it.
func RemoveTemps(root *os.Root, name string) error {
	dir, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("durable: %w", err)
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return fmt.Errorf("durable: %w", err)
	}
	for _, n := range names {
		if final, ok := TempOf(n); !ok || final != name {
			continue
		}
		if err := root.Remove(n); err != nil {
			return fmt.Errorf("durable: %w", err)
		}
	}
	return nil
}

// TempOf tells whether name is that of a file which never saw its Commit, and
// which name it was to have.
func TempOf(name string) (final string, ok bool) {
	final, id, ok := strings.Cut(name, tempMark)
	raw, err := hex.DecodeString(id)
	return final, ok && err == nil && len(raw) == 8
}

// NoSpace tells whether a file could not be written because the disk is full.
func NoSpace(err error) bool {
	const errorDiskFull = syscall.Errno(112) // of Windows
	return errors.Is(err, syscall.ENOSPC) || runtime.GOOS == "windows" && errors.Is(err, errorDiskFull)
}
