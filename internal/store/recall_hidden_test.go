package store_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

const (
	modest = `{"rules":[{"actions":["read","search","create","update"],"types":["Memory"],"where":{"namespace":["agents/me"]}},
		{"actions":["read","search"],"types":["Memory"],"where":{"namespace":{"prefix":"shared"}}}]}`
	// unindexed permits the same items, but no index knows them.
	unindexed = `{"rules":[{"actions":["read","search"],"types":["Memory"],"where":{"tier":["mine"]}}]}`
	// half has an index that knows more than what is permitted.
	half = `{"rules":[{"actions":["read","search"],"types":["Memory"],"where":{"namespace":["agents/me","shared/all","hidden"],"tier":"mine"}}]}`
	// unsaid permits the same items without what their sender and keywords say.
	unsaid = `{"rules":[{"actions":["read","search"],"types":["Memory"],"where":{"namespace":["agents/me","shared/all"]},"properties":["text","namespace","dateCreated","tier"]}]}`
)

// recalled is all that a view is told of memories about tea.
func recalled(t *testing.T, v *store.View) []string {
	t.Helper()
	tea, pot, ghost := store.Term("tea"), store.Term("pot"), store.Term("ghost")
	var said []string
	for _, f := range []store.MemoryFilter{{}, {Expired: true}, {Namespace: "shared"}, {Namespace: "hidden"}} {
		counts, total, err := v.TermCounts(t.Context(), f, []store.Expr{tea, pot, ghost, store.AllOf(tea, pot)}, 1000)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		said = append(said, fmt.Sprint(counts, total))
		for _, e := range []store.Expr{tea, pot, ghost, store.AnyOf(tea, pot), store.Phrase("tea", "pot")} {
			for _, limit := range []int{3, 100} {
				found, err := v.Matching(t.Context(), f, e, limit)
				if err != nil {
					t.Fatal(err, cause(err))
				}
				said = append(said, strings.Join(texts(found), ","))
			}
		}
		latest, err := v.Latest(t.Context(), f, 10)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		said = append(said, strings.Join(texts(latest), ","))
		found, err := v.Nearest(t.Context(), f, "model", []float32{1, 1, 1, 1, 1, 1, 1, 1}, 3)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		for _, x := range found {
			said = append(said, fmt.Sprint(x.Item.Text("text"), x.Similarity, x.Uses))
		}
	}
	return said
}

// Thousands of hidden memories with the same words, near the same vectors, newer, older
// and superseding, change nothing that an agent is told.
func TestHiddenMemoriesChangeNothing(t *testing.T) {
	for name, policy := range map[string]string{"modest": modest, "unindexed": unindexed, "half": half, "unsaid": unsaid} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var mine []locket.ItemID
			add := func(w *store.Writer, i int, ns, tier string, ps props) error {
				ps["namespace"], ps["tier"] = ns, tier
				ps["dateCreated"] = time.Unix(1e9+int64(i*7919%1000), 0)
				it, err := w.Create(store.Draft{Type: "Memory", Props: ps})
				if err != nil {
					return err
				}
				if tier == "mine" {
					mine = append(mine, it.ID)
				}
				return w.SetVector(it.ID, "model", []float32{1, 1, 1, 1, 1, 1, float32(i % 3), -float32(i % 5)})
			}
			hide := func(n int) {
				b.write(func(w *store.Writer) error {
					for i := range n {
						if err := add(w, i, "hidden", "other", props{"text": fmt.Sprint("tea pot ", i)}); err != nil {
							return err
						}
					}
					return nil
				})
			}
			hide(20)
			b.write(func(w *store.Writer) error {
				for i := range 30 {
					ps := props{"text": fmt.Sprint([]string{"tea", "pot", "tea pot", "pot tea"}[i%4], " ", i), "sender": "ghost", "keywords": []any{"ghost"}}
					if err := add(w, i, []string{"agents/me", "shared/all"}[i%2], "mine", ps); err != nil {
						return err
					}
				}
				return nil
			})
			v := b.agent("robot", policy)
			before := recalled(t, v)
			if joined := strings.Join(before, " "); !strings.Contains(joined, "tea pot 2") || (name == "unsaid") == strings.Contains(before[0], " 30 ") {
				t.Fatalf("it tells little: %q", before)
			}
			hide(3000)
			b.write(func(w *store.Writer) error {
				for _, id := range mine {
					it, err := w.Create(store.Draft{Type: "Memory", Props: props{"text": "tea ghost", "namespace": "hidden"}})
					if err != nil {
						return err
					}
					if err := w.Link(locket.Edge{Source: it.ID, Name: "supersedes", Target: id}); err != nil {
						return err
					}
				}
				return nil
			})
			if after := recalled(t, v); !reflect.DeepEqual(before, after) {
				for i := range before {
					if before[i] != after[i] {
						t.Errorf("it was told %q, and now %q", before[i], after[i])
					}
				}
			}
		})
	}
}

// Where many are permitted, and an index says which, they are counted by it.
func TestManyPermitted(t *testing.T) {
	b := newBench(t)
	b.write(func(w *store.Writer) error {
		for i := range 4500 {
			ns := "shared/all"
			if i%15 == 7 {
				ns = "hidden"
			}
			if _, err := w.Create(store.Draft{Type: "Memory", Props: props{"text": []string{"tea", "pot"}[i%2], "namespace": ns}}); err != nil {
				return err
			}
		}
		return nil
	})
	counts, total, err := b.agent("robot", modest).TermCounts(t.Context(), store.MemoryFilter{}, []store.Expr{store.Term("tea"), store.Term("pot")}, 5000)
	if err != nil || !reflect.DeepEqual(counts, []int{2100, 2100}) || total != 4200 {
		t.Errorf("%v of %d, %v", counts, total, err)
	}
}

// What was written between two looks of one view is in the second.
func TestRecallSeesChanges(t *testing.T) {
	b := newBench(t)
	v := b.agent("robot", modest)
	tea := store.Term("tea")
	check := func(what string, want int) {
		t.Helper()
		counts, total, err := v.TermCounts(t.Context(), store.MemoryFilter{}, []store.Expr{tea}, 10)
		if err != nil || counts[0] != want || total != want {
			t.Errorf("%s: %v of %d, %v; want %d", what, counts, total, err, want)
		}
		if got := b.matching(v, store.MemoryFilter{}, tea); len(got) != want {
			t.Errorf("%s: %q", what, got)
		}
	}
	check("nothing", 0)
	one := b.create("Memory", props{"text": "tea", "namespace": "shared"})
	check("one", 1)
	other := b.create("Memory", props{"text": "tea", "namespace": "agents/me"})
	check("two", 2)
	if got := b.matching(v, store.MemoryFilter{Namespace: "shared"}, tea); len(got) != 1 {
		t.Errorf("shared: %q", got)
	}
	check("two again", 2)
	b.write(func(w *store.Writer) error { _, err := w.Update(other.ID, 0, props{"namespace": "hidden"}); return err })
	check("one hidden", 1)
	b.write(func(w *store.Writer) error { return w.Erase(one.ID, 0) })
	check("one erased", 0)
}
