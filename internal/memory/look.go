package memory

import (
	"context"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// A Timeline selects memories by when they were. The zero one selects all.
type Timeline struct {
	From, To  time.Time // of their own time: From included, To not
	Namespace string    // and what is below it
	Kind      string
	Thread    string
	Oldest    bool // the oldest first; else the newest
	Limit     int  // 1 to 1000, default 50
	Cursor    string
}

// List lists memories by their own time.
func List(ctx context.Context, v *store.View, t Timeline) (locket.Page[locket.Item], error) {
	if ok, err := known(ctx, v); err != nil || !ok {
		return locket.Page[locket.Item]{}, err
	}
	q := locket.Query{Type: Type, Order: "-time", Limit: t.Limit, Cursor: t.Cursor}
	if t.Oldest {
		q.Order = "time"
	}
	test := func(property string, op locket.Operator, value any) {
		q.Where = append(q.Where, locket.Condition{Property: property, Op: op, Value: value})
	}
	if !t.From.IsZero() {
		test("dateCreated", locket.OpAtLeast, t.From)
	}
	if !t.To.IsZero() {
		test("dateCreated", locket.OpLess, t.To)
	}
	if t.Namespace != "" {
		test("namespace", locket.OpUnder, t.Namespace)
	}
	if t.Kind != "" {
		test("kind", locket.OpEqual, t.Kind)
	}
	if t.Thread != "" {
		test("thread", locket.OpEqual, t.Thread)
	}
	return v.Query(ctx, q)
}

// A Status says what there is to recall.
type Status struct {
	Namespace  string           `json:"namespace"` // where the asker's own memories go
	Memories   int64            `json:"memories"`
	Kinds      map[string]int64 `json:"kinds"`
	Tiers      map[string]int64 `json:"tiers"`
	Namespaces map[string]int64 `json:"namespaces"`
	Embedder   string           `json:"embedder,omitempty"` // absent: recall goes by words alone
}

// Count returns the status of what a view shows.
func Count(ctx context.Context, v *store.View, e Embedder) (Status, error) {
	s := Status{Namespace: v.Principal().Namespace()}
	if e != nil {
		s.Embedder = e.Model()
	}
	s.Kinds, s.Tiers, s.Namespaces = map[string]int64{}, map[string]int64{}, map[string]int64{}
	ok, err := known(ctx, v)
	if err != nil || !ok {
		return s, err
	}
	for _, c := range []struct {
		property string
		into     *map[string]int64
	}{{"kind", &s.Kinds}, {"tier", &s.Tiers}, {"namespace", &s.Namespaces}} {
		if *c.into, err = v.Tally(ctx, Type, c.property); err != nil {
			return s, err
		}
	}
	for _, n := range s.Kinds {
		s.Memories += n
	}
	return s, nil
}
