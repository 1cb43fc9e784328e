package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"time"

	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

// A Reader reads the content of one blob. ReadAt may be called from many
// goroutines at once; Read and Seek share one position and may not.
type Reader struct {
	*io.SectionReader
	stream *seal.Reader
	file   *os.File
}

// Open opens the blob that was written with this name, key and size. It returns
// an error that wraps fs.ErrNotExist if there is none, and ErrTampered if the
// file does not fit; reading gives ErrTampered where a chunk does not. The key is
// not kept.
func (d *Dir) Open(name string, key *secret.Key, size int64) (*Reader, error) {
	if unfinished, ok := parseName(name); !ok || unfinished {
		return nil, fmt.Errorf("%w: %q", ErrName, name)
	}
	f, err := d.root.Open(path.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	stream, err := openStream(f, key, size)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("blob %s: %w", name, err), f.Close())
	}
	return &Reader{SectionReader: io.NewSectionReader(stream, 0, size), stream: stream, file: f}, nil
}

// OpenSealed opens the file of a blob as it lies on the disk. The error wraps
// fs.ErrNotExist if there is none.
func (d *Dir) OpenSealed(name string) (io.ReadCloser, error) {
	if unfinished, ok := parseName(name); !ok || unfinished {
		return nil, fmt.Errorf("%w: %q", ErrName, name)
	}
	f, err := d.root.Open(path.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	return f, nil
}

func openStream(f *os.File, key *secret.Key, size int64) (*seal.Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != seal.StreamSize(padded(size)) {
		return nil, fmt.Errorf("%d bytes cannot hold %d: %w", info.Size(), size, ErrTampered)
	}
	return seal.NewReader(f, info.Size(), key)
}

// Close wipes the plaintext that is held and closes the file.
func (r *Reader) Close() error {
	r.stream.Close()
	return r.file.Close()
}

// An Entry is one file in the folder of blobs.
type Entry struct {
	Name       string // as Remove takes it
	Size       int64  // of the file, in bytes
	Unfinished bool   // being written now, or left by a crash
	ModTime    time.Time
}

// Entries lists all blobs in no order. It stops at the first error. Files that
// are not Locket's are passed over; so are those that vanish meanwhile.
func (d *Dir) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		f, err := d.root.Open(folder)
		if err != nil {
			yield(Entry{}, fmt.Errorf("blob: %w", err))
			return
		}
		defer func() { _ = f.Close() }() // only read
		for {
			const batch = 256
			found, err := f.ReadDir(batch)
			for _, e := range found {
				unfinished, ok := parseName(e.Name())
				if !ok {
					continue
				}
				info, statErr := d.root.Lstat(path.Join(folder, e.Name()))
				if errors.Is(statErr, fs.ErrNotExist) {
					continue
				}
				if statErr != nil {
					yield(Entry{}, fmt.Errorf("blob: %w", statErr))
					return
				}
				if !yield(Entry{Name: e.Name(), Size: info.Size(), Unfinished: unfinished, ModTime: info.ModTime()}, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("blob: %w", err))
				return
			}
		}
	}
}
