package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/locketpod/locket/internal/store"
)

// Bounds on the search for what is like a text.
const (
	nearTerms      = 12  // of its words, the rarest
	nearCandidates = 50  // items compared
	nearCounted    = 500 // what is more frequent than this is of no help
	nearShown      = 3
)

// near returns the memories of the draft's namespace and kind that are most like it, the
// likest first. A turn of a conversation is like no other: people repeat themselves.
func near(ctx context.Context, v *store.View, d Draft) ([]Similar, error) {
	if d.Thread != "" {
		return nil, nil
	}
	f := store.MemoryFilter{Namespace: d.Namespace, Kinds: []string{d.Kind}}
	e, err := rarest(ctx, v, f, wordsOf(d.Text))
	if err != nil || e.Zero() {
		return nil, err
	}
	found, err := v.Matching(ctx, f, e, nearCandidates)
	if err != nil {
		return nil, err
	}
	var out []Similar
	now := time.Now()
	for _, x := range found {
		if x.Item.Text("namespace") != d.Namespace || !current(x.Item, now) {
			continue
		}
		if like := likeness(x.Item.Text("text"), d.Text); like >= similar {
			out = append(out, Similar{x.Item.ID, clip(x.Item.Text("text"), shownText), like})
		}
	}
	slices.SortStableFunc(out, func(a, b Similar) int { return cmp.Compare(b.Similarity, a.Similarity) })
	out = out[:min(len(out), nearShown)]
	for _, s := range out {
		if _, err := v.Get(ctx, s.ID); err != nil { // it is shown, which the journal is to know
			return nil, err
		}
	}
	return out, nil
}

// rarest matches what has one of the rarest of words.
func rarest(ctx context.Context, v *store.View, f store.MemoryFilter, words []string) (store.Expr, error) {
	slices.Sort(words)
	words = slices.Compact(words)
	words = words[:min(len(words), 100)]
	terms := make([]store.Expr, len(words))
	for i, w := range words {
		terms[i] = store.Term(w)
	}
	counts, _, err := v.TermCounts(ctx, f, terms, nearCounted)
	if err != nil {
		return store.Expr{}, err
	}
	order := make([]int, 0, len(words))
	for i, n := range counts {
		if n > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return counts[a] - counts[b] })
	var chosen []store.Expr
	for _, i := range order[:min(len(order), nearTerms)] {
		if counts[i] < nearCounted || len(chosen) == 0 {
			chosen = append(chosen, terms[i])
		}
	}
	return store.AnyOf(chosen...), nil
}
