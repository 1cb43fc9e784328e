package importer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

// A file above the size of a batch goes in by itself, from any source, once.
func TestLargeFile(t *testing.T) {
	v := newPod(t)
	big := noise(9 << 20)
	b := compress(t, makeTar(t, entry{name: "a", content: "A"}, entry{name: "big.bin", content: big}, entry{name: "z", content: "Z"}))
	if r := runTree(t, v, tree("big.tgz", b), importer.Options{}); r.Imported != 3 {
		t.Errorf("first run: %+v", r.Import)
	}
	if got := blobOf(t, v, items(t, v, "File")["big.bin"], "blob"); got != big {
		t.Errorf("content of %d bytes, want %d, or other bytes", len(got), len(big))
	}
	dir := folder(t, "elsewhere", map[string]string{"sub/big.bin": big})
	if r := run(t, v, dir); r.Duplicate != 1 {
		t.Errorf("the same file from a folder: %+v", r.Import)
	}
	if got := stats(t, v).Blobs; got != 3 {
		t.Errorf("%d blobs, want 3", got)
	}
}

// Large content is stored before its transaction, so that others can write while
// it is read.
func TestLargeContentHoldsNobodyUp(t *testing.T) {
	v := newPod(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	format := importer.Format{
		Name: "big", Recognise: func(string, []byte) int { return 99 },
		Read: func(_ context.Context, _ *importer.File, emit func(importer.Record) error) error {
			return emit(importer.Record{Items: []importer.Draft{{
				Key: "big", Type: "File", Props: map[string]any{"name": "big"},
				Content: func() (io.ReadCloser, error) {
					_, err := v.Write(ctx, func(w *store.Writer) error {
						_, err := w.Create(store.Draft{Type: "Note"})
						return err
					})
					return io.NopCloser(strings.NewReader("content")), err
				},
			}}})
		},
	}
	r := runTree(t, v, tree("x", make([]byte, 9<<20)), importer.Options{Formats: []importer.Format{format}})
	if r.Imported != 1 {
		t.Errorf("%+v: %s", r.Import, outcomes(t, v, r))
	}
}

// A compressed tar is read through twice, to hash and to import, however many
// large files it has.
func TestStreamIsReadTwice(t *testing.T) {
	var entries []entry
	for i := range 5 {
		entries = append(entries, entry{name: fmt.Sprint(i), content: noise(5<<20 + i)})
	}
	b := compress(t, makeTar(t, entries...))
	counted := &counter{ReaderAt: bytes.NewReader(b)}
	tr := importer.OpenReader("x.tgz", counted, int64(len(b)), importer.DefaultLimits())
	if r := runTree(t, newPod(t), tr, importer.Options{}); r.Imported != 5 {
		t.Errorf("%+v", r.Import)
	}
	if times := float64(counted.n) / float64(len(b)); times > 2.1 {
		t.Errorf("the archive was read %.1f times", times)
	}
}

type counter struct {
	io.ReaderAt
	n int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += n
	return n, err
}
