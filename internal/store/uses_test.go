package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func TestUsed(t *testing.T) {
	b := newBench(t)
	seen := b.create("Memory", props{"text": "tea", "namespace": "agents/me"})
	hidden := b.create("Memory", props{"text": "tea", "namespace": "other"})
	v := b.agent("robot", modest)
	entries := b.entries()
	b.clock = b.clock.Add(time.Hour)
	ids := []locket.ItemID{seen.ID, hidden.ID, locket.NewItemID(b.clock)}
	if err := v.Used(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	if n := b.entries() - entries; n != 1 {
		t.Errorf("what an agent was given is %d entries of the journal", n)
	}
	entries = b.entries()
	for range 2 {
		if err := b.v.Used(t.Context(), ids[:1]); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.entries() - entries; n != 0 {
		t.Errorf("the owner's uses are %d entries of the journal", n)
	}
	found, err := b.v.Matching(t.Context(), store.MemoryFilter{}, store.Term("tea"), 10)
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	for _, x := range found {
		want, last := int64(0), time.Time{}
		if x.Item.ID == seen.ID {
			want, last = 3, b.clock
		}
		if x.Uses != want || !x.LastUse.Equal(last) {
			t.Errorf("%s was used %d times, last %v; want %d, %v", x.Item.ID, x.Uses, x.LastUse, want, last)
		}
		if x.Item.Version != 1 {
			t.Errorf("a use made version %d", x.Item.Version)
		}
	}
	// In a transaction it does not wait for its end.
	b.write(func(*store.Writer) error { return b.v.Used(t.Context(), ids[:1]) })
	if err := b.agent("nobody", nothing).Used(t.Context(), ids); locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("without a policy: %v", err)
	}
}

// entries is how many the journal has.
func (b *bench) entries() (n int64) {
	b.t.Helper()
	st, err := b.v.Stats(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return st.Changes
}

func TestAround(t *testing.T) {
	b := newBench(t)
	for _, i := range []int{5, 3, 9, 1, 7, 2, 8, 4, 6} {
		ns := "shared"
		if i == 6 {
			ns = "other"
		}
		b.create("Memory", props{"text": fmt.Sprint(i), "thread": "talk", "position": i, "namespace": ns})
	}
	b.create("Memory", props{"text": "elsewhere", "thread": "other", "position": 5})
	b.create("Memory", props{"text": "no place", "thread": "talk"})
	gone := b.create("Memory", props{"text": "gone", "thread": "talk", "position": 4})
	b.write(func(w *store.Writer) error { return w.Delete(gone.ID, 0) })
	v := b.agent("robot", modest)
	shy := b.agent("shy", `{"rules":[{"actions":["read"],"types":["Memory"],"properties":["text","position"]}]}`)
	for _, c := range []struct {
		v             *store.View
		before, after int
		want          string
	}{
		{b.v, 2, 2, "[3 4 6 7]"}, {v, 2, 2, "[3 4 7 8]"}, {b.v, 9, 0, "[1 2 3 4]"}, {v, 0, 9, "[7 8 9]"}, {b.v, 0, 0, "[]"}, {shy, 2, 2, "[]"},
	} {
		items, err := c.v.Around(t.Context(), "talk", 5, c.before, c.after)
		list := []string{}
		for _, it := range items {
			list = append(list, it.Text("text"))
		}
		if err != nil || fmt.Sprint(list) != c.want {
			t.Errorf("%d before and %d after: %v, %v; want %s", c.before, c.after, list, err, c.want)
		}
	}
	if _, err := b.v.Around(t.Context(), "talk", 5, 1, 101); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("101 neighbours: %v", err)
	}
}

// Recall, vectors and uses go on beside each other.
func TestRecallConcurrently(t *testing.T) {
	b := newBench(t)
	var ids []locket.ItemID
	for i := range 20 {
		ids = append(ids, b.create("Memory", props{"text": fmt.Sprint("tea ", i), "namespace": "shared"}).ID)
	}
	v := b.agent("robot", unsaid)
	vector := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				_, err := b.v.Write(t.Context(), func(w *store.Writer) error { return w.SetVector(ids[(i+j)%20], "model", vector) })
				if err != nil {
					t.Error(err, cause(err))
				}
				if _, err := v.Matching(t.Context(), store.MemoryFilter{}, store.Term("tea"), 10); err != nil {
					t.Error(err, cause(err))
				}
				if _, err := b.v.Nearest(t.Context(), store.MemoryFilter{}, "model", vector, 10); err != nil {
					t.Error(err, cause(err))
				}
				if err := b.v.Used(t.Context(), ids[:3]); err != nil {
					t.Error(err, cause(err))
				}
			}
		})
	}
	wg.Wait()
	if wrong, err := b.v.CheckIntegrity(t.Context()); err != nil || len(wrong) > 0 {
		t.Error(wrong, err)
	}
}
