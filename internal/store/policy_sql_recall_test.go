package store_test

import (
	"fmt"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/store"
)

// embed gives each living item a vector.
func (w *randomWorld) embed() {
	w.write(func(wr *store.Writer) error {
		for _, it := range w.items {
			if it.deleted {
				continue
			}
			if err := wr.SetVector(it.ID, "model", w.vector()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *randomWorld) vector() []float32 {
	x := make([]float32, 16)
	for i := range x {
		x[i] = float32(w.r.NormFloat64())
	}
	return x
}

// recalls checks what is counted and proposed, by words and by vectors.
func (c *agreement) recalls() error {
	shown, err := c.view.Types(c.ctx)
	if err != nil {
		return err
	}
	var f store.MemoryFilter
	for _, t := range shown {
		if c.types[t.Name] != nil && c.r.IntN(3) > 0 {
			f.Types = append(f.Types, t.Name)
		}
	}
	if len(f.Types) == 0 {
		return nil
	}
	searched := func(it *randomItem) bool {
		return !it.deleted && slices.Contains(f.Types, it.Type) && c.access.Permits(locket.MaySearch, it.Facts)
	}
	if err := c.termCounts(f, searched); err != nil {
		return err
	}
	one, other := pick(c.r, []string{"a", "ab", "abc", "e", "1"}), pick(c.r, []string{"a", "true", "nowhere"})
	for text, m := range map[string]struct {
		e    store.Expr
		fits func(*randomItem) bool
	}{
		one:                  {store.Term(one), func(it *randomItem) bool { return c.holds(it, one) }},
		one + " or " + other: {store.AnyOf(store.Term(one), store.Term(other)), func(it *randomItem) bool { return c.holds(it, one) || c.holds(it, other) }},
		one + " and " + other: {
			store.AllOf(store.Term(one), store.AnyOf(store.Phrase(other))),
			func(it *randomItem) bool { return c.holds(it, one) && c.holds(it, other) },
		},
	} {
		got, err := c.view.Matching(c.ctx, f, m.e, 1000)
		if c.none(locket.MaySearch, err) {
			continue
		}
		if err == nil {
			err = c.same(fmt.Sprintf("recall %s of %v", text, f.Types), itemsOf(got), c.ids(func(it *randomItem) bool { return searched(it) && m.fits(it) }))
		}
		if err != nil {
			return err
		}
	}
	return c.near(f, searched)
}

func itemsOf(found []store.Found) []locket.Item {
	var items []locket.Item
	for _, x := range found {
		items = append(items, x.Item)
	}
	return items
}

func (c *agreement) termCounts(f store.MemoryFilter, searched func(*randomItem) bool) error {
	words := []string{"a", "ab", "e", "nowhere"}
	var es []store.Expr
	for _, w := range words {
		es = append(es, store.Term(w))
	}
	most := 1 + c.r.IntN(300)
	counts, total, err := c.view.TermCounts(c.ctx, f, es, most)
	if c.none(locket.MaySearch, err) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.unbounded() {
		return nil // the whole index is counted
	}
	for i, w := range words {
		if want := len(c.ids(func(it *randomItem) bool { return searched(it) && c.holds(it, w) })); counts[i] != min(want, most) {
			return fmt.Errorf("%q is counted %d times of %v up to %d, want %d", w, counts[i], f.Types, most, want)
		}
	}
	if want := len(c.ids(searched)); total != min(want, 10*most) {
		return fmt.Errorf("%d items of %v, want %d", total, f.Types, want)
	}
	return nil
}

func (c *agreement) unbounded() bool {
	for _, may := range []locket.Permission{locket.MayRead, locket.MaySearch} {
		if !slices.ContainsFunc(c.access.Clauses(may, "Note"), func(p policy.Clause) bool {
			return len(p.Tests) == 0 && p.Items == nil && !p.HasAfter && !p.HasBefore && p.Properties == nil
		}) {
			return false
		}
	}
	return true
}

// near checks that those are near of which the policy never hides text of their type.
func (c *agreement) near(f store.MemoryFilter, searched func(*randomItem) bool) error {
	got, err := c.view.Nearest(c.ctx, f, "model", c.vector(), 1000)
	if c.none(locket.MaySearch, err) {
		return nil
	}
	if err != nil {
		return err
	}
	whole := func(typ string) bool {
		for _, p := range c.types[typ].Properties {
			for _, may := range []locket.Permission{locket.MayRead, locket.MaySearch} {
				for _, clause := range c.access.Clauses(may, typ) {
					if p.Role != "" && clause.Properties != nil && !slices.Contains(clause.Properties, p.Name) {
						return false
					}
				}
			}
		}
		return true
	}
	if !slices.IsSortedFunc(got, func(a, b store.Found) int { return compare(b.Similarity, a.Similarity) }) {
		return fmt.Errorf("the nearest are not sorted")
	}
	return c.same(fmt.Sprintf("nearest of %v", f.Types), itemsOf(got), c.ids(func(it *randomItem) bool { return searched(it) && whole(it.Type) }))
}
