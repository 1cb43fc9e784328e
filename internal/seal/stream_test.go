package seal_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

const (
	nonceSize   = 16
	sealedChunk = seal.ChunkSize + 16
)

// sizes are those at which a stream changes its shape.
var sizes = []int{
	0, 1, 100, seal.ChunkSize - 1, seal.ChunkSize, seal.ChunkSize + 1,
	2*seal.ChunkSize - 1, 2 * seal.ChunkSize, 2*seal.ChunkSize + 1, 3*seal.ChunkSize + 77,
}

// content returns n bytes, no two chunks alike.
func content(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// write encrypts plain in pieces of the given size.
func write(t testing.TB, k *secret.Key, plain []byte, piece int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, k)
	if err != nil {
		t.Fatal(err)
	}
	for p := range slices.Chunk(plain, piece) {
		if n, err := w.Write(p); err != nil || n != len(p) {
			t.Fatalf("wrote %d of %d, %v", n, len(p), err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read decrypts all of a stream.
func read(stream []byte, k *secret.Key) ([]byte, error) {
	r, err := seal.NewReader(bytes.NewReader(stream), int64(len(stream)), k)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func TestStreamVectors(t *testing.T) {
	for _, v := range vectors(t, "stream.txt", 3) {
		got, err := read(v.fields[2], key(v.fields[0]))
		if v.ok && (err != nil || !bytes.Equal(got, v.fields[1])) {
			t.Errorf("%s: got %x, %v", v.what, got, err)
		}
		if !v.ok && !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: got %x, %v, want ErrOpen", v.what, got, err)
		}
	}
}

func TestStreamRoundTrip(t *testing.T) {
	k := secret.Random(32)
	for _, n := range sizes {
		plain := content(n)
		for _, piece := range []int{1000, seal.ChunkSize, 1 << 20} {
			stream := write(t, k, plain, piece)
			if int64(len(stream)) != seal.StreamSize(int64(n)) {
				t.Errorf("%d bytes: stream has %d, StreamSize %d", n, len(stream), seal.StreamSize(int64(n)))
			}
			if got, err := read(stream, k); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes in pieces of %d: got %d, %v", n, piece, len(got), err)
			}
		}
	}
}

// The standard library's own test of a reader: all kinds of seeks and ranges.
func TestStreamReaderConforms(t *testing.T) {
	k, plain := secret.Random(32), content(seal.ChunkSize+1000)
	stream := write(t, k, plain, 1<<20)
	r, err := seal.NewReader(bytes.NewReader(stream), int64(len(stream)), k)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), plain); err != nil {
		t.Error(err)
	}
}

// counting counts the bytes read through it.
type counting struct {
	r    io.ReaderAt
	read int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.read += n
	return n, err
}

func TestStreamRangesReadOnlyTheirChunks(t *testing.T) {
	k, plain := secret.Random(32), content(10*seal.ChunkSize+5)
	stream := write(t, k, plain, 1<<20)
	for _, tt := range []struct{ off, n, chunks int }{
		{0, 1, 1},
		{5 * seal.ChunkSize, seal.ChunkSize, 1},
		{5*seal.ChunkSize - 1, 2, 2},
		{3*seal.ChunkSize + 10, 2 * seal.ChunkSize, 3},
		{10 * seal.ChunkSize, 5, 0}, // the last, already decrypted
	} {
		src := &counting{r: bytes.NewReader(stream)}
		r, err := seal.NewReader(src, int64(len(stream)), k)
		if err != nil {
			t.Fatal(err)
		}
		src.read = 0
		got := make([]byte, tt.n)
		if _, err := r.ReadAt(got, int64(tt.off)); err != nil || !bytes.Equal(got, plain[tt.off:tt.off+tt.n]) {
			t.Errorf("%d bytes at %d: wrong, %v", tt.n, tt.off, err)
		}
		if src.read != tt.chunks*sealedChunk {
			t.Errorf("%d bytes at %d: read %d bytes, want %d chunks", tt.n, tt.off, src.read, tt.chunks)
		}
		r.Close()
	}
}

func TestStreamRefusesChanges(t *testing.T) {
	k, plain := secret.Random(32), content(2*seal.ChunkSize+100)
	stream := write(t, k, plain, 1<<20)
	chunk := func(i int) []byte {
		return stream[nonceSize:][i*sealedChunk : min((i+1)*sealedChunk, len(stream)-nonceSize)]
	}
	nonce := stream[:nonceSize]
	bad := map[string][]byte{
		"empty":                  nil,
		"nonce alone":            nonce,
		"last chunk missing":     stream[:nonceSize+2*sealedChunk],
		"cut in the last chunk":  stream[:len(stream)-1],
		"cut to one tag":         stream[:nonceSize+16],
		"one byte more":          append(slices.Clone(stream), 0),
		"chunks swapped":         slices.Concat(nonce, chunk(1), chunk(0), chunk(2)),
		"chunk left out":         slices.Concat(nonce, chunk(0), chunk(2)),
		"chunk repeated":         slices.Concat(nonce, chunk(0), chunk(0), chunk(1), chunk(2)),
		"last chunk twice":       slices.Concat(nonce, chunk(0), chunk(1), chunk(2), chunk(2)),
		"nonce of another":       slices.Concat(make([]byte, nonceSize), stream[nonceSize:]),
		"continued by an empty":  append(slices.Clone(stream), make([]byte, 16)...),
		"continued by an own":    slices.Concat(stream, write(t, k, plain, 1<<20)[nonceSize:]),
		"last chunk of another":  slices.Concat(stream[:nonceSize+2*sealedChunk], write(t, k, plain, 1<<20)[nonceSize+2*sealedChunk:]),
		"first chunk of another": slices.Concat(nonce, write(t, k, plain, 1<<20)[nonceSize:][:sealedChunk], stream[nonceSize+sealedChunk:]),
	}
	for i := 0; i < len(stream); i += 997 {
		flipped := slices.Clone(stream)
		flipped[i] ^= 1
		bad[fmt.Sprintf("byte %d flipped", i)] = flipped
	}
	for name, b := range bad {
		if got, err := read(b, k); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: read %d bytes, %v", name, len(got), err)
		}
	}
	if _, err := read(stream, secret.Random(32)); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("other key: %v", err)
	}
}

