package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/locketpod/locket/internal/secret"
)

var errClosed = errors.New("seal: stream is closed")

// A Writer encrypts a stream. It holds one chunk. Not safe for concurrent use.
type Writer struct {
	dst    io.Writer
	aead   cipher.AEAD // nil once closed
	buf    []byte      // plaintext of the chunk being filled; room to seal in place
	number int64       // of that chunk
	err    error       // the first failure; every later call returns it
}

// NewWriter begins a stream on dst. Nothing but the key and what is written to
// dst is needed to read it. The key is not kept.
func NewWriter(dst io.Writer, key *secret.Key) (*Writer, error) {
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce) // never fails: crypto/rand aborts the program instead
	aead, err := streamAEAD(key, nonce)
	if err != nil {
		return nil, err
	}
	if _, err := dst.Write(nonce); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Writer{dst: dst, aead: aead, buf: make([]byte, 0, sealedChunk)}, nil
}

// Write encrypts p. A full chunk is written when the byte after it arrives,
// since only then is it known not to be the last.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	written := 0
	for len(p) > 0 {
		if len(w.buf) == ChunkSize {
			if w.err = w.flush(false); w.err != nil {
				return written, w.err
			}
		}
		n := min(len(p), ChunkSize-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p = p[n:]
		written += n
	}
	return written, nil
}

// Close writes the last chunk and wipes the buffer. Without it the stream does
// not open. It does not close dst.
func (w *Writer) Close() error {
	if w.err != nil {
		w.wipe()
		return w.err
	}
	err := w.flush(true)
	w.err = errClosed
	w.wipe()
	return err
}

func (w *Writer) flush(last bool) error {
	sealed := w.aead.Seal(w.buf[:0], chunkNonce(w.number, last), w.buf, nil)
	w.number++
	w.buf = w.buf[:0]
	if _, err := w.dst.Write(sealed); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

func (w *Writer) wipe() {
	clear(w.buf[:cap(w.buf)])
	w.aead = nil
}
