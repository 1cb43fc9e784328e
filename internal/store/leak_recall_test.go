package store_test

import (
	"fmt"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// embed gives items vectors, the hidden ones those that are looked for.
func (w *leakWorld) embed() {
	w.at(61, func(wr *store.Writer) error {
		for n := range 200 {
			x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
			if n < 100 {
				x[n%8] = -x[n%8]
			}
			err := wr.SetVector(leakID(n), "model", x)
			if code := locket.CodeOf(err); err != nil && code != locket.CodeNotFound && code != locket.CodeConflict {
				return err
			}
		}
		if w.rich {
			return wr.Link(edge(150, "supersedes", 2))
		}
		return nil
	})
}

func (w *leakWorld) recalls() {
	ctx := w.t.Context()
	exprs := []store.Expr{
		store.Term("alpha"), store.Term("beta"), store.Term("tulip"), store.Prefix("tul"), store.Phrase("alpha", "beta"), store.Phrase("beta alpha"),
		store.Term("secret"), store.Term("omega"), store.Term("hidden"), store.Term("note"), store.Term("work"), store.Term("stranger"),
		store.AnyOf(store.Term("alpha"), store.Term("gamma")), store.AllOf(store.Term("alpha"), store.Term("beta")),
	}
	for _, f := range []store.MemoryFilter{
		{},
		{Types: []string{"Note"}},
		{Types: []string{"Task"}},
		{Types: []string{"Note", "Task", "Person"}},
		{Types: []string{"Diary"}},
		{Types: []string{"Note"}, Tags: []string{"alpha"}},
		{Types: []string{"Note"}, Namespace: "work"},
		{Types: []string{"Note"}, Expired: true},
	} {
		for _, most := range []int{1, 5, 100} {
			counts, total, err := w.agent.TermCounts(ctx, f, exprs, most)
			w.say(fmt.Sprintf("counts %+v", f), []any{counts, total}, err)
			for _, e := range exprs {
				found, err := w.agent.Matching(ctx, f, e, most)
				w.say(fmt.Sprintf("matching %+v %v", f, e), found, err)
			}
			found, err := w.agent.Nearest(ctx, f, "model", []float32{1, 2, 3, 4, 5, 6, 7, 8}, most)
			w.say(fmt.Sprintf("nearest %+v", f), found, err)
			for _, model := range []string{"model", "other"} {
				items, err := w.agent.Unembedded(ctx, f, model, most)
				w.say(fmt.Sprintf("unembedded %+v", f), items, err)
			}
		}
	}
	items, err := w.agent.Around(ctx, "thread", 5, 3, 3)
	w.say("around", items, err)
	w.say("used", nil, w.agent.Used(ctx, []locket.ItemID{leakID(1), leakID(150), leakID(99)}))
	found, err := w.agent.Matching(ctx, store.MemoryFilter{Types: []string{"Note"}}, store.Term("alpha"), 100)
	w.say("uses", found, err)
}
