package policy

import (
	"maps"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// An Access is what one principal may do at one moment. It does not change. The
// zero Access permits nothing.
type Access struct {
	whole   bool
	types   map[string][]permit // by type; the rest is nil if whole
	limits  []locket.Limit
	expires time.Time
}

// A permit is a clause with the actions that it permits.
type permit struct {
	Clause
	actions actions
	review  bool // only once the owner has approved it
}

// ownerRule is what explanations call the reason for which the owner may do
// everything.
const ownerRule = "owner"

// Everything returns the owner's access.
func Everything() *Access { return &Access{whole: true} }

// Whole reports whether a is [Everything].
func (a *Access) Whole() bool { return a.whole }

// May reports whether p is permitted on anything at all.
func (a *Access) May(p locket.Permission) bool {
	if a.whole {
		return action(p) != 0
	}
	for t := range a.types {
		if a.on(p, t) {
			return true
		}
	}
	return false
}

// Types returns the types on some items of which p is permitted, sorted; nil if a
// is [Everything].
func (a *Access) Types(p locket.Permission) []string {
	var out []string
	for _, t := range slices.Sorted(maps.Keys(a.types)) {
		if a.on(p, t) {
			out = append(out, t)
		}
	}
	return out
}

func (a *Access) on(p locket.Permission, typ string) bool {
	set := action(p)
	return slices.ContainsFunc(a.types[typ], func(g permit) bool { return g.actions&set != 0 && !g.review })
}

// Clauses returns what permits p on items of a type: an item that any of them fits.
// They are not to be changed. For [Everything] it is one that fits all.
func (a *Access) Clauses(p locket.Permission, typ string) []Clause {
	set := action(p)
	if a.whole && set != 0 {
		return []Clause{{Rule: ownerRule}}
	}
	var out []Clause
	for i := range a.types[typ] {
		if g := &a.types[typ][i]; g.actions&set != 0 && !g.review {
			out = append(out, g.Clause)
		}
	}
	return out
}

// fitting yields the clauses that permit p on an item.
func (a *Access) fitting(p locket.Permission, f Facts) func(yield func(Clause) bool) {
	return func(yield func(Clause) bool) {
		for _, c := range a.Clauses(p, f.Type) {
			if c.Fits(f) && !yield(c) {
				return
			}
		}
	}
}

// Permits reports whether p is permitted on an item.
func (a *Access) Permits(p locket.Permission, f Facts) bool {
	for range a.fitting(p, f) {
		return true
	}
	return false
}

// Deciding returns the names of the rules by which p is permitted on an item; nil
// if it is not. A rule that narrows another is named "one + other".
func (a *Access) Deciding(p locket.Permission, f Facts) []string {
	var rules []string
	for c := range a.fitting(p, f) {
		if !slices.Contains(rules, c.Rule) {
			rules = append(rules, c.Rule)
		}
	}
	return rules
}

// Properties returns the properties of an item for which p is permitted, those of
// all clauses that fit together.
func (a *Access) Properties(p locket.Permission, f Facts) Properties {
	var out Properties
	for c := range a.fitting(p, f) {
		out.add(c.Properties)
	}
	return out
}

// PropertiesOf returns the properties for which p is permitted on some item of a
// type.
func (a *Access) PropertiesOf(p locket.Permission, typ string) Properties {
	var out Properties
	for _, c := range a.Clauses(p, typ) {
		out.add(c.Properties)
	}
	return out
}

// Limits returns how often the principal may act. [Spend] counts them in this order.
func (a *Access) Limits() []locket.Limit { return a.limits }

// Expires returns when all of this ends; zero for never. That of single rules is not
// in it.
func (a *Access) Expires() time.Time { return a.expires }

// Properties is a set of names of properties. The zero value is empty.
type Properties struct {
	all   bool
	names []string
}

// Has reports whether the set has a name.
func (s Properties) Has(name string) bool { return s.all || slices.Contains(s.names, name) }

// All reports whether the set has every name.
func (s Properties) All() bool { return s.all }

// add puts the properties of a clause in.
func (s *Properties) add(names []string) {
	if names == nil {
		s.all = true
	}
	s.names = append(s.names, names...)
}
