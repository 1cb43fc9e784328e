package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/locketpod/locket"
)

// openUpload opens what to send for an import: a file as it is, a folder as a tar
// archive made while it is read. The name is what the server recognises it by.
func openUpload(path string) (io.ReadCloser, string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, "", err
	}
	name := filepath.Base(abs)
	info, err := os.Stat(abs)
	if err != nil {
		return nil, "", locket.Errorf(locket.CodeNotFound, "%s cannot be read", path).Because(err)
	}
	if !info.IsDir() {
		f, err := os.Open(abs)
		return f, name, err
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, "", err
	}
	return newArchive(root), name + ".tar", nil
}

// An archive is a folder read as a tar stream.
type archive struct {
	*io.PipeReader
	done chan struct{} // closed when the writing goroutine has ended
}

func newArchive(root *os.Root) *archive {
	r, w := io.Pipe()
	a := &archive{r, make(chan struct{})}
	go func() {
		defer close(a.done)
		_ = w.CloseWithError(errors.Join(pack(root, w), root.Close())) // never fails
	}()
	return a
}

// Close ends the archive, read to its end or not.
func (a *archive) Close() error {
	err := a.PipeReader.Close()
	<-a.done
	return err
}

// pack writes the files below root. Links are packed as such, so that the server
// accounts for them.
func pack(root *os.Root, w io.Writer) error {
	t := tar.NewWriter(w)
	err := fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case info.Mode().IsRegular():
			return packFile(root, t, path, info)
		case info.Mode()&fs.ModeSymlink != 0:
			return t.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: path, Linkname: "-"})
		}
		return nil
	})
	return errors.Join(err, t.Close())
}

func packFile(root *os.Root, t *tar.Writer, path string, info fs.FileInfo) (err error) {
	f, err := root.Open(path)
	if err != nil {
		return err
	}
	defer closing(f, &err)
	h := &tar.Header{Typeflag: tar.TypeReg, Name: path, Size: info.Size(), Mode: 0o600, ModTime: info.ModTime()}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, info.Size())
	return err
}
