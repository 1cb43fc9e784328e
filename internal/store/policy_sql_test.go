package store_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/policy/policytest"
	"github.com/locketpod/locket/internal/store"
)

const (
	agreeItems    = 250
	agreePolicies = 100
)

// TestPolicySQLAgrees proves that what SQL lists, counts and finds of random items under
// random policies is what package policy permits of each of them. The owner's view knows
// nothing of policies and says what there is. LOCKET_SEED repeats a run.
func TestPolicySQLAgrees(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("LOCKET_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if t.Failed() {
			t.Logf("repeat with LOCKET_SEED=%d", seed)
		}
	}()
	w := newRandomWorld(t, rand.New(rand.NewPCG(seed, 0)))
	permitted, cases := 0, 0
	for range agreePolicies {
		ps := []locket.Policy{policytest.Random(w.r)}
		if w.r.IntN(4) == 0 {
			ps = append(ps, policytest.Random(w.r))
		}
		view, access, err := store.Under(t.Context(), w.v, ps...)
		if err != nil {
			t.Fatal(err)
		}
		c := &agreement{randomWorld: w, ctx: t.Context(), view: view, access: access}
		c.project()
		cases += len(w.items)
		permitted += len(c.seen)
		for _, check := range []func() error{c.lists, c.gets, c.counts, c.searches, c.queries} {
			if err := check(); err != nil {
				t.Fatalf("%v\n%s", err, policytest.Describe(policy.Facts{}, ps...))
			}
		}
	}
	if cases < 10_000 || permitted < cases/20 || permitted > cases*19/20 {
		t.Errorf("the test tells little: %d of %d permitted", permitted, cases)
	}
}

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

// An agreement compares one view with what its access says of each item.
type agreement struct {
	*randomWorld
	ctx    context.Context
	view   *store.View
	access *policy.Access
	seen   map[locket.ItemID]map[string]any // what should be seen of what may be read
}

// project fills in seen.
func (c *agreement) project() {
	c.seen = make(map[locket.ItemID]map[string]any)
	for _, it := range c.items {
		if c.access.Permits(locket.MayRead, it.Facts) {
			c.seen[it.ID] = make(map[string]any)
		}
	}
	for _, it := range c.items {
		props := c.seen[it.ID]
		if props == nil {
			continue
		}
		may := c.access.Properties(locket.MayRead, it.Facts)
		for name, v := range it.Props {
			if may.Has(name) {
				props[name] = v
			}
		}
		list, many := props["link"].([]any)
		if !many && props["link"] != nil {
			list = []any{props["link"]}
		}
		left := slices.DeleteFunc(slices.Clone(list), func(id any) bool { return c.seen[locket.ItemID(id.(string))] == nil })
		switch {
		case len(left) == 0:
			delete(props, "link")
		case many:
			props["link"] = left
		}
	}
}

