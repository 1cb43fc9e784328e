package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/durable"
)

// readFile reads a file of at most limit bytes, or in if path is "-" and in is given.
func readFile(in io.Reader, path string, limit int64) (data []byte, err error) {
	if path != "-" || in == nil {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, locket.Errorf(locket.CodeNotFound, "there is no file %s", path).Because(err)
		} else if err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be read", path).Because(err)
		}
		defer closing(f, &err)
		in = f
	}
	data, err = io.ReadAll(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be read", path).Because(err)
	case int64(len(data)) > limit:
		return nil, locket.Errorf(locket.CodeTooLarge, "%s is longer than %s", path, size(limit))
	}
	return data, nil
}

// writeNew makes a file that only its owner may read, and removes it again if write
// fails. When it returns, content and name survive a power loss. An existing file is never
// overwritten.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return locket.Errorf(locket.CodeExists, "%s exists already; choose another name", path)
	} else if err != nil {
		return locket.Errorf(locket.CodeInvalid, "%s cannot be written", path).Because(err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path) // the error that counts is the one above
	}
	return err
}

func syncFolder(path string) error {
	dir, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(dir, "."), dir.Close())
}

// written is what commands print that wrote a file.
type written struct {
	File string `json:"file"`
}

// save writes data to a new file, or to standard output if path is "" or "-".
func (c *cli) save(path string, data []byte) error {
	if path == "" || path == "-" {
		_, err := c.out.Write(data)
		return err
	}
	err := writeNew(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return c.print(written{path}, func(p *printer) { p.line("wrote %s", clean(path, false)) })
}
