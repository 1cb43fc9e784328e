package store_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

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
	w.embed()
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
		for _, check := range []func() error{c.lists, c.gets, c.counts, c.searches, c.queries, c.recalls} {
			if err := check(); err != nil {
				t.Fatalf("%v\n%s", err, policytest.Describe(policy.Facts{}, ps...))
			}
		}
	}
	if cases < 10_000 || permitted < cases/20 || permitted > cases*19/20 {
		t.Errorf("the test tells little: %d of %d permitted", permitted, cases)
	}
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
