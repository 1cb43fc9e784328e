package store_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func (b *bench) list(q locket.Query) []string {
	b.t.Helper()
	var all []string
	for {
		p, err := b.v.Query(b.t.Context(), q)
		if err != nil {
			b.t.Fatalf("%+v: %v: %v", q, err, cause(err))
		}
		for _, it := range p.Items {
			all = append(all, it.Text("name"))
		}
		if q.Cursor = p.Next; q.Cursor == "" {
			return all
		}
	}
}

func cond(property string, op locket.Operator, value any) locket.Condition {
	return locket.Condition{Property: property, Op: op, Value: value}
}

func TestQueryConditions(t *testing.T) {
	b := newBench(t)
	b.create("Photo", props{"name": "a", "width": 10, "latitude": 1.5, "dateCreated": "2026-01-01", "keywords": []any{"x", "y"}, "folder": "x"})
	b.create("Photo", props{"name": "b", "width": 20, "latitude": -1.5, "dateCreated": "2026-02-01", "folder": "x/y"})
	b.create("Photo", props{"name": "bb", "width": 30, "dateCreated": "2026-03-01", "keywords": []any{"y"}, "folder": "xy"})
	b.create("Note", props{"name": "z"})
	for _, c := range []struct {
		where []locket.Condition
		want  string
	}{
		{nil, "a b bb"},
		{[]locket.Condition{cond("width", locket.OpEqual, 20)}, "b"},
		{[]locket.Condition{cond("width", locket.OpNotEqual, 20)}, "a bb"},
		{[]locket.Condition{cond("width", locket.OpAtLeast, json.Number("20"))}, "b bb"},
		{[]locket.Condition{cond("width", locket.OpMore, 10.0), cond("width", locket.OpLess, 30)}, "b"},
		{[]locket.Condition{cond("latitude", locket.OpAtMost, 0)}, "b"},
		{[]locket.Condition{cond("latitude", locket.OpExists, false)}, "bb"},
		{[]locket.Condition{cond("dateCreated", locket.OpAtLeast, "2026-02-01T00:00:00Z")}, "b bb"},
		{[]locket.Condition{cond("name", locket.OpPrefix, "b")}, "b bb"},
		{[]locket.Condition{cond("folder", locket.OpUnder, "x")}, "a b"},
		{[]locket.Condition{cond("name", locket.OpIn, []any{"a", "bb"})}, "a bb"},
		{[]locket.Condition{cond("keywords", locket.OpEqual, "y")}, "a bb"},
		{[]locket.Condition{cond("keywords", locket.OpIn, []any{"x", "q"})}, "a"},
	} {
		if got := strings.Join(b.list(locket.Query{Type: "Photo", Where: c.where, Order: "created"}), " "); got != c.want {
			t.Errorf("%v: got %q, want %q", c.where, got, c.want)
		}
	}
	for _, q := range []locket.Query{
		{Type: "Memo"},
		{Type: "Photo", Order: "colour"},
		{Type: "Photo", Order: "keywords"},
		{Type: "Photo", Where: []locket.Condition{cond("colour", locket.OpEqual, 1)}},
		{Type: "Photo", Where: []locket.Condition{cond("width", locket.OpEqual, "wide")}},
		{Type: "Photo", Where: []locket.Condition{cond("width", "like", 1)}},
		{Type: "Photo", Where: []locket.Condition{cond("width", locket.OpPrefix, "1")}},
		{Type: "Photo", Where: []locket.Condition{cond("width", locket.OpIn, []any{})}},
		{Type: "Photo", Where: []locket.Condition{cond("width", locket.OpExists, "no")}},
		{Type: "Photo", Where: []locket.Condition{cond("width", locket.OpEqual, nil)}},
		{Limit: -1},
		{Limit: 1001},
		{Cursor: "x"},
	} {
		if _, err := b.v.Query(t.Context(), q); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// TestQueryOrder compares every order, whole and in pages, with sorting in Go.
func TestQueryOrder(t *testing.T) {
	b := newBench(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	types := []string{"Photo", "Bookmark", "Note"}
	var made []locket.Item
	for i := range 60 {
		p := props{"name": fmt.Sprintf("%02d", rnd.IntN(30))}
		typ := types[rnd.IntN(3)]
		if typ == "Photo" && i%2 == 0 {
			p["width"] = rnd.IntN(4)
		}
		if rnd.IntN(3) > 0 {
			p["dateCreated"] = fmt.Sprintf("2026-01-%02d", 1+rnd.IntN(9))
		}
		made = append(made, b.create(typ, p))
	}
	for range 20 {
		i := rnd.IntN(len(made))
		b.write(func(w *store.Writer) (err error) {
			made[i], err = w.Update(made[i].ID, 0, props{"name": fmt.Sprintf("%02d", rnd.IntN(30))})
			return err
		})
	}
	for _, typ := range append(types, "") {
		for _, order := range []string{"", "updated", "-updated", "created", "-created", "time", "-time", "name", "-name"} {
			for _, limit := range []int{7, 1000} {
				got := strings.Join(b.list(locket.Query{Type: typ, Order: order, Limit: limit}), " ")
				if want := sorted(made, typ, order); got != want {
					t.Errorf("type %q order %q limit %d:\ngot  %s\nwant %s", typ, order, limit, got, want)
				}
			}
		}
	}
	if got := b.list(locket.Query{Type: "Photo", Order: "width", Limit: 5}); len(got) == 0 {
		t.Error("order by an optional property lists nothing")
	}
}

func sorted(made []locket.Item, typ, order string) string {
	if order == "" {
		order = "-updated"
	}
	key, desc := strings.CutPrefix(order, "-")
	type ranked struct {
		key  string
		n    int
		name string
	}
	var list []ranked
	for n, it := range made {
		if typ != "" && it.Type != typ {
			continue
		}
		var k string
		switch key {
		case "updated":
			k = it.Updated.Format("2006-01-02T15:04:05.000000")
		case "created":
			k = fmt.Sprintf("%04d", n)
		case "time":
			at := it.Created
			if p, ok := it.Props["dateCreated"].(interface{ Format(string) string }); ok && it.Type != "Note" {
				k = p.Format("2006-01-02T15:04:05.000000")
			} else {
				k = at.Format("2006-01-02T15:04:05.000000")
			}
		default:
			k = it.Text(key)
		}
		list = append(list, ranked{k, n, it.Text("name")})
	}
	slices.SortFunc(list, func(a, b ranked) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.n, b.n)) })
	if desc {
		slices.Reverse(list)
	}
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.name
	}
	return strings.Join(names, " ")
}

func TestQueryDeleted(t *testing.T) {
	b := newBench(t)
	gone := b.create("Note", props{"name": "gone"})
	b.create("Note", props{"name": "here"})
	b.write(func(w *store.Writer) error { return w.Delete(gone.ID, 0) })
	if got := strings.Join(b.list(locket.Query{}), " "); got != "here" {
		t.Errorf("living: %q", got)
	}
	if got := strings.Join(b.list(locket.Query{Deleted: true}), " "); got != "gone" {
		t.Errorf("deleted: %q", got)
	}
}
