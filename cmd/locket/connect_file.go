package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agentcfg"
	"github.com/locketpod/locket/internal/durable"
)

// maxConfig bounds what is read of a client's configuration.
const maxConfig = 64 << 20

// A configFile is a client's configuration file and what is to become of it.
type configFile struct {
	path   string // as the client knows it
	real   string // where it is, if path is a link
	text   []byte // as it was read
	mode   fs.FileMode
	exists bool

	changed []byte // what it will hold
	edits   []agentcfg.Edit
}

// openConfig reads a configuration. A file that is not there yet is empty.
func openConfig(path string) (*configFile, error) {
	f := &configFile{path: path, real: path, mode: 0o600}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be read", path).Because(err)
	case info.Mode()&fs.ModeSymlink != 0:
		if f.real, err = filepath.EvalSymlinks(path); err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "%s is a link to what is not there; make the file, or remove the link", path).Because(err)
		}
		if info, err = os.Stat(f.real); err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be read", path).Because(err)
		}
	}
	if !info.Mode().IsRegular() {
		return nil, locket.Errorf(locket.CodeInvalid, "%s is not a file", path)
	}
	f.exists, f.mode = true, info.Mode().Perm()
	f.text, err = readFile(nil, f.real, maxConfig)
	return f, err
}

// becomes notes what the file is to hold. What edit says of the text gets the path.
func (f *configFile) becomes(edit func(text []byte) (document, error)) error {
	d, err := edit(f.text)
	switch {
	case errors.Is(err, agentcfg.ErrMalformed):
		return locket.Errorf(locket.CodeInvalid, "%s is not well formed, so it stays as it is: %s", f.path, strings.TrimPrefix(err.Error(), agentcfg.ErrMalformed.Error()+": ")).Because(err)
	case errors.Is(err, agentcfg.ErrForm):
		return locket.Errorf(locket.CodeUnsupported, "%s stays as it is: %s; change it by hand, '--dry-run' after moving it away shows how", f.path, err).Because(err)
	case err != nil:
		return err
	}
	f.changed, f.edits = d.Text(), d.Edits()
	return nil
}

func (f *configFile) dirty() bool { return len(f.edits) > 0 }

// save writes the file, over the old one in one step, and keeps a copy of that beside
// it: backup is its path. A file that has changed since it was read is left alone.
func (f *configFile) save(now time.Time) (backup string, err error) {
	dir, name := filepath.Split(f.real)
	if err := durable.MkdirAll(filepath.Clean(dir)); err != nil {
		return "", unwritable(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", unwritable(dir, err)
	}
	defer closing(root, &err)
	if f.exists {
		backup = f.real + ".locket-backup-" + now.UTC().Format("20060102T150405.000Z")
		if err := durable.WriteFile(root, filepath.Base(backup), f.text); err != nil {
			return "", unwritable(backup, err)
		}
	}
	if err := f.unchanged(root, name); err != nil {
		return backup, err
	}
	if err := durable.WriteFile(root, name, f.changed); err != nil {
		return backup, unwritable(f.real, err)
	}
	if f.mode != 0o600 {
		if err := root.Chmod(name, f.mode); err != nil {
			return backup, unwritable(f.real, err)
		}
	}
	return backup, nil
}

// unchanged makes sure that the file is as it was read. The client may write it, too.
func (f *configFile) unchanged(root *os.Root, name string) (err error) {
	now, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) && !f.exists {
		return nil
	}
	if err != nil {
		return locket.Errorf(locket.CodeConflict, "%s changed meanwhile; try again", f.path).Because(err)
	}
	defer closing(now, &err)
	text, err := io.ReadAll(io.LimitReader(now, maxConfig+1))
	if err != nil || !f.exists || !bytes.Equal(text, f.text) {
		return locket.Errorf(locket.CodeConflict, "%s changed meanwhile; try again", f.path).Because(err)
	}
	return nil
}

func unwritable(path string, err error) error {
	switch {
	case durable.NoSpace(err):
		return locket.Errorf(locket.CodeDiskFull, "%s cannot be written: the disk is full", path).Because(err)
	case errors.Is(err, fs.ErrPermission):
		return locket.Errorf(locket.CodeInvalid, "%s cannot be written: you may not", path).Because(err)
	}
	return locket.Errorf(locket.CodeInternal, "%s cannot be written", path).Because(err)
}
