package seal

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/locketpod/locket/internal/secret"
)

// A Reader reads any range of a stream and decrypts only the chunks that the
// range touches. It holds one chunk. Safe for concurrent use.
type Reader struct {
	src    io.ReaderAt
	size   int64 // of the plaintext
	chunks int64

	mu   sync.Mutex // guards the fields below, also while a chunk is read
	aead cipher.AEAD
	buf  []byte // room for one sealed chunk
	held int64  // number of the chunk whose plaintext is in buf, -1 if none
	n    int    // length of that plaintext
}

// NewReader opens the stream of length bytes in src. It returns ErrOpen if the
// key is not that of the stream, or if the stream was cut or continued: the last
// chunk is decrypted at once. The key is not kept. Close it when done.
func NewReader(src io.ReaderAt, length int64, key *secret.Key) (*Reader, error) {
	size, ok := plainSize(length)
	if !ok {
		return nil, fmt.Errorf("no stream has %d bytes: %w", length, ErrOpen)
	}
	nonce := make([]byte, nonceSize)
	if err := readFull(src, nonce, 0); err != nil {
		return nil, err
	}
	aead, err := streamAEAD(key, nonce)
	if err != nil {
		return nil, err
	}
	r := &Reader{src: src, size: size, chunks: chunks(size), aead: aead, buf: make([]byte, min(sealedChunk, length)), held: -1}
	if err := r.load(r.chunks - 1); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Size returns the length of the plaintext.
func (r *Reader) Size() int64 { return r.size }

// ReadAt implements [io.ReaderAt] over the plaintext. It gives no byte that has
// not been authenticated.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("seal: negative offset")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for n < len(p) {
		if off >= r.size {
			return n, io.EOF
		}
		if err := r.load(off / ChunkSize); err != nil {
			return n, err
		}
		c := copy(p[n:], r.buf[off%ChunkSize:r.n])
		n += c
		off += int64(c)
	}
	return n, nil
}

// Close wipes the plaintext that is held. Reading fails afterwards. It does not
// close src, and may be called twice.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.buf)
	r.aead, r.held = nil, -1
}

// load brings the plaintext of a chunk into buf; mu is held.
func (r *Reader) load(number int64) error {
	if r.aead == nil {
		return errClosed
	}
	if r.held == number {
		return nil
	}
	r.held = -1
	last := number == r.chunks-1
	n := ChunkSize
	if last {
		n = int(r.size - number*ChunkSize)
	}
	sealed := r.buf[:n+chunkOverhead]
	if err := readFull(r.src, sealed, nonceSize+number*sealedChunk); err != nil {
		return err
	}
	if _, err := r.aead.Open(sealed[:0], chunkNonce(number, last), sealed, nil); err != nil {
		return fmt.Errorf("chunk %d: %w", number, ErrOpen)
	}
	r.held, r.n = number, n
	return nil
}

// readFull fills p; a source that ends too soon was cut.
func readFull(src io.ReaderAt, p []byte, off int64) error {
	n, err := src.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("stream ends too soon: %w", ErrOpen)
	default:
		return fmt.Errorf("seal: %w", err)
	}
}
