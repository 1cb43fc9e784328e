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
	nearWords      = 3  // that must all be there; what is like a text has one of two such sets
	nearCandidates = 50 // items compared
	nearShown      = 3
)

// near returns the memories of the draft's namespace and kind that are most like it, the
// likest first. A turn of a conversation is like no other: people repeat themselves.
func near(ctx context.Context, v *store.View, d Draft) ([]Similar, error) {
	e := telling(wordsOf(d.Text))
	if d.Thread != "" || e.Zero() {
		return nil, nil
	}
	// Namespace and kind are looked at here: few items have the words, many the rest.
	found, err := v.Matching(ctx, store.MemoryFilter{AnyOrder: true}, e, nearCandidates)
	if err != nil {
		return nil, err
	}
	var out []Similar
	now := time.Now()
	for _, x := range found {
		if x.Item.Text("namespace") != d.Namespace || x.Item.Text("kind") != d.Kind || !current(x.Item, now) {
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

// telling matches what has the longest words of a text, which are mostly its rarest, or
// those that are the longest after them: nearly the same text has one set or the other.
func telling(words []string) store.Expr {
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	words = slices.Compact(words)
	first := words[:min(nearWords, len(words))]
	rest := words[len(first):]
	return store.AnyOf(store.AllOf(terms(first)...), store.AllOf(terms(rest[:min(nearWords, len(rest))])...))
}

func terms(words []string) []store.Expr {
	out := make([]store.Expr, len(words))
	for i, w := range words {
		out[i] = store.Term(w)
	}
	return out
}
