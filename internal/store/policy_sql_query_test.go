package store_test

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/locketpod/locket"
)

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
