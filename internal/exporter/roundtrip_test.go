package exporter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/demo"
	"github.com/locketpod/locket/internal/exporter"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

// lost is what an export that was imported does not have again: who wrote what when,
// and how far it is to be trusted, since the new pod can sign only for what is done in
// it. Everything else must be the same, in the same order.
var lost = map[string][]string{
	"header":   {"pod", "checkpoint", "time"},
	"item":     {"created", "updated", "trust"},
	"revision": {"change", "author", "name", "time", "signedBy", "trust", "source"},
}

// comparable are the lines of locket.jsonl without what is lost.
func comparable(t *testing.T, jsonl string) []string {
	t.Helper()
	var out []string
	for i, line := range strings.Split(strings.TrimSuffix(jsonl, "\n"), "\n") {
		var l map[string]any
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		check(t, d.Decode(&l))
		if i == 0 {
			drop(l, "header")
		}
		if l["principal"] != nil {
			continue
		}
		if end, ok := l["end"].(map[string]any); ok {
			delete(end, "principals")
		}
		for kind, of := range l {
			if of, ok := of.(map[string]any); ok {
				drop(of, kind)
			}
		}
		b, err := json.Marshal(l)
		check(t, err)
		out = append(out, string(b))
	}
	return out
}

func drop(l map[string]any, kind string) {
	for _, name := range lost[kind] {
		delete(l, name)
	}
}

// roundTrip exports a pod, imports it into another, and compares what that exports.
func roundTrip(t *testing.T, p *pod) *pod {
	t.Helper()
	archive, before := p.export(exporter.Options{})
	q := newPod(t)
	r := q.restore(archive)
	if r.Rejected > 0 || r.Duplicate > 0 || r.Dropped > 0 {
		t.Errorf("import: %+v", r)
	}
	_, after := q.export(exporter.Options{})
	compare(t, before, after)
	q.Verify()
	again := q.restore(archive)
	if again.Imported > 0 || again.Rejected > 0 || again.Duplicate != r.Imported {
		t.Errorf("imported again: %+v, the first time %+v", again, r)
	}
	_, after = q.export(exporter.Options{})
	compare(t, before, after)
	return q
}

func compare(t *testing.T, before, after map[string]string) {
	t.Helper()
	a, b := comparable(t, before["locket.jsonl"]), comparable(t, after["locket.jsonl"])
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a) || i >= len(b):
			t.Fatalf("%d lines, and after import %d", len(a), len(b))
		case a[i] != b[i]:
			t.Fatalf("line %d:\n%.2000s\nand after import\n%.2000s", i+1, a[i], b[i])
		}
	}
	names := slices.Sorted(maps.Keys(before))
	if got := slices.Sorted(maps.Keys(after)); !slices.Equal(names, got) {
		t.Errorf("files %q, and after import %q", names, got)
	}
	for _, n := range names {
		// What is made of an item names its times; files and mail must be the same.
		made := n == "locket.jsonl" || slices.Contains([]string{".json", ".md", ".vcf", ".ics"}, filepath.Ext(n)) && !strings.HasPrefix(n, "blobs/")
		if !made && before[n] != after[n] {
			t.Errorf("%s is another after import", n)
		}
	}
}

type props = map[string]any

