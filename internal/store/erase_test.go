package store_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// marked are what an item leaves in the file, each to be found by its own.
var marked = []string{
	"zqname", "zqtext", "zqkeyword", "zqfirst", "zqremoved", "zqfile", "zqedge", "zqledger", "zqkey", "zqvector",
}

// TestEraseLeavesNothing reads every page of the database, decrypted: free pages,
// the search index and all that no query shows.
func TestEraseLeavesNothing(t *testing.T) {
	b := newBench(t)
	b.create("Note", props{"name": "another", "text": strings.Repeat("other words ", 500)})
	info, err := b.v.PutBlob(t.Context(), strings.NewReader("zqfile content"))
	if err != nil {
		t.Fatal(err)
	}
	var it, other locket.Item
	b.write(func(w *store.Writer) (err error) {
		if err := w.StartImport("1", "source"); err != nil {
			return err
		}
		it, err = w.Create(store.Draft{Type: "Note", Keys: []string{"zqkey:1"}, Props: props{
			"name": "zqname", "text": "zqfirst " + strings.Repeat("zqfirst words ", 900), "keywords": []any{"zqkeyword"},
			"url": "https://zqremoved.example", "blob": info.ID,
		}})
		if err != nil {
			return err
		}
		if other, err = w.Create(store.Draft{Type: "Note", Props: props{"name": "other"}}); err != nil {
			return err
		}
		if err := w.Link(locket.Edge{Source: it.ID, Name: "zqedge", Target: other.ID}); err != nil {
			return err
		}
		return w.Record("1", locket.LedgerEntry{File: "zqledger.md", Record: "zqledger", Outcome: locket.Imported, Item: it.ID})
	})
	b.write(func(w *store.Writer) error {
		_, err := w.Update(it.ID, 0, props{"text": "zqtext", "url": nil})
		return err
	})
	b.write(func(w *store.Writer) error {
		var vector []float32
		for _, c := range "zqvector zqvector\x7f" { // stored as bytes in which the largest is 0x7f
			vector = append(vector, float32(c))
		}
		return w.SetVector(it.ID, "model", vector)
	})
	b.reopen()
	if missing := b.marks(); len(missing) != len(marked) {
		t.Fatalf("only %v are in the file before: the test sees nothing", missing)
	}
	b.write(func(w *store.Writer) error { return w.Erase(it.ID, 0) })
	if left := b.marks(); len(left) != 0 {
		t.Errorf("%v are in the file after the erasure", left)
	}
}

// marks returns those of marked that any page of the database file or its log holds.
func (b *bench) marks() (found []string) {
	b.t.Helper()
	if log, err := os.Stat(b.cfg.Path + "-wal"); err == nil && log.Size() > 0 {
		b.t.Fatalf("the log still has %d bytes", log.Size())
	}
	file, err := os.ReadFile(b.cfg.Path)
	if err != nil {
		b.t.Fatal(err)
	}
	codec, err := sqlcipher.NewCodec(b.cfg.Key, file[:sqlcipher.SaltSize])
	if err != nil {
		b.t.Fatal(err)
	}
	var plain bytes.Buffer
	for i := 0; i < len(file)/sqlcipher.PageSize; i++ {
		page := file[i*sqlcipher.PageSize:][:sqlcipher.PageSize]
		if err := codec.Open(page, uint32(i+1)); err != nil {
			b.t.Fatalf("page %d: %v", i+1, err)
		}
		plain.Write(page)
	}
	for _, m := range marked {
		if bytes.Contains(plain.Bytes(), []byte(m)) {
			found = append(found, m)
		}
	}
	return found
}