// ids of those items which fit, sorted.
func (c *agreement) ids(fits func(*randomItem) bool) []locket.ItemID {
	var ids []locket.ItemID
	for _, it := range c.items {
		if c.seen[it.ID] != nil && fits(it) {
			ids = append(ids, it.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// same compares items with those expected, whatever their order, and what is seen of them.
func (c *agreement) same(what string, got []locket.Item, want []locket.ItemID) error {
	ids := make([]locket.ItemID, 0, len(got))
	for _, it := range got {
		ids = append(ids, it.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, want) {
		return fmt.Errorf("%s: got %d %v\nwant %d %v", what, len(ids), ids, len(want), want)
	}
	for _, it := range got {
		props := make(map[string]any)
		for name, v := range it.Props {
			props[name] = unwritten(v)
		}
		if !reflect.DeepEqual(props, c.seen[it.ID]) {
			return fmt.Errorf("%s: of %s %s it shows %v, want %v", what, it.Type, it.ID, props, c.seen[it.ID])
		}
	}
	return nil
}

// query reads all pages.
func (c *agreement) query(q locket.Query) (all []locket.Item, err error) {
	q.Limit = 7 + c.r.IntN(200)
	for len(all) <= len(c.items) {
		page, err := c.view.Query(c.ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return all, nil
		}
	}
	return nil, fmt.Errorf("the pages of %+v do not end", q)
}

// none reports whether err says that the policy permits p on nothing, as it does.
func (c *agreement) none(p locket.Permission, err error) bool {
	return !c.access.May(p) && locket.CodeOf(err) == locket.CodeDenied
}

// lists checks every order of all items.
func (c *agreement) lists() error {
	for _, order := range []string{"updated", "-updated", "created", "-created", "time", "-time"} {
		for _, deleted := range []bool{false, true} {
			got, err := c.query(locket.Query{Order: order, Deleted: deleted})
			if c.none(locket.MayRead, err) {
				continue
			}
			if err == nil {
				err = c.same("order "+order, got, c.ids(func(it *randomItem) bool { return it.deleted == deleted }))
			}
			if err == nil {
				err = c.sorted(order, got)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// sorted checks the order by what is seen of the items.
func (c *agreement) sorted(order string, got []locket.Item) error {
	name, desc := strings.CutPrefix(order, "-")
	key := func(it locket.Item) any {
		of := c.items[slices.IndexFunc(c.items, func(r *randomItem) bool { return r.ID == it.ID })]
		switch name {
		case "updated":
			return of.updated.UnixMicro()
		case "created":
			return int64(of.n)
		case "time":
			if at, ok := c.seen[it.ID][c.types[it.Type].TimeProperty]; ok {
				return at
			}
			return of.created
		}
		return c.seen[it.ID][name]
	}
	if !slices.IsSortedFunc(got, func(a, b locket.Item) int {
		if desc {
			a, b = b, a
		}
		return compare(key(a), key(b))
	}) {
		return fmt.Errorf("order %s: not sorted", order)
	}
	return nil
}

// compare compares values of one kind as a query does.
func compare(a, b any) int {
	switch a := a.(type) {
	case string:
		return cmp.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	}
	if a == b {
		return 0
	}
	return map[any]int{false: -1, true: 1}[a]
}

// gets checks that what is not listed can't be had otherwise.
func (c *agreement) gets() error {
	for range 10 {
		it := pick(c.r, c.items)
		got, err := c.view.Get(c.ctx, it.ID)
		switch {
		case c.none(locket.MayRead, err):
		case c.seen[it.ID] == nil:
			if locket.CodeOf(err) != locket.CodeNotFound {
				return fmt.Errorf("get of hidden %s: %v", it.ID, err)
			}
		case err != nil:
			return err
		default:
			if err := c.same("get", []locket.Item{got}, []locket.ItemID{it.ID}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *agreement) counts() error {
	got, err := c.view.Stats(c.ctx)
	if c.none(locket.MayRead, err) || err == nil && got.FileBytes > 0 {
		return nil // of somebody without bounds, who may count all
	}
	if err != nil {
		return err
	}
	want := locket.Stats{ByType: make(map[string]int64), Changes: got.Changes}
	blobs := make(map[any]bool)
	for _, it := range c.items {
		props := c.seen[it.ID]
		switch {
		case props == nil:
			continue
		case it.deleted:
			want.Deleted++
		default:
			want.Items++
			want.ByType[it.Type]++
		}
		for _, b := range values(props["file"]) {
			blobs[b] = true
		}
	}
	for _, e := range c.edges {
		if c.seen[e.Source] != nil && c.seen[e.Target] != nil {
			want.Edges++
		}
	}
	want.Blobs, want.BlobBytes = int64(len(blobs)), got.BlobBytes
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("stats: got %+v, want %+v", got, want)
	}
	return nil
}

func values(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// searches looks for words that stemming leaves as they are.
func (c *agreement) searches() error {
	words := []string{"a", "ab", "abc", "e", "1", "true", "nowhere"}
	has := pick(c.r, []string{"title", "count", "score", "done", "at", "number"})
	one, other := pick(c.r, words), pick(c.r, words)
	for text, fits := range map[string]func(*randomItem) bool{
		one:                  func(it *randomItem) bool { return c.holds(it, one) },
		one + " " + other:    func(it *randomItem) bool { return c.holds(it, one) && c.holds(it, other) },
		"a -" + other:        func(it *randomItem) bool { return c.holds(it, "a") && !c.holds(it, other) },
		"type:beta " + one:   func(it *randomItem) bool { return it.Type == "Beta" && c.holds(it, one) },
		"has:" + has:         func(it *randomItem) bool { return c.seen[it.ID][has] != nil },
		"-has:" + has + " a": func(it *randomItem) bool { return c.seen[it.ID][has] == nil && c.holds(it, "a") },
		"has:about":          func(it *randomItem) bool { return c.linked(it.ID) },
		"before:2000 " + one: func(it *randomItem) bool { return c.ownTime(it) < 946684800e6 && c.holds(it, one) },
	} {
		got, err := c.search(text)
		if c.none(locket.MaySearch, err) {
			continue
		}
		if err == nil {
			err = c.same("search "+text, got, c.ids(func(it *randomItem) bool {
				return !it.deleted && c.access.Permits(locket.MaySearch, it.Facts) && fits(it)
			}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *agreement) search(text string) (all []locket.Item, err error) {
	s := locket.Search{Text: text, Order: pick(c.r, []string{"relevance", "newest", "oldest"}), Limit: 7 + c.r.IntN(190)}
	for {
		page, err := c.view.Search(c.ctx, s)
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			all = append(all, h.Item)
		}
		if s.Cursor = page.Next; s.Cursor == "" {
			return all, nil
		}
	}
}

// holds reports whether a text that may be seen and searched has the word.
func (c *agreement) holds(it *randomItem, word string) bool {
	may := c.access.Properties(locket.MaySearch, it.Facts)
	for _, p := range c.types[it.Type].Properties {
		if p.Role == "" || !may.Has(p.Name) {
			continue
		}
		for _, v := range values(c.seen[it.ID][p.Name]) {
			plain := strings.NewReplacer("é", "e", "e\u0301", "e").Replace(strings.ToLower(v.(string)))
			if slices.Contains(strings.FieldsFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), word) {
				return true
			}
		}
	}
	return false
}

func (c *agreement) linked(id locket.ItemID) bool {
	return slices.ContainsFunc(c.edges, func(e locket.Edge) bool { return e.Source == id && c.seen[e.Target] != nil })
}

// ownTime is the time of an item as far as it is seen.
func (c *agreement) ownTime(it *randomItem) int64 {
	if at, ok := c.seen[it.ID][c.types[it.Type].TimeProperty].(int64); ok {
		return at
	}
	return it.created
}

// queries tests and orders by random properties.
func (c *agreement) queries() error {
	for range 12 {
		t := c.types[pick(c.r, []string{"Alpha", "Beta", "Gamma"})]
		p := pick(c.r, t.Properties)
		cond, fits := c.condition(t, p)
		q := locket.Query{Type: t.Name, Where: []locket.Condition{cond}, Deleted: c.r.IntN(4) == 0}
		ordered := !p.Many && p.Kind != locket.Reference && c.r.IntN(2) == 0
		if ordered {
			q.Order = pick(c.r, []string{"", "-"}) + p.Name
		}
		got, err := c.query(q)
		if c.none(locket.MayRead, err) || locket.CodeOf(err) == locket.CodeInvalid && !c.known(t.Name, p.Name) ||
			locket.CodeOf(err) == locket.CodeDenied && p.Kind == locket.Reference {
			continue
		}
		what := fmt.Sprintf("%s %+v order %q", t.Name, cond, q.Order)
		if err == nil {
			err = c.same(what, got, c.ids(func(it *randomItem) bool {
				v := c.seen[it.ID][p.Name]
				return it.Type == t.Name && it.deleted == q.Deleted && fits(v) && (!ordered || v != nil)
			}))
		}
		if err == nil && ordered {
			err = c.sorted(q.Order, got)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// known reports whether the policy lets something be read or set of a property.
func (c *agreement) known(typ, name string) bool {
	for _, p := range []locket.Permission{locket.MayRead, locket.MayCreate, locket.MayUpdate} {
		if c.access.PropertiesOf(p, typ).Has(name) {
			return true
		}
	}
	return false
}

// condition draws a test of a property, and what it means of what is seen of one.
func (c *agreement) condition(t *locket.Type, p locket.Property) (locket.Condition, func(v any) bool) {
	var given []any // values that some items have
	for _, it := range c.items {
		if it.Type == t.Name {
			given = append(given, values(it.Props[p.Name])...)
		}
	}
	value := pick(c.r, given)
	some := func(test func(e any) bool) func(any) bool {
		return func(v any) bool { return slices.ContainsFunc(values(v), test) }
	}
	cond := locket.Condition{Property: p.Name, Value: written(p.Kind, value)}
	switch c.r.IntN(9) {
	case 0:
		cond.Op = locket.OpNotEqual
		return cond, some(func(e any) bool { return e != value })
	case 1:
		cond.Op = locket.OpLess
		return cond, some(func(e any) bool { return compare(e, value) < 0 })
	case 2:
		cond.Op = locket.OpAtMost
		return cond, some(func(e any) bool { return compare(e, value) <= 0 })
	case 3:
		cond.Op = locket.OpMore
		return cond, some(func(e any) bool { return compare(e, value) > 0 })
	case 4:
		cond.Op = locket.OpAtLeast
		return cond, some(func(e any) bool { return compare(e, value) >= 0 })
	case 5:
		other := pick(c.r, given)
		cond.Op, cond.Value = locket.OpIn, []any{written(p.Kind, value), written(p.Kind, other)}
		return cond, some(func(e any) bool { return e == value || e == other })
	case 6:
		yes := c.r.IntN(2) == 0
		cond.Op, cond.Value = locket.OpExists, yes
		return cond, func(v any) bool { return (v != nil) == yes }
	case 7:
		if p.Kind == locket.Text {
			prefix := pick(c.r, []string{"a", "ab", "A", "é", "e", "a%"})
			cond.Op, cond.Value = locket.OpPrefix, prefix
			return cond, some(func(e any) bool { return strings.HasPrefix(e.(string), prefix) })
		}
	}
	cond.Op = locket.OpEqual
	return cond, some(func(e any) bool { return e == value })
}