// fill puts everything into a pod that an item can be and have been.
func fill(t *testing.T, p *pod) {
	small, err := p.v.PutBlob(t.Context(), strings.NewReader("raw and small"))
	check(t, err)
	large, err := p.v.PutBlob(t.Context(), bytes.NewReader(bytes.Repeat([]byte("large "), 300_000)))
	check(t, err)
	middle, err := p.v.PutBlob(t.Context(), bytes.NewReader(bytes.Repeat([]byte("0123456789"), 7_000)))
	check(t, err)
	p.write(func(w *store.Writer) error {
		return w.Extend(locket.Type{Name: "Boat", TimeProperty: "launched", Properties: []locket.Property{
			{Name: "name", Kind: locket.Text, Role: locket.RoleTitle, Indexed: true},
			{Name: "launched", Kind: locket.Time},
			{Name: "crew", Kind: locket.Reference, Many: true},
			{Name: "plans", Kind: locket.Blob, Many: true},
			{Name: "sunk", Kind: locket.Boolean},
			{Name: "length", Kind: locket.Real},
			{Name: "big", Kind: locket.Integer},
		}})
	})
	p.write(func(w *store.Writer) error {
		return w.Extend(locket.Type{Name: "Note", Properties: []locket.Property{{Name: "mood", Kind: locket.Real}}})
	})
	ids := make(map[string]locket.ItemID)
	create := func(name, typ string, set props, keys ...string) {
		p.write(func(w *store.Writer) error {
			it, err := w.Create(store.Draft{Type: typ, Props: set, Keys: keys})
			ids[name] = it.ID
			return err
		})
	}
	update := func(name string, set props) {
		p.write(func(w *store.Writer) error { _, err := w.Update(ids[name], 0, set); return err })
	}
	for _, typ := range locket.BuiltinTypes() {
		create(typ.Name, typ.Name, props{"name": "a " + typ.Name + " – ünïcødé 等 😀", "url": "https://a.example/?a=1&b=<2>"}, "key:"+typ.Name, "alias:"+typ.Name)
	}
	create("empty", "Note", nil)
	create("boat", "Boat", props{
		"name": "Kraken", "launched": "2001-01-01T00:00:00.123456Z", "crew": []any{string(ids["Person"])}, "sunk": false,
		"length": 12.0, "big": json.Number("9007199254740993"), "plans": []any{string(middle.ID), string(small.ID)},
	})
	update("boat", props{"sunk": true, "crew": nil})
	update("boat", props{"crew": []any{string(ids["empty"]), string(ids["Person"])}, "length": 1e300, "launched": nil})
	create("file", "File", props{"name": "plan.pdf", "blobName": "plan.pdf", "blob": string(large.ID)})
	create("same file", "File", props{"name": "PLAN.pdf", "blobName": "PLAN.pdf", "blob": string(large.ID), "rawBlob": string(small.ID)})
	update("file", props{"blob": string(middle.ID)})
	update("Note", props{"text": "first\n\u2028line", "mood": 0.1})
	update("Note", props{"text": nil})
	update("Note", props{"text": "second", "keywords": []any{"a", "b"}})
	p.write(func(w *store.Writer) error { // several in one
		for _, set := range []props{{"text": "third", "name": "quay"}, {"text": "second", "mood": nil}, {"folder": "x"}, {"folder": nil}} {
			if _, err := w.Update(ids["Note"], 0, set); err != nil {
				return err
			}
		}
		return nil
	})
	p.write(func(w *store.Writer) error { // and with its creation
		it, err := w.Create(store.Draft{Type: "Place", Props: props{"name": "pier"}})
		if err != nil {
			return err
		}
		if _, err := w.Update(it.ID, 0, props{"description": "long", "address": "1 Quay"}); err != nil {
			return err
		}
		if _, err = w.Update(it.ID, 0, props{"address": nil}); err != nil {
			return err
		}
		ids["pier"] = it.ID
		return w.Link(locket.Edge{Source: it.ID, Name: "near", Target: ids["boat"]})
	})
	link(p, ids["Note"], "mentions", ids["Person"])
	link(p, ids["Person"], "mentions", ids["Note"])
	link(p, ids["Note"], "attachment", ids["file"])
	link(p, ids["empty"], "mentions", ids["Bookmark"])
	create("gone", "Note", props{"name": "erased"})
	update("boat", props{"crew": []any{string(ids["gone"])}})
	p.write(func(w *store.Writer) error { return w.Erase(ids["gone"], 0) })
	p.write(func(w *store.Writer) error { return w.Delete(ids["Bookmark"], 0) })
	p.write(func(w *store.Writer) error { return w.Delete(ids["Event"], 0) })
	p.write(func(w *store.Writer) error { return w.Restore(ids["Event"], 0) })
	update("Event", props{"description": "after it came back"})
	p.write(func(w *store.Writer) error { return w.Delete(ids["Event"], 0) })
}

func link(p *pod, from locket.ItemID, name string, to locket.ItemID) {
	p.t.Helper()
	p.write(func(w *store.Writer) error { return w.Link(locket.Edge{Source: from, Name: name, Target: to}) })
}

func TestRoundTrip(t *testing.T) {
	p := newPod(t)
	fill(t, p)
	p.Verify()
	q := roundTrip(t, p)
	// The journal says where it came from.
	page, err := q.View(q.Owner).History(t.Context(), firstOf(t, q, "Note"), 10, "")
	check(t, err)
	for _, rev := range page.Items {
		if rev.Source.Import == "" || rev.Trust != locket.TrustImport || rev.Author != q.Owner {
			t.Errorf("%+v", rev)
		}
	}
	// Into the pod that it came from: nothing twice.
	archive, _ := p.export(exporter.Options{})
	if r := p.restore(archive); r.Imported > 0 || r.Rejected > 0 || r.Duplicate == 0 {
		t.Errorf("into the same pod: %+v", r)
	}
	p.Verify()
}

