package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/locketpod/locket"
)

// archiveSuffix returns the ending that makes a name an archive's, "" for others.
func archiveSuffix(name string) string {
	lower := strings.ToLower(name)
	for _, s := range []string{".zip", ".tar", ".tgz", ".tar.gz"} {
		if strings.HasSuffix(lower, s) {
			return name[len(name)-len(s):]
		}
	}
	return ""
}

// archivable reports whether f is an archive that can be read where it stands: a
// zip and a tar need random access, or must fit in memory.
func archivable(f *File, l Limits) bool {
	switch strings.ToLower(archiveSuffix(f.Path)) {
	case ".zip", ".tar":
		return f.random != nil || !f.once && f.Size <= l.Inner
	case ".tgz", ".tar.gz":
		return !f.once
	}
	return false
}

// openArchive opens what archivable has approved. The closer must be closed when
// the container has been walked. Damage is a *damage.
func openArchive(f *File, l Limits) (container, io.Closer, error) {
	suffix := strings.ToLower(archiveSuffix(f.Path))
	if suffix == ".tgz" || suffix == ".tar.gz" {
		return newTarGz(f, l), io.NopCloser(nil), nil
	}
	r, closer, err := f.randomAccess(l.Inner)
	if err != nil {
		return nil, nil, damaged("cannot be read: %s", reasonOf(err))
	}
	if suffix == ".tar" {
		return newTar(r, f.Size, l), closer, nil
	}
	z, err := newZip(r, f.Size, l)
	if err != nil {
		return nil, nil, errors.Join(err, closer.Close())
	}
	return z, closer, nil
}

// randomAccess returns f's content for reading at any offset, from memory if
// there is no other way.
func (f *File) randomAccess(limit int64) (io.ReaderAt, io.Closer, error) {
	if f.random != nil {
		return f.random()
	}
	b, err := f.readAll(limit)
	if err != nil {
		return nil, nil, err
	}
	return bytes.NewReader(b), io.NopCloser(nil), nil
}

// readAll reads a file of at most limit bytes into memory.
func (f *File) readAll(limit int64) (_ []byte, err error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return b, err
}

// reasonOf returns what a user can be told of an error in reading or writing a
// record: its text without the paths of this machine.
func reasonOf(err error) string {
	if u, ok := errors.AsType[*unreadable](err); ok {
		return u.Error()
	}
	if e, ok := errors.AsType[*locket.Error](err); ok {
		return locket.MessageOf(&locket.Error{Msg: e.Msg})
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return "permission denied"
	}
	return clip(showable(err.Error()), 500)
}

// entryPath checks the name of an archive's entry. It returns the path within the
// archive, in a form that can be stored and shown, and why it is refused, if so.
// Nothing is ever written under such a name; but one that escapes was made to
// deceive, and is not to be taken for a place in the source.
func entryPath(name string, l Limits) (p, refused string) {
	p = showable(name)
	switch {
	case strings.ContainsRune(name, 0):
		return p, "its name holds a NUL character"
	case strings.ContainsRune(name, '\\'):
		return p, `its name holds a backslash ("\")`
	case strings.HasPrefix(name, "/"), len(name) >= 2 && name[1] == ':' && isLetter(name[0]):
		return p, "its name is an absolute path"
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return p, "its name leads out of the archive"
		}
	}
	if refused = tooLong(name, l); refused != "" {
		return clip(p, 200) + "…", refused
	}
	return path.Clean(p), ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func tooLong(name string, l Limits) string {
	if len(name) > l.Path {
		return fmt.Sprintf("its path is longer than %d bytes", l.Path)
	}
	if strings.Count(name, "/") > l.Depth {
		return fmt.Sprintf("it lies more than %d folders deep", l.Depth)
	}
	return ""
}

// showable makes a name storable as text: valid UTF-8, no NUL, of bounded length.
func showable(name string) string {
	name = strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x00", "\uFFFD")
	const most = 4096
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}

// junk reports whether a path belongs to what systems and programs leave behind
// and no person made.
func junk(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		switch strings.ToLower(part) {
		case ".ds_store", "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
			".git", ".hg", ".svn", ".obsidian", ".trash", ".trashes",
			".spotlight-v100", ".fseventsd", "$recycle.bin", "system volume information", "@eadir":
			return true
		}
		if strings.HasPrefix(part, "._") {
			return true
		}
	}
	return false
}
