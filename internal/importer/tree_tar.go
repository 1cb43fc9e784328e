package importer

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// tarBuffer is the size up to which an entry of a tar that can only be read in
// order is held in memory while it is visited, so that it can be read twice.
const tarBuffer = 4 << 20

// A tarArchive reads a tar, plain (at offsets) or compressed (in order). Nothing
// is written to disk: a large entry of a compressed tar is opened while the
// stream stands at it, and a second opening reads the archive again from its
// start.
type tarArchive struct {
	open   func() (io.ReadCloser, error) // a new reader over the tar itself
	at     io.ReaderAt                   // of a plain tar, else nil
	size   int64                         // of the file it is in
	limits Limits
	sums   map[int]string // SHA-256 of large entries by number; nil until first wanted
	sumErr error          // why sums is not complete
}

var _ container = (*tarArchive)(nil)

func newTar(at io.ReaderAt, size int64, l Limits) *tarArchive {
	return &tarArchive{at: at, size: size, limits: l, open: func() (io.ReadCloser, error) {
		return struct {
			io.ReadSeeker // the tar reader seeks over what it skips
			io.Closer
		}{io.NewSectionReader(at, 0, size), io.NopCloser(nil)}, nil
	}}
}

func newTarGz(f *File, l Limits) *tarArchive {
	return &tarArchive{size: f.Size, limits: l, open: func() (io.ReadCloser, error) {
		file, err := f.Open()
		if err != nil {
			return nil, err
		}
		in := &counter{r: file}
		z, err := gzip.NewReader(bufio.NewReader(in))
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return &inflater{z: z, in: in, file: file, limits: l}, nil
	}}
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// An inflater is a decompressed stream that ends with an error when it turns out
// to be a bomb.
type inflater struct {
	z      *gzip.Reader
	in     *counter
	out    int64
	file   io.Closer
	limits Limits
}

var errBomb = errors.New(bombReason)

func (i *inflater) Read(p []byte) (int, error) {
	n, err := i.z.Read(p)
	i.out += int64(n)
	if i.limits.bomb(i.out, i.in.n) {
		return 0, errBomb
	}
	return n, err
}

func (i *inflater) Close() error { return errors.Join(i.z.Close(), i.file.Close()) }

func (a *tarArchive) walk(ctx context.Context, visit func(*File) error) error {
	stream, err := a.open()
	if err != nil {
		return damaged("not a readable archive: %s", reasonOf(err))
	}
	defer stream.Close()
	s := &tarStream{a: a, stream: stream, tr: tar.NewReader(stream)}
	for n := 0; ; n++ {
		h, err := s.tr.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, errBomb):
			return damaged(bombReason)
		case err != nil:
			return damaged("damaged after %d entries: %s", n, reasonOf(err))
		case int64(n) >= a.limits.Entries:
			return damaged("the archive has too many entries; unpack it and import the folder")
		case ctx.Err() != nil:
			return cancelled(ctx)
		}
		f, readable := a.file(h)
		if f == nil {
			continue
		}
		if readable {
			s.entry = n
			s.attach(f, h)
		}
		if err := visit(f); err != nil {
			return err
		}
	}
}

// file describes an entry and tells whether it has content of its own; nil for
// folders and for headers that are about other entries.
func (a *tarArchive) file(h *tar.Header) (f *File, readable bool) {
	f = &File{Size: h.Size}
	if h.ModTime.Unix() != 0 {
		f.ModTime = h.ModTime.UnixMicro()
	}
	f.Path, f.refused = entryPath(h.Name, a.limits)
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		if !a.limits.bomb(h.Size, a.size) {
			return f, true
		}
		f.refused = bombReason
	case tar.TypeDir:
		if f.refused == "" {
			return nil, false
		}
	case tar.TypeXGlobalHeader:
		return nil, false
	case tar.TypeSymlink:
		f.refused = "symbolic link; what it leads to is not imported"
	case tar.TypeLink:
		f.refused = "hard link; its content is that of another entry"
	default:
		f.refused = "neither a file nor a folder"
	}
	return f, false
}

// A tarStream is one reading of a tar from start to end.
type tarStream struct {
	a      *tarArchive
	stream io.Reader // below tr
	tr     *tar.Reader
	entry  int // where tr stands
}

// attach lets f be opened: at its offset, from memory, or from the stream.
func (s *tarStream) attach(f *File, h *tar.Header) {
	if seeker, ok := s.stream.(io.Seeker); ok && !sparse(h) {
		if off, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			f.Open = func() (io.ReadCloser, error) {
				return io.NopCloser(&exactReader{r: io.NewSectionReader(s.a.at, off, h.Size), left: h.Size}), nil
			}
			f.random = func() (io.ReaderAt, io.Closer, error) {
				return io.NewSectionReader(s.a.at, off, h.Size), io.NopCloser(nil), nil
			}
			return
		}
	}
	whole := h.Size <= tarBuffer
	n := h.Size
	if !whole {
		n = HeadSize
	}
	head, err := io.ReadAll(io.LimitReader(s.tr, n))
	switch {
	case err != nil:
		f.refused = "cannot be read: " + reasonOf(err)
	case whole:
		f.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(head)), nil }
		f.random = func() (io.ReaderAt, io.Closer, error) { return bytes.NewReader(head), io.NopCloser(nil), nil }
	default:
		s.attachLarge(f, head)
	}
}

func (s *tarStream) attachLarge(f *File, head []byte) {
	n, opened := s.entry, false
	f.head, f.once = head, true
	f.sum = func() (string, error) { return s.a.sum(n) }
	f.Open = func() (io.ReadCloser, error) {
		if opened || s.entry != n {
			return s.a.reopen(n)
		}
		opened = true
		return io.NopCloser(io.MultiReader(bytes.NewReader(head), s.tr)), nil
	}
}

func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// An exactReader fails if its source ends before so many bytes.
type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// reopen reads the archive from its start up to entry n.
func (a *tarArchive) reopen(n int) (io.ReadCloser, error) {
	stream, err := a.open()
	if err != nil {
		return nil, err
	}
	tr := tar.NewReader(stream)
	for range n + 1 {
		if _, err := tr.Next(); err != nil {
			return nil, errors.Join(err, stream.Close())
		}
	}
	return struct {
		io.Reader
		io.Closer
	}{tr, stream}, nil
}

// sum returns the hash of large entry n. The first call reads the whole archive
// once and keeps the hashes of all that are large.
func (a *tarArchive) sum(n int) (string, error) {
	if a.sums == nil {
		a.sums = make(map[int]string)
		a.sumErr = a.hashLarge()
	}
	sum, ok := a.sums[n]
	if !ok {
		return sum, fmt.Errorf("the archive is damaged: %w", a.sumErr)
	}
	return sum, nil
}

// hashLarge fills sums until the archive breaks or, with io.EOF, ends.
func (a *tarArchive) hashLarge() (err error) {
	stream, err := a.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	tr := tar.NewReader(stream)
	for n := 0; ; n++ {
		h, err := tr.Next()
		if err != nil {
			return err
		}
		if h.Size <= tarBuffer {
			continue
		}
		d := sha256.New()
		if _, err := io.Copy(d, tr); err != nil {
			return err
		}
		a.sums[n] = hex.EncodeToString(d.Sum(nil))
	}
}
