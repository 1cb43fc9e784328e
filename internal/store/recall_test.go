package store_test

import (
	"reflect"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func texts(found []store.Found) []string {
	list := []string{}
	for _, x := range found {
		list = append(list, x.Item.Text("text"))
	}
	return list
}

func (b *bench) matching(v *store.View, f store.MemoryFilter, e store.Expr) []string {
	b.t.Helper()
	found, err := v.Matching(b.t.Context(), f, e, 1000)
	if err != nil {
		b.t.Fatal(err, cause(err))
	}
	return texts(found)
}

func TestMemoryFilter(t *testing.T) {
	b := newBench(t)
	b.create("Memory", props{"text": "one tea", "namespace": "a", "kind": "fact", "keywords": []any{"x", "y"}, "sender": "anna", "thread": "t", "dateCreated": "2026-01-01"})
	b.create("Memory", props{"text": "two tea", "namespace": "a/b", "kind": "event", "expires": "2026-11-21"})
	old := b.create("Memory", props{"text": "three tea", "namespace": "ab", "validFrom": "2027-01-01"})
	b.create("Memory", props{"text": "four tea", "namespace": "a0", "validThrough": "2026-11-20"})
	was := b.create("Memory", props{"text": "five tea", "namespace": "a", "dateCreated": "2025-01-01"})
	is := b.create("Memory", props{"text": "six tea", "namespace": "z", "dateCreated": "2024-01-01"})
	b.create("Note", props{"text": "seven tea"})
	b.write(func(w *store.Writer) error {
		return w.Link(locket.Edge{Source: is.ID, Name: "supersedes", Target: was.ID})
	})
	_ = old
	for _, c := range []struct {
		name string
		f    store.MemoryFilter
		want []string
	}{
		{"plain", store.MemoryFilter{}, []string{"one tea", "six tea"}},
		{"namespace", store.MemoryFilter{Namespace: "a/", Expired: true}, []string{"two tea", "one tea", "five tea"}},
		{"types", store.MemoryFilter{Types: []string{"Note"}}, []string{"seven tea"}},
		{"kinds", store.MemoryFilter{Kinds: []string{"fact", "event"}, Expired: true}, []string{"two tea", "one tea"}},
		{"a tag", store.MemoryFilter{Tags: []string{"y"}}, []string{"one tea"}},
		{"all tags", store.MemoryFilter{Tags: []string{"y", "x"}}, []string{"one tea"}},
		{"not all tags", store.MemoryFilter{Tags: []string{"y", "z"}}, []string{}},
		{"senders", store.MemoryFilter{Senders: []string{"anna"}}, []string{"one tea"}},
		{"thread", store.MemoryFilter{Thread: "t"}, []string{"one tea"}},
		{"no such property", store.MemoryFilter{Types: []string{"Note"}, Kinds: []string{"fact"}}, []string{}},
	} {
		for _, v := range []*store.View{b.agent(c.name, `{"rules":[{"actions":["read","search"],"before":"2100-01-01T00:00:00Z"}]}`)} {
			if got := b.matching(v, c.f, store.Term("tea")); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %q", c.name, got)
			}
		}
		if got := b.matching(b.v, c.f, store.Term("tea")); len(got) != len(c.want) {
			t.Errorf("%s: the owner finds %q", c.name, got)
		}
		latest, err := b.v.Latest(t.Context(), c.f, 100)
		if got := texts(latest); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: the latest are %q, %v", c.name, got, err)
		}
	}
}

func TestVectorsSmoke(t *testing.T) {
	b := newBench(t)
	it := b.create("Memory", props{"text": "one tea"})
	other := b.create("Memory", props{"text": "two tea"})
	b.write(func(w *store.Writer) error {
		if err := w.SetVector(it.ID, "m", []float32{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
			return err
		}
		return w.SetVector(other.ID, "m", []float32{1, -2, 3, 4, 5, 6, 7, 8})
	})
	found, err := b.v.Nearest(t.Context(), store.MemoryFilter{}, "m", []float32{1, 2, 3, 4, 5, 6, 7, 8}, 10)
	if err != nil || len(found) != 2 || found[0].Item.ID != it.ID || found[0].Similarity < 0.99 {
		t.Fatal(found, err, cause(err))
	}
	if err := b.v.Used(t.Context(), []locket.ItemID{it.ID}); err != nil {
		t.Fatal(err)
	}
	counts, total, err := b.v.TermCounts(t.Context(), store.MemoryFilter{}, []store.Expr{store.Term("tea"), store.Term("one")}, 10)
	if err != nil || !reflect.DeepEqual(counts, []int{2, 1}) || total != 2 {
		t.Fatal(counts, total, err)
	}
	left, err := b.v.Unembedded(t.Context(), store.MemoryFilter{}, "m", 10)
	if err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
	if wrong, err := b.v.CheckIntegrity(t.Context()); err != nil || len(wrong) != 0 {
		t.Fatal(wrong, err, cause(err))
	}
	b.write(func(w *store.Writer) error { return w.Erase(it.ID, 0) })
	found, err = b.v.Nearest(t.Context(), store.MemoryFilter{}, "m", []float32{1, 2, 3, 4, 5, 6, 7, 8}, 10)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err, cause(err))
	}
	if wrong, err := b.v.CheckIntegrity(t.Context()); err != nil || len(wrong) != 0 {
		t.Fatal(wrong, err, cause(err))
	}
}
