package importer

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A folder is a folder on disk. Symbolic links in it are never followed, and
// nothing outside of it can be reached.
type folder struct {
	root   *os.Root
	limits Limits
}

var _ container = (*folder)(nil)

func (d *folder) walk(_ context.Context, visit func(*File) error) error {
	return fs.WalkDir(d.root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if err := visit(&File{Path: showable(p), refused: "cannot be read: " + reasonOf(err)}); err != nil {
				return err
			}
			if e == nil || e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir() && p != "." && junk(e.Name()):
			if err := visit(&File{Path: showable(p), ignored: true}); err != nil {
				return err
			}
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		return visit(d.file(p, e))
	})
}

func (d *folder) file(p string, e fs.DirEntry) *File {
	f := &File{Path: showable(p)}
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		f.refused = "symbolic link; what it leads to is not imported"
	case !e.Type().IsRegular():
		f.refused = "neither a file nor a folder"
	default:
		f.refused = tooLong(p, d.limits)
	}
	info, err := e.Info()
	if err != nil && f.refused == "" {
		f.refused = "cannot be read: " + reasonOf(err)
	}
	if f.refused != "" {
		return f
	}
	f.Size, f.ModTime = info.Size(), info.ModTime().UnixMicro()
	local := filepath.FromSlash(p)
	f.Open = func() (io.ReadCloser, error) { return d.root.Open(local) }
	f.random = func() (io.ReaderAt, io.Closer, error) {
		file, err := d.root.Open(local)
		return file, file, err
	}
	return f
}
