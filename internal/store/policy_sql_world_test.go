package store_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/policy/policytest"
	"github.com/locketpod/locket/internal/store"
)

// A randomItem is an item as the owner wrote it.
type randomItem struct {
	policy.Facts
	n       int // place in the order of creation
	created int64
	updated time.Time
	deleted bool
}

type randomWorld struct {
	*bench
	r     *rand.Rand
	types map[string]*locket.Type
	items []*randomItem
	edges []locket.Edge
}

func newRandomWorld(t *testing.T, r *rand.Rand) *randomWorld {
	w := &randomWorld{bench: newBench(t), r: r, types: policytest.Types()}
	for name, role := range map[string]locket.Role{"Alpha.tags": locket.RoleBody, "Beta.title": locket.RoleTitle, "Gamma.title": locket.RoleFolder} {
		typ, prop, _ := strings.Cut(name, ".")
		i := slices.IndexFunc(w.types[typ].Properties, func(p locket.Property) bool { return p.Name == prop })
		w.types[typ].Properties[i].Role = role
	}
	w.write(func(wr *store.Writer) error {
		for _, name := range slices.Sorted(maps.Keys(w.types)) {
			if err := wr.Extend(*w.types[name]); err != nil {
				return err
			}
		}
		return nil
	})
	var blobs []any
	for i := range 3 {
		info, err := w.v.PutBlob(t.Context(), strings.NewReader(strings.Repeat("x", i)))
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, string(info.ID))
	}
	// The items that policies name and references lead to come first, and get their
	// own references when all are there.
	named := make(map[locket.ItemID]map[string]any)
	for len(w.items) < agreeItems {
		f := policytest.RandomFacts(r)
		if file, ok := f.Props["file"]; ok {
			f.Props["file"] = pick(r, blobs)
			if list, many := file.([]any); many {
				f.Props["file"] = slices.Repeat([]any{pick(r, blobs)}, len(list))
			}
		}
		if len(named) < 5 {
			if named[f.ID] != nil {
				continue
			}
			named[f.ID] = map[string]any{"link": f.Props["link"]}
			delete(f.Props, "link")
		} else {
			f.ID = locket.NewItemID(w.clock)
		}
		w.insert(f)
	}
	for _, it := range w.items[:5] {
		if link := named[it.ID]["link"]; link != nil {
			w.write(func(wr *store.Writer) error { _, err := wr.Update(it.ID, 0, named[it.ID]); return err })
			it.Props["link"], it.updated = link, w.clock
		}
	}
	w.linkAndDelete()
	return w
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (w *randomWorld) insert(f policy.Facts) {
	given := make(map[string]any)
	for name, v := range f.Props {
		p, _ := w.types[f.Type].Property(name)
		given[name] = written(p.Kind, v)
	}
	if w.r.IntN(2) == 0 {
		w.clock = w.clock.Add(-time.Second) // in the same millisecond as the one before
	}
	w.write(func(wr *store.Writer) error {
		_, err := wr.Create(store.Draft{ID: f.ID, Type: f.Type, Props: given})
		return err
	})
	it := &randomItem{Facts: f, n: len(w.items), created: w.clock.UnixMicro(), updated: w.clock}
	it.Time = it.created
	if at, ok := f.Props[w.types[f.Type].TimeProperty].(int64); ok {
		it.Time = at
	}
	w.items = append(w.items, it)
}

func (w *randomWorld) linkAndDelete() {
	w.write(func(wr *store.Writer) error {
		for range 100 {
			e := locket.Edge{Source: pick(w.r, w.items).ID, Name: "about", Target: pick(w.r, w.items).ID}
			if slices.Contains(w.edges, e) {
				continue
			}
			w.edges = append(w.edges, e)
			if err := wr.Link(e); err != nil {
				return err
			}
		}
		return nil
	})
	w.write(func(wr *store.Writer) error {
		for _, it := range w.items {
			if w.r.IntN(6) > 0 {
				continue
			}
			it.deleted, it.updated = true, w.clock
			if err := wr.Delete(it.ID, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// written is a stored value in the form that the store takes.
func written(k locket.Kind, v any) any {
	if list, ok := v.([]any); ok {
		out := make([]any, len(list))
		for i := range list {
			out[i] = written(k, list[i])
		}
		return out
	}
	if us, ok := v.(int64); ok && k == locket.Time {
		return time.UnixMicro(us)
	}
	return v
}

// unwritten is a value of an item in the form that is stored.
func unwritten(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = unwritten(v[i])
		}
		return out
	case time.Time:
		return v.UnixMicro()
	case locket.ItemID:
		return string(v)
	case locket.BlobID:
		return string(v)
	}
	return v
}
