package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/locketpod/locket"
)

// Limits bound what a source may hold, so that a hostile or broken one costs
// bounded time and memory. What exceeds a limit of an archive is refused with a
// reason and the rest of the source is read; what exceeds a limit of the whole
// source ends the import with CodeTooLarge.
type Limits struct {
	Entries   int64 // entries of the whole source
	Bytes     int64 // uncompressed bytes of the whole source
	Ratio     int64 // how many times its size an archive or an entry may expand to …
	Slack     int64 // … once it is larger than so many bytes
	Path      int   // bytes of a path
	Depth     int   // folders in a path
	Archives  int   // archives within one another that are looked into; deeper ones are plain files
	Directory int64 // bytes of a zip's central directory, which is held in memory
	Inner     int64 // bytes of a compressed archive in an archive, which is held in memory; larger ones are plain files
}

// DefaultLimits returns the limits that every import of the product has.
func DefaultLimits() Limits {
	return Limits{
		Entries: 1e6, Bytes: 1 << 40, Ratio: 1000, Slack: 100 << 20, Path: 4096, Depth: 64,
		Archives: 2, Directory: 64 << 20, Inner: 32 << 20,
	}
}

// bomb reports whether stored bytes that expand to size look like an archive
// made to exhaust its reader. (Deflate cannot exceed 1032 to 1 honestly.)
func (l Limits) bomb(size, stored int64) bool {
	return size > l.Slack && size/l.Ratio >= max(stored, 1)
}

const bombReason = "expands more than 1000 to 1, as archive bombs do"

// A Tree is the source of an import: a folder, a single file, or an archive
// (.zip, .tar, .tgz, .tar.gz) that is read without being unpacked. Archives found
// inside are read as folders named like them. Not for concurrent use.
type Tree struct {
	name    string
	limits  Limits
	top     container // set for a folder
	file    *File     // set for a single file or an archive
	closer  io.Closer
	index   pathIndex
	exports []*File // of Locket's, each the locket.jsonl; see findExports
}

// Name is the name of the file or folder, without its path.
func (t *Tree) Name() string { return t.name }

// base is the name without what only says how it is packed: a vault and the
// archive of it are the same source.
func (t *Tree) base() string {
	if suffix := archiveSuffix(t.name); len(suffix) < len(t.name) {
		return strings.TrimSuffix(t.name, suffix)
	}
	return t.name
}

// Close closes the source. Files of it must not be used afterwards.
func (t *Tree) Close() error {
	if t.closer == nil {
		return nil
	}
	return t.closer.Close()
}

// OpenPath opens a folder, file or archive on disk. It must be closed. Damage
// inside an archive is no error here: it is met, and accounted for, by Walk.
func OpenPath(name string, l Limits) (*Tree, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, sourceError(name, err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, sourceError(name, err)
	}
	base := filepath.Base(abs)
	switch {
	case info.IsDir():
		root, err := os.OpenRoot(abs)
		if err != nil {
			return nil, sourceError(name, err)
		}
		return &Tree{name: showable(base), limits: l, top: &folder{root: root, limits: l}, closer: root}, nil
	case !info.Mode().IsRegular():
		return nil, locket.Errorf(locket.CodeInvalid, "%s is neither a file nor a folder", name)
	}
	f, err := os.Open(abs)
	if err != nil {
		return nil, sourceError(name, err)
	}
	t := OpenReader(base, f, info.Size(), l)
	t.file.ModTime = info.ModTime().UnixMicro()
	t.closer = f
	return t, nil
}

// OpenReader opens a file or archive of the given name and size, for instance an
// upload. Folders in the name are left out. The caller closes r, after the tree.
func OpenReader(name string, r io.ReaderAt, size int64, l Limits) *Tree {
	if name = showable(path.Base(name)); name == "." || name == ".." || name == "/" {
		name = "upload"
	}
	return &Tree{name: name, limits: l, file: &File{
		Path: name, Size: size,
		Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.NewSectionReader(r, 0, size)), nil
		},
		random: func() (io.ReaderAt, io.Closer, error) { return r, io.NopCloser(nil), nil },
	}}
}

