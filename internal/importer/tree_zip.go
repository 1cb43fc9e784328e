package importer

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// A zipArchive reads a zip (APPNOTE.TXT 6.3.10) by its central directory.
type zipArchive struct {
	r      *zip.Reader
	at     io.ReaderAt
	size   int64
	limits Limits
}

var _ container = (*zipArchive)(nil)

var errDirectory = errors.New("central directory too large")

// A budget is a reader that fails once it has given a number of bytes. It bounds
// what zip.NewReader holds in memory, for the numbers in the file may lie.
type budget struct {
	io.ReaderAt
	left int64
}

func (b *budget) ReadAt(p []byte, off int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errDirectory
	}
	return b.ReaderAt.ReadAt(p, off)
}

func newZip(at io.ReaderAt, size int64, l Limits) (*zipArchive, error) {
	b := &budget{ReaderAt: at, left: l.Directory}
	r, err := zip.NewReader(b, size)
	switch {
	case errors.Is(err, errDirectory), err == nil && int64(len(r.File)) > l.Entries:
		return nil, damaged("the zip archive has too many entries; unpack it and import the folder")
	case err != nil:
		return nil, damaged("not a readable zip archive: %v", err)
	}
	b.left = math.MaxInt64
	return &zipArchive{r: r, at: at, size: size, limits: l}, nil
}

func (z *zipArchive) walk(_ context.Context, visit func(*File) error) error {
	// Entries may share their bytes, so each can be innocent and the sum a bomb.
	var total int64
	for _, e := range z.r.File {
		if f := z.file(e); f.refused == "" {
			total += min(f.Size, math.MaxInt64-total)
		}
	}
	if z.limits.bomb(total, z.size) {
		return damaged(bombReason)
	}
	for _, e := range z.r.File {
		f := z.file(e)
		if strings.HasSuffix(e.Name, "/") { // a folder
			if f.refused == "" {
				continue
			}
			f.Open = nil
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func (z *zipArchive) file(e *zip.File) *File {
	f := &File{Size: int64(min(e.UncompressedSize64, math.MaxInt64))}
	if !e.Modified.IsZero() {
		f.ModTime = e.Modified.UnixMicro()
	}
	f.Path, f.refused = entryPath(zipName(e), z.limits)
	f.Open = e.Open
	stored := int64(min(e.CompressedSize64, uint64(z.size)))
	switch {
	case e.Mode()&fs.ModeSymlink != 0:
		f.refused, f.Open = "symbolic link; what it leads to is not imported", nil
	case e.Flags&0x1 != 0:
		f.refused, f.Open = "encrypted; unpack it with its password and import the result", nil
	case e.Method != zip.Store && e.Method != zip.Deflate:
		f.refused, f.Open = "packed by a method that is not supported; unpack the archive and import the folder", nil
	case z.limits.bomb(f.Size, stored):
		f.refused, f.Open = bombReason, nil
	case e.Method == zip.Store:
		f.random = func() (io.ReaderAt, io.Closer, error) {
			off, err := e.DataOffset()
			return io.NewSectionReader(z.at, off, f.Size), io.NopCloser(nil), err
		}
	}
	return f
}

// zipName returns an entry's name: the Unicode path field of Info-ZIP (APPNOTE
// 4.6.9) if it belongs to the name, else the name itself as UTF-8 or, if it is
// not that, as code page 437.
func zipName(e *zip.File) string {
	if !e.NonUTF8 {
		return e.Name
	}
	for x := e.Extra; len(x) >= 4; {
		id, n := binary.LittleEndian.Uint16(x), int(binary.LittleEndian.Uint16(x[2:]))
		if len(x) < 4+n {
			break
		}
		data := x[4 : 4+n]
		x = x[4+n:]
		if id == 0x7075 && n > 5 && data[0] == 1 && binary.LittleEndian.Uint32(data[1:]) == crc32.ChecksumIEEE([]byte(e.Name)) {
			return string(data[5:])
		}
	}
	if utf8.ValidString(e.Name) {
		return e.Name
	}
	name, err := charmap.CodePage437.NewDecoder().String(e.Name)
	if err != nil {
		return e.Name
	}
	return name
}