// A stream of whole chunks that ends in an empty one has a twin without it, so
// readers refuse it although every chunk is authentic.
func TestStreamRefusesEmptyLastChunk(t *testing.T) {
	k, stream := secret.Random(32), make([]byte, nonceSize)
	payload, err := hkdf.Key(sha256.New, k.Bytes(), stream, "payload", 32)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := chacha20poly1305.New(payload)
	if err != nil {
		t.Fatal(err)
	}
	plain := content(seal.ChunkSize)
	twin := aead.Seal(slices.Clone(stream), []byte{11: 1}, plain, nil)
	if got, err := read(twin, k); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("without the empty chunk: got %d bytes, %v", len(got), err)
	}
	if got, err := read(append(slices.Clone(twin), make([]byte, 16)...), k); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("continued by 16 bytes: got %d bytes, %v", len(got), err)
	}
	stream = aead.Seal(stream, make([]byte, 12), plain, nil)
	stream = aead.Seal(stream, []byte{10: 1, 11: 1}, nil, nil)
	if got, err := read(stream, k); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

// What was authenticated before the damage may be read, and nothing after it.
func TestStreamGivesOnlyAuthenticBytes(t *testing.T) {
	k, plain := secret.Random(32), content(3*seal.ChunkSize)
	stream := write(t, k, plain, 1<<20)
	stream[nonceSize+sealedChunk+5] ^= 1
	r, err := seal.NewReader(bytes.NewReader(stream), int64(len(stream)), k)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(plain))
	n, err := r.ReadAt(got, 0)
	if n != seal.ChunkSize || !errors.Is(err, seal.ErrOpen) || !bytes.Equal(got[:n], plain[:n]) {
		t.Errorf("got %d bytes, %v", n, err)
	}
	if !bytes.Equal(got[n:], make([]byte, len(got)-n)) {
		t.Error("bytes after the damage were given out")
	}
	for _, off := range []int{0, 2 * seal.ChunkSize} { // the chunk that was held at the failure, and a later one
		if _, err := r.ReadAt(got[:10], int64(off)); err != nil || !bytes.Equal(got[:10], plain[off:off+10]) {
			t.Errorf("10 bytes at %d after the failure: wrong, %v", off, err)
		}
	}
}

func TestStreamReaderConcurrently(t *testing.T) {
	k, plain := secret.Random(32), content(4*seal.ChunkSize)
	stream := write(t, k, plain, 1<<20)
	r, err := seal.NewReader(bytes.NewReader(stream), int64(len(stream)), k)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			got := make([]byte, 1000)
			for j := range 20 {
				off := (i*31 + j*13) % 250 * 1000
				if _, err := r.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, plain[off:off+1000]) {
					t.Errorf("at %d: %v", off, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestStreamClosed(t *testing.T) {
	k := secret.Random(32)
	stream := write(t, k, content(10), 10)
	r, err := seal.NewReader(bytes.NewReader(stream), int64(len(stream)), k)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	r.Close()
	if n, err := r.ReadAt(make([]byte, 5), 0); n != 0 || err == nil {
		t.Errorf("read %d bytes of a closed stream, %v", n, err)
	}
	w, err := seal.NewWriter(io.Discard, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write([]byte("x")); n != 0 || err == nil {
		t.Errorf("wrote %d bytes to a closed stream, %v", n, err)
	}
}

var errDisk = errors.New("disk full")

// full accepts n bytes.
type full struct{ n int }

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestStreamWriterReportsFailure(t *testing.T) {
	k, plain := secret.Random(32), content(3*seal.ChunkSize)
	for _, room := range []int{0, nonceSize, nonceSize + sealedChunk, nonceSize + 2*sealedChunk} {
		w, err := seal.NewWriter(&full{room}, k)
		if err == nil {
			_, err = w.Write(plain)
			if closed := w.Close(); closed == nil {
				t.Errorf("room for %d: closed without error", room)
			} else if err == nil {
				err = closed
			}
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("room for %d: %v", room, err)
		}
	}
}

func TestStreamKeySize(t *testing.T) {
	k := secret.Random(seal.MinStreamKey - 1)
	if _, err := seal.NewWriter(io.Discard, k); err == nil {
		t.Error("wrote with a short key")
	}
	if _, err := seal.NewReader(bytes.NewReader(make([]byte, 100)), 100, k); err == nil || errors.Is(err, seal.ErrOpen) {
		t.Errorf("read with a short key: %v", err)
	}
}

func FuzzStream(f *testing.F) {
	for _, v := range vectors(f, "stream.txt", 3) {
		f.Add(v.fields[0], v.fields[2])
	}
	f.Fuzz(func(t *testing.T, k, stream []byte) {
		if len(k) < seal.MinStreamKey {
			return
		}
		plain, err := read(stream, key(k))
		if err != nil && !errors.Is(err, seal.ErrOpen) {
			t.Fatal(err)
		}
		if err == nil && int64(len(stream)) != seal.StreamSize(int64(len(plain))) {
			t.Fatalf("%d bytes read from %d", len(plain), len(stream))
		}
	})
}
