// Package blob keeps encrypted files: each under a random name and a random key
// of its own, padded so that its length says little, readable in ranges. What
// they are called, how long they are and which key opens them is for the caller
// to keep. See docs/design/blobs.md.
package blob

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"

	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

const (
	folder   = "blobs"
	nameSize = 16 // random bytes in a name
	keySize  = 32
)

var (
	// ErrTampered is returned for a blob that is not as it was written: altered,
	// cut, continued, or opened with the key or the size of another.
	ErrTampered = seal.ErrOpen
	// ErrTooLarge is returned by Create for content longer than its limit.
	ErrTooLarge = errors.New("blob: content is longer than permitted")
	// ErrName is returned for a name that no blob can have.
	ErrName = errors.New("blob: malformed name")
)

// A Dir is the folder of a pod's blobs. Safe for concurrent use.
type Dir struct {
	root *os.Root
}

// Open returns the blobs kept in root, which must stay open. It makes their
// folder if there is none.
func Open(root *os.Root) (*Dir, error) {
	switch err := root.Mkdir(folder, 0o700); {
	case err == nil:
		if err := durable.SyncDir(root, "."); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("blob: %w", err)
	}
	return &Dir{root: root}, nil
}

// Written is what must be kept of a new blob to read it again.
type Written struct {
	Name   string      // of the file: 32 hexadecimal digits
	Key    *secret.Key // 32 bytes; the receiver wipes it
	Size   int64       // of the content, in bytes
	SHA256 [32]byte    // of the content
}

// Create streams r into a new blob, which is durable when Create returns. On any
// error, ErrTooLarge for more than limit bytes among them, nothing is left behind.
func (d *Dir) Create(r io.Reader, limit int64) (Written, error) {
	w := Written{Name: randomName(), Key: secret.Random(keySize)}
	f, err := durable.Create(d.root, path.Join(folder, w.Name))
	if err != nil {
		w.Key.Wipe()
		return Written{}, err
	}
	if err := w.fill(f, r, limit); err != nil {
		w.Key.Wipe()
		return Written{}, errors.Join(err, f.Discard())
	}
	if err := f.Commit(); err != nil {
		w.Key.Wipe()
		return Written{}, errors.Join(err, d.Remove(w.Name))
	}
	return w, nil
}

// fill encrypts r and its padding into dst and notes size and hash.
func (w *Written) fill(dst io.Writer, r io.Reader, limit int64) error {
	sealed, err := seal.NewWriter(dst, w.Key)
	if err != nil {
		return err
	}
	hash := sha256.New()
	buf := make([]byte, seal.ChunkSize)
	defer clear(buf)
	w.Size, err = io.CopyBuffer(io.MultiWriter(sealed, hash), onlyReader{io.LimitReader(r, min(limit, math.MaxInt64-1)+1)}, buf)
	if err == nil && w.Size > limit {
		err = fmt.Errorf("%w: limit %d bytes", ErrTooLarge, limit)
	}
	if err == nil {
		_, err = io.CopyN(sealed, zeros{}, padded(w.Size)-w.Size)
	}
	if closed := sealed.Close(); err == nil {
		err = closed
	}
	hash.Sum(w.SHA256[:0])
	return err
}

// Remove deletes a blob, or what is left of an unfinished one. A missing one is
// no error.
func (d *Dir) Remove(name string) error {
	if _, ok := parseName(name); !ok {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	if err := d.root.Remove(path.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blob: %w", err)
	}
	return nil
}

func randomName() string {
	var b [nameSize]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return hex.EncodeToString(b[:])
}

// parseName tells whether name is that of a blob, and whether of an unfinished one.
func parseName(name string) (unfinished, ok bool) {
	final, unfinished := durable.TempOf(name)
	if !unfinished {
		final = name
	}
	raw, err := hex.DecodeString(final)
	return unfinished, err == nil && len(raw) == nameSize && hex.EncodeToString(raw) == final
}

// onlyReader hides WriteTo, so that copying goes through the buffer that is wiped.
type onlyReader struct{ io.Reader }

// zeros reads as zero bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