func cancelled(ctx context.Context) error {
	return locket.Errorf(locket.CodeCancelled, "the import was stopped; run it again to go on").Because(ctx.Err())
}

func sourceError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return locket.Errorf(locket.CodeNotFound, "there is no file or folder %s", name).Because(err)
	case errors.Is(err, fs.ErrPermission):
		return locket.Errorf(locket.CodeDenied, "%s cannot be opened: permission denied", name).Because(err)
	}
	return locket.Errorf(locket.CodeInvalid, "%s cannot be opened", name).Because(err)
}

// A container yields files in an order that stays the same from walk to walk.
type container interface {
	// walk visits every entry that is not a folder. The files of some containers
	// can be opened only until visit returns. An error of visit is returned as it
	// is; damage of the container itself as a *damage.
	walk(ctx context.Context, visit func(*File) error) error
}

// A damage says why a container could not be read, or not to its end.
type damage struct{ reason string }

func (d *damage) Error() string { return d.reason }

func damaged(format string, args ...any) error {
	return &damage{reason: fmt.Sprintf(format, args...)}
}

// Walk visits every file of the source, those inside archives included, in an
// order that stays the same. It fails if visit does, if ctx ends, or if a limit of
// the whole source is exceeded. A file of an archive may be opened only until
// visit returns.
func (t *Tree) Walk(ctx context.Context, visit func(*File) error) error {
	return t.walk(ctx, visit, func() error { return nil })
}

// walk is Walk, and calls leave before it closes an archive. Until then the files
// of the archive can be opened, unless they are marked once.
func (t *Tree) walk(ctx context.Context, visit func(*File) error, leave func() error) error {
	w := &walker{tree: t, visit: visit, leave: leave}
	if t.top != nil {
		return w.container(ctx, t.top, "", 0)
	}
	f := *t.file
	return w.file(ctx, &f, "", 0)
}

// A walker is one walk of a tree and what it has counted.
type walker struct {
	tree    *Tree
	visit   func(*File) error
	leave   func() error
	entries int64
	bytes   int64
}

func (w *walker) container(ctx context.Context, c container, prefix string, depth int) error {
	return c.walk(ctx, func(f *File) error {
		if ctx.Err() != nil {
			return cancelled(ctx)
		}
		f.Path = prefix + f.Path
		return w.file(ctx, f, f.Path+"/", depth)
	})
}

// file visits f, or, if it is an archive to be looked into, the files in it,
// whose paths begin with prefix.
func (w *walker) file(ctx context.Context, f *File, prefix string, depth int) error {
	f.Tree, f.depth = w.tree, depth
	f.ignored = f.ignored || f.refused == "" && junk(f.Path)
	if err := w.count(f); err != nil {
		return err
	}
	if f.refused != "" || f.ignored || depth >= w.tree.limits.Archives || !archivable(f, w.tree.limits) {
		return w.visit(f)
	}
	err := w.archive(ctx, f, prefix, depth+1)
	if d, ok := errors.AsType[*damage](err); ok {
		f.refused = d.reason
		return w.visit(f)
	}
	return err
}

// archive visits the files in f. Damage is a *damage.
func (w *walker) archive(ctx context.Context, f *File, prefix string, depth int) error {
	c, closer, err := openArchive(f, w.tree.limits)
	if err != nil {
		return err
	}
	broken := w.container(ctx, c, prefix, depth)
	if _, ok := errors.AsType[*damage](broken); broken != nil && !ok {
		return errors.Join(broken, closer.Close())
	}
	if err := errors.Join(w.leave(), closer.Close()); err != nil {
		return err
	}
	return broken
}

func (w *walker) count(f *File) error {
	w.entries++
	if f.refused == "" && !f.ignored {
		w.bytes += f.Size
	}
	l := w.tree.limits
	if w.entries > l.Entries || w.bytes > l.Bytes {
		return locket.Errorf(locket.CodeTooLarge,
			"%s holds more than %d files or %d GiB; import its parts one by one", w.tree.name, l.Entries, l.Bytes>>30)
	}
	return nil
}
