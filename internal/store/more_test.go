package store_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func TestBlobs(t *testing.T) {
	b := newBench(t)
	for _, size := range []int{0, 1, 64 << 10, 64<<10 + 1, 300_000} {
		content := make([]byte, size)
		_, _ = rand.Read(content)
		info, err := b.v.PutBlob(t.Context(), bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if info.Size != int64(size) || info.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("size %d: got %+v", size, info)
		}
		r, err := b.v.OpenBlob(t.Context(), info.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r.Info() != info {
			t.Errorf("got %+v, want %+v", r.Info(), info)
		}
		if size > 10 {
			part := make([]byte, 10)
			if _, err := r.ReadAt(part, int64(size-10)); err != nil && err != io.EOF || !bytes.Equal(part, content[size-10:]) {
				t.Errorf("size %d: range: %v", size, err)
			}
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("size %d: read %d bytes, %v", size, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []locket.BlobID{"", "x", locket.NewBlobID()} {
		if _, err := b.v.OpenBlob(t.Context(), id); locket.CodeOf(err) != locket.CodeNotFound {
			t.Errorf("blob %q: %v", id, err)
		}
	}
}

func TestBlobsLiveAsLongAsTheirItems(t *testing.T) {
	b := newBench(t)
	put := func(fill string) locket.BlobID {
		info, err := b.v.PutBlob(t.Context(), strings.NewReader(strings.Repeat(fill, 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		return info.ID
	}
	shared, own, old, orphan := put("s"), put("o"), put("p"), put("q")
	a := b.create("File", props{"name": "a", "blob": shared, "rawBlob": old})
	c := b.create("File", props{"name": "c", "blob": string(shared)})
	b.write(func(w *store.Writer) error { _, err := w.Update(a.ID, 0, props{"rawBlob": own}); return err })
	there := func(want ...locket.BlobID) {
		t.Helper()
		var got []locket.BlobID
		for _, id := range []locket.BlobID{shared, own, old, orphan} {
			if r, err := b.v.OpenBlob(t.Context(), id); err == nil {
				_ = r.Close()
				got = append(got, id)
			}
		}
		files := 0
		for range b.cfg.Blobs.Entries() {
			files++
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || files != len(want) {
			t.Errorf("blobs %v and %d files, want %v", got, files, want)
		}
	}
	there(shared, own, old, orphan)
	if err := b.v.RemoveBlob(t.Context(), own); locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("removing a blob in use: %v", err)
	}
	if n, err := b.s.CollectBlobs(t.Context()); err != nil || n != 0 {
		t.Errorf("collected %d young blobs, %v", n, err)
	}
	b.clock = time.Now().Add(48 * time.Hour)
	if n, err := b.s.CollectBlobs(t.Context()); err != nil || n != 1 {
		t.Errorf("collected %d, %v", n, err)
	}
	there(shared, own, old)
	b.write(func(w *store.Writer) error { return w.Erase(a.ID, 0) })
	there(shared) // own and old went with a, its history included
	b.write(func(w *store.Writer) error { return w.Erase(c.ID, 0) })
	there()
}

func TestDamagedBlob(t *testing.T) {
	b := newBench(t)
	info, err := b.v.PutBlob(t.Context(), strings.NewReader(strings.Repeat("x", 200_000)))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(b.cfg.Path), "blobs", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[100_000] ^= 1
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := b.v.OpenBlob(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.ReadAll(r); locket.CodeOf(err) != locket.CodeTampered {
		t.Errorf("got %v", err)
	}
}

func TestEdges(t *testing.T) {
	b := newBench(t)
	hub := b.create("Note", props{"name": "hub"})
	for i := range 12 {
		n := b.create("Note", props{"name": fmt.Sprintf("n%02d", i)})
		b.write(func(w *store.Writer) error {
			e := locket.Edge{Source: hub.ID, Name: []string{"mentions", "about"}[i%2], Target: n.ID}
			if i%3 == 0 {
				e.Source, e.Target = e.Target, e.Source
			}
			if err := w.Link(e); err != nil {
				return err
			}
			return w.Link(e) // again: no second edge, no second leaf
		})
	}
	for _, c := range []struct {
		dir, name string
		want      int
	}{{"", "", 12}, {"out", "", 8}, {"in", "", 4}, {"out", "about", 4}, {"in", "about", 2}, {"both", "absent", 0}} {
		n, cursor := 0, ""
		seen := map[locket.Edge]bool{}
		for {
			p, err := b.v.Edges(t.Context(), hub.ID, c.dir, c.name, 5, cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range p.Items {
				if seen[l.Edge] || (l.Edge.Source != hub.ID && l.Edge.Target != hub.ID) {
					t.Errorf("edge %+v", l.Edge)
				}
				seen[l.Edge] = true
				n++
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if n != c.want {
			t.Errorf("%s %s: %d, want %d", c.dir, c.name, n, c.want)
		}
	}
	p, err := b.v.Edges(t.Context(), hub.ID, "out", "", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	b.write(func(w *store.Writer) error { return w.Unlink(p.Items[0].Edge) })
	if p, err := b.v.Edges(t.Context(), hub.ID, "out", "", 0, ""); err != nil || len(p.Items) != 7 {
		t.Errorf("after unlink: %d, %v", len(p.Items), err)
	}
	b.fails(locket.CodeNotFound, "no such item", func(w *store.Writer) error {
		return w.Link(locket.Edge{Source: hub.ID, Name: "x", Target: locket.NewItemID(time.Now())})
	})
	b.fails(locket.CodeInvalid, "not an edge name", func(w *store.Writer) error {
		return w.Link(locket.Edge{Source: hub.ID, Name: "x y", Target: hub.ID})
	})
	if _, err := b.v.Edges(t.Context(), locket.NewItemID(time.Now()), "", "", 0, ""); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("edges of nothing: %v", err)
	}
}

func TestExtendSchema(t *testing.T) {
	b := newBench(t)
	recipe := locket.Type{Name: "Recipe", TimeProperty: "datePublished", Properties: []locket.Property{
		{Name: "name", Kind: locket.Text, Role: locket.RoleTitle, Indexed: true},
		{Name: "datePublished", Kind: locket.Time},
		{Name: "cook", Kind: locket.Reference},
		{Name: "steps", Kind: locket.Text, Many: true, Role: locket.RoleBody},
	}}
	b.write(func(w *store.Writer) error { return w.Extend(recipe) })
	b.write(func(w *store.Writer) error { return w.Extend(recipe) }) // again: nothing
	b.write(func(w *store.Writer) error {
		return w.Extend(locket.Type{Name: "Note", Properties: []locket.Property{{Name: "mood", Kind: locket.Integer}}})
	})
	b.reopen()
	cook := b.create("Person", props{"name": "Cook"})
	b.create("Recipe", props{"name": "Soup", "cook": cook.ID, "steps": []any{"boil water"}, "datePublished": "2026-01-01"})
	b.create("Note", props{"name": "n", "mood": 3})
	if got := b.found("boiling type:recipe after:2025 before:2027"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	b.fails(locket.CodeInvalid, "no item with this id", func(w *store.Writer) error {
		_, err := w.Create(store.Draft{Type: "Recipe", Props: props{"cook": string(locket.NewItemID(time.Now()))}})
		return err
	})
	for _, c := range []struct {
		def  locket.Type
		code locket.Code
		says string
	}{
		{locket.Type{Name: "a b"}, locket.CodeInvalid, "not a type name"},
		{locket.Type{Name: "X", Properties: []locket.Property{{Name: "a'b", Kind: locket.Text}}}, locket.CodeInvalid, "not a property name"},
		{locket.Type{Name: "X", Properties: []locket.Property{{Name: "a", Kind: "json"}}}, locket.CodeInvalid, "not a kind"},
		{locket.Type{Name: "X", Properties: []locket.Property{{Name: "a", Kind: locket.Text, Role: "x"}}}, locket.CodeInvalid, "not a role"},
		{locket.Type{Name: "X", Properties: []locket.Property{{Name: "a", Kind: locket.Time, Role: locket.RoleBody}}}, locket.CodeInvalid, "only text"},
		{locket.Type{Name: "X", Properties: []locket.Property{{Name: "a", Kind: locket.Text}, {Name: "a", Kind: locket.Text}}}, locket.CodeInvalid, "declared twice"},
		{locket.Type{Name: "X", TimeProperty: "t"}, locket.CodeInvalid, "single time"},
		{locket.Type{Name: "Note", Properties: []locket.Property{{Name: "name", Kind: locket.Integer}}}, locket.CodeConflict, "declared already"},
	} {
		b.fails(c.code, c.says, func(w *store.Writer) error { return w.Extend(c.def) })
	}
}

func TestImportLedger(t *testing.T) {
	b := newBench(t)
	it := b.create("Note", props{"name": "n"})
	b.write(func(w *store.Writer) error {
		if err := w.StartImport("run-1", "box.mbox"); err != nil {
			return err
		}
		for i := range 7 {
			e := locket.LedgerEntry{File: "box.mbox", Record: fmt.Sprintf("byte %d", i), Format: "mbox", Outcome: []locket.Outcome{locket.Imported, locket.Duplicate, locket.Rejected}[i%3], Item: it.ID, Reason: "why"}
			if err := w.Record("run-1", e); err != nil {
				return err
			}
		}
		return w.FinishImport("run-1")
	})
	p, err := b.v.Imports(t.Context(), 0, "")
	if err != nil || len(p.Items) != 1 {
		t.Fatal(p, err)
	}
	if m := p.Items[0]; m.Read != 7 || m.Imported != 3 || m.Duplicate != 2 || m.Rejected != 2 || m.Finished.IsZero() || m.Source != "box.mbox" {
		t.Errorf("got %+v", m)
	}
	n, cursor := 0, ""
	for {
		l, err := b.v.Ledger(t.Context(), "run-1", 3, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Items {
			if e.Record != fmt.Sprintf("byte %d", n) || e.Item != it.ID || e.Reason != "why" {
				t.Errorf("line %d: %+v", n, e)
			}
			n++
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if n != 7 {
		t.Errorf("%d lines", n)
	}
	if _, err := b.v.Ledger(t.Context(), "run-2", 0, ""); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("no such run: %v", err)
	}
}
