package policy

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// Compile works out what p permits at now in a pod with these types, by their
// names. What has expired permits nothing, and a rule fits no item of a type that
// lacks a property that the rule tests, or for whose kind none of the test's values is one.
func Compile(p locket.Policy, types map[string]*locket.Type, now time.Time) *Access {
	a := &Access{types: make(map[string][]permit), limits: slices.Clone(p.Limits), expires: p.Expires}
	if ended(p.Expires, now) {
		return a
	}
	for i := range p.Rules {
		r := newRule(i, &p.Rules[i])
		if ended(r.Expires, now) {
			continue
		}
		for _, name := range typesOf(r.Rule, types) {
			if g, ok := r.compile(types[name]); ok {
				a.types[name] = append(a.types[name], g)
			}
		}
	}
	return a
}

// typesOf returns the names of those types that r is about, sorted.
func typesOf(r *locket.Rule, types map[string]*locket.Type) []string {
	if len(r.Types) == 0 {
		return slices.Sorted(maps.Keys(types))
	}
	known := slices.DeleteFunc(slices.Clone(r.Types), func(name string) bool { return types[name] == nil })
	slices.Sort(known)
	return slices.Compact(known)
}

// A rule is compiled for one type after the other, of which many declare a property
// alike.
type rule struct {
	*locket.Rule
	name   string
	tested []string                 // properties, sorted
	tests  map[locket.Property]Test // as far as they are made; one that never holds is zero
}

func newRule(i int, r *locket.Rule) *rule {
	return &rule{Rule: r, name: ruleName(i, r), tested: slices.Sorted(maps.Keys(r.Where)), tests: make(map[locket.Property]Test)}
}

// compile returns what r permits on items of type t, false if it is nothing.
func (r *rule) compile(t *locket.Type) (permit, bool) {
	g := permit{actions: r.actions(), review: r.Review, Clause: Clause{Rule: r.name}}
	for _, property := range r.tested {
		test, ok := r.test(t, property)
		if !ok {
			return g, false
		}
		g.Tests = append(g.Tests, test)
	}
	// In a rule an empty list is an absent one.
	if len(r.Items) > 0 {
		g.Items = r.Items
	}
	if len(r.Properties) > 0 {
		g.Properties = r.Properties
	}
	if g.HasAfter = !r.After.IsZero(); g.HasAfter {
		g.After = r.After.UnixMicro()
	}
	if g.HasBefore = !r.Before.IsZero(); g.HasBefore {
		g.Before = r.Before.UnixMicro()
	}
	return g, g.possible()
}

// actions are those that r permits. What can't wait for review it does not permit.
func (r *rule) actions() actions {
	set := actionsOf(r.Actions)
	if r.Review {
		set &= actionsOf(locket.Reviewable())
	}
	return set
}

// possible is false for a permit that can't ever permit anything.
func (g *permit) possible() bool {
	return g.actions != 0 &&
		(g.Items == nil || len(g.Items) > 0) &&
		!(g.HasAfter && g.HasBefore && g.After >= g.Before)
}

// test returns the test of a property of type t, false if it never holds.
func (r *rule) test(t *locket.Type, property string) (Test, bool) {
	p, ok := t.Property(property)
	if !ok {
		return Test{}, false
	}
	test, ok := r.tests[p]
	if !ok {
		test = compileMatch(p, r.Where[property])
		r.tests[p] = test
	}
	return test, test.Property.Name != ""
}

// compileMatch returns the zero Test for one that never holds.
func compileMatch(p locket.Property, m locket.Match) Test {
	test := Test{Property: p}
	for _, v := range m.In {
		if c, ok := coerce(p.Kind, v); ok {
			test.Values = append(test.Values, c)
		}
	}
	if len(m.In) == 0 && p.Kind == locket.Text {
		test.Prefix = m.Prefix
	}
	if test.Values == nil && test.Prefix == "" {
		return Test{}
	}
	return test
}

// coerce returns a value of a policy in the form that is stored, false if it is not
// one of the kind. It agrees with what the store does to values of items.
func coerce(k locket.Kind, v any) (any, bool) {
	switch v := v.(type) {
	case bool:
		return v, k == locket.Boolean
	case json.Number:
		return coerceNumber(k, v)
	case string:
		switch k {
		case locket.Text:
			return v, true
		case locket.Time:
			return coerceTime(v)
		case locket.Reference, locket.Blob:
			_, ok := locket.ParseUUID(v)
			return v, ok
		}
	}
	return nil, false
}

func coerceNumber(k locket.Kind, n json.Number) (any, bool) {
	switch k {
	case locket.Integer:
		i, err := n.Int64()
		return i, err == nil
	case locket.Real:
		f, err := n.Float64()
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return nil, false
}

// coerceTime reads RFC 3339 with zone, or a date, which is midnight UTC.
func coerceTime(s string) (any, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		if t, err = time.Parse(time.DateOnly, s); err != nil {
			return nil, false
		}
	}
	y := t.UTC().Year()
	return t.UnixMicro(), y >= 1 && y <= 9999
}