func firstOf(t *testing.T, p *pod, typ string) locket.ItemID {
	t.Helper()
	page, err := p.View(p.Owner).Query(t.Context(), locket.Query{Type: typ, Order: "created"})
	check(t, err)
	return page.Items[0].ID
}

// A newer export brings what was changed since the older one.
func TestGoesOn(t *testing.T) {
	p, q := newPod(t), newPod(t)
	fill(t, p)
	older, _ := p.export(exporter.Options{})
	q.restore(older)
	id := firstOf(t, p, "Note")
	p.write(func(w *store.Writer) error { _, err := w.Update(id, 0, props{"text": "newer"}); return err })
	newer, before := p.export(exporter.Options{})
	if r := q.restore(newer); r.Imported != 1 || r.Rejected != 0 {
		t.Errorf("newer: %+v", r)
	}
	_, after := q.export(exporter.Options{})
	compare(t, before, after)
	// And the older one does not take it back.
	if r := q.restore(older); r.Imported != 0 || r.Rejected != 0 {
		t.Errorf("older: %+v", r)
	}
	// What was edited in both is told, and stays.
	p.write(func(w *store.Writer) error { _, err := w.Update(id, 0, props{"text": "here"}); return err })
	q.write(func(w *store.Writer) error { _, err := w.Update(id, 0, props{"text": "there"}); return err })
	third, _ := p.export(exporter.Options{})
	r := q.restore(third)
	if r.Imported != 0 || r.Rejected != 1 {
		t.Errorf("edited in both: %+v", r)
	}
	it, err := q.View(q.Owner).Get(t.Context(), id)
	check(t, err)
	if it.Text("text") != "there" {
		t.Errorf("text is %q", it.Text("text"))
	}
	q.Verify()
}

// A run that is stopped anywhere is gone on with by another.
func TestInterrupt(t *testing.T) {
	p := newPod(t)
	fill(t, p)
	for i := range 450 {
		p.write(func(w *store.Writer) error {
			it, err := w.Create(store.Draft{Type: "Note", Props: props{"name": fmt.Sprint(i)}})
			if err != nil || i%50 != 0 {
				return err
			}
			return w.Link(locket.Edge{Source: it.ID, Name: "x", Target: it.ID})
		})
	}
	archive, before := p.export(exporter.Options{})
	for stop := range 7 {
		q := newPod(t)
		ctx, cancel := context.WithCancel(t.Context())
		reports := 0
		tree := importer.OpenReader("locket.tar", bytes.NewReader(archive), int64(len(archive)), importer.DefaultLimits())
		_, err := importer.Run(ctx, q.View(q.Owner), tree, nil, importer.Options{Report: func(locket.Progress) {
			if reports++; reports > stop {
				cancel()
			}
		}})
		cancel()
		if locket.CodeOf(err) != locket.CodeCancelled {
			t.Errorf("stopped after %d transactions: %v", stop, err)
		}
		q.Verify()
		q.restore(archive)
		_, after := q.export(exporter.Options{})
		compare(t, before, after)
		q.Verify()
	}
}

func TestRoundTripOfDemo(t *testing.T) {
	p := newPod(t)
	_, err := demo.Fill(t.Context(), p.v, demo.Generate(1, demo.Today))
	check(t, err)
	roundTrip(t, p)
}

func TestRoundTripOfSamples(t *testing.T) {
	for _, parts := range [][]string{{"notes"}, {"email"}, {"mbox"}, {"icalendar"}} {
		t.Run(parts[0], func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(append([]string{"..", "..", "..", "shared", "data"}, parts...)...)
			if _, err := os.Stat(dir); err != nil {
				if os.Getenv("LOCKET_CI") == "1" {
					t.Fatalf("sample data is missing: %v", err)
				}
				t.Skipf("SKIPPED: no sample data at %s; put the folder shared/data beside the checkout", dir)
			}
			p := newPod(t)
			tree, err := importer.OpenPath(dir, importer.DefaultLimits())
			check(t, err)
			_, err = importer.Run(t.Context(), p.v, tree, nil, importer.Options{})
			check(t, err)
			check(t, tree.Close())
			roundTrip(t, p)
		})
	}
}
