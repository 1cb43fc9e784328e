package policy

import (
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

// A Clause is one rule for items of one type. It fits an item if all its parts do.
type Clause struct {
	Rule                string // its name, or "rule 3"
	Tests               []Test
	Items               []locket.ItemID // nil: all
	HasAfter, HasBefore bool
	After, Before       int64    // from After on, until before Before; microseconds since 1970
	Properties          []string // what may be seen or set; nil: all; empty: that the item is there, and no more
}

// A Test holds if one of a property's values is among Values or, if those are nil,
// begins with Prefix, byte for byte. It does not hold for a property without a value.
type Test struct {
	Property locket.Property
	Values   []any // in the form that is stored, as those of [Facts]
	Prefix   string
}

// Fits reports whether the clause fits an item of its type.
func (c *Clause) Fits(f Facts) bool {
	if c.Items != nil && !slices.Contains(c.Items, f.ID) ||
		c.HasAfter && f.Time < c.After || c.HasBefore && f.Time >= c.Before {
		return false
	}
	for i := range c.Tests {
		if !c.Tests[i].holds(f.Props[c.Tests[i].Property.Name]) {
			return false
		}
	}
	return true
}

func (t *Test) holds(v any) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, t.holdsFor)
	}
	return t.holdsFor(v)
}

// holdsFor is holds for one value.
func (t *Test) holdsFor(v any) bool {
	if t.Values != nil {
		return slices.Contains(t.Values, v)
	}
	s, ok := v.(string)
	return ok && strings.HasPrefix(s, t.Prefix)
}

// implies reports whether u holds wherever t does.
func (t *Test) implies(u *Test) bool {
	if t.Property.Name != u.Property.Name {
		return false
	}
	if t.Values != nil {
		return !slices.ContainsFunc(t.Values, func(v any) bool { return !u.holdsFor(v) })
	}
	return u.Values == nil && strings.HasPrefix(t.Prefix, u.Prefix)
}

// covers reports whether g permits all that narrow does.
func (g *permit) covers(narrow *permit) bool {
	return narrow.actions&^g.actions == 0 && (narrow.review || !g.review) &&
		(g.Items == nil || narrow.Items != nil && subset(narrow.Items, g.Items)) &&
		(!g.HasAfter || narrow.HasAfter && narrow.After >= g.After) &&
		(!g.HasBefore || narrow.HasBefore && narrow.Before <= g.Before) &&
		(g.Properties == nil || narrow.Properties != nil && subset(narrow.Properties, g.Properties)) &&
		unimplied(narrow.Tests, g.Tests) == nil
}

// unimplied returns the first of wanted that no one of tests implies; nil if all are.
func unimplied(tests, wanted []Test) *Test {
	for i := range wanted {
		if !slices.ContainsFunc(tests, func(t Test) bool { return t.implies(&wanted[i]) }) {
			return &wanted[i]
		}
	}
	return nil
}

func subset[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(e T) bool { return !slices.Contains(whole, e) })
}
