package recall

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// A viewSource is what a view shows of what a query asks for.
type viewSource struct {
	v      *store.View
	filter store.MemoryFilter
	fields fields
}

func (q *Query) filter() store.MemoryFilter {
	return store.MemoryFilter{
		Types: q.Types, Namespace: q.Namespace, Kinds: q.Kinds, Tags: q.Tags, After: q.After, Before: q.Before, Expired: q.All, AnyOrder: true,
	}
}

func (s *viewSource) counts(ctx context.Context, words [][]string, most int) ([]int, int, error) {
	list := make([]store.Expr, len(words))
	for i, w := range words {
		list[i] = store.AnyOf(terms(w)...)
	}
	return s.v.TermCounts(ctx, s.filter, list, most)
}

func (s *viewSource) matching(ctx context.Context, words [][]string, in period, limit int) ([]found, error) {
	list := make([]store.Expr, len(words))
	for i, w := range words {
		list[i] = store.AllOf(terms(w)...)
	}
	return foundIn(s.v.Matching(ctx, s.within(in), store.AnyOf(list...), limit))
}

func (s *viewSource) latest(ctx context.Context, in period, limit int) ([]found, error) {
	return foundIn(s.v.Latest(ctx, s.within(in), limit))
}

// within is the filter for a period.
func (s *viewSource) within(in period) store.MemoryFilter {
	f := s.filter
	if in.from.After(f.After) {
		f.After = in.from
	}
	if !in.to.IsZero() && (f.Before.IsZero() || in.to.Before(f.Before)) {
		f.Before = in.to
	}
	return f
}

func terms(words []string) []store.Expr {
	list := make([]store.Expr, len(words))
	for i, w := range words {
		list[i] = store.Term(w)
	}
	return list
}

func (s *viewSource) around(ctx context.Context, thread string, position int64, before, after int) ([]locket.Item, error) {
	return s.v.Around(ctx, thread, position, before, after)
}

func (s *viewSource) nearest(ctx context.Context, model string, vector []float32, limit int) ([]found, error) {
	return foundIn(s.v.Nearest(ctx, s.filter, model, vector, limit))
}

// passing looks for items by their own longest words with the whole filter, which knows
// what the properties of an item don't tell: that another one supersedes it.
func (s *viewSource) passing(ctx context.Context, items []locket.Item) (map[locket.ItemID]bool, error) {
	const words, atOnce = 3, 20 // an expression has 64 terms at most
	passed := make(map[locket.ItemID]bool)
	for list := range slices.Chunk(items, atOnce) {
		var es []store.Expr
		for _, it := range list {
			own := tokens(strings.Join(texts(it, s.fields[it.Type].body), "\n"))
			slices.SortStableFunc(own, func(a, b token) int { return cmp.Compare(len(b.raw), len(a.raw)) })
			var both []store.Expr
			for _, t := range own[:min(words, len(own))] {
				both = append(both, store.Term(t.raw))
			}
			es = append(es, store.AllOf(both...))
		}
		found, err := s.v.Matching(ctx, s.filter, store.AnyOf(es...), poolMost)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			passed[f.Item.ID] = true
		}
	}
	return passed, nil
}

func foundIn(list []store.Found, err error) ([]found, error) {
	out := make([]found, len(list))
	for i, f := range list {
		out[i] = found{item: f.Item, uses: f.Uses, similarity: f.Similarity}
	}
	return out, err
}
