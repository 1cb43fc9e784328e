package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A MemoryFilter says which items are looked through. Parts that are empty fit every
// item; a part about a property that a type does not have fits none of that type.
type MemoryFilter struct {
	Types     []string // empty: Memory
	Namespace string   // "a/b" means it and all below
	Kinds     []string // the kind is one of them
	Tags      []string // each is one of the keywords
	Senders   []string // the sender is one of them
	After     time.Time
	Before    time.Time
	Thread    string
	// Expired includes what has expired, is not valid yet or no more, and what a living
	// item supersedes.
	Expired bool
	// AnyOrder is for who orders what was found: Matching then does so only to choose
	// where more matches than it may return.
	AnyOrder bool
}

// Bounds on a filter.
const (
	maxFilterValues = 100
	maxFilterText   = 1024
)

// memories is a checked filter for one view.
type memories struct {
	v     *View
	f     MemoryFilter
	now   int64    // microseconds since 1970
	whole bool     // the principal may see and search everything
	right []string // types of which the search index knows only what may be seen
	apart []string // types of which it knows more
	in    *set     // what passes is in it; nil: no index says what is
	exact bool     // what is in it can be seen and searched
}

// memories checks a filter and finds out what the principal may search of its types, and
// what of that an index can tell.
func (v *View) memories(ctx context.Context, f MemoryFilter) (*memories, error) {
	if err := v.may(locket.MaySearch); err != nil {
		return nil, err
	}
	shown, err := v.catalog(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	m := &memories{v: v, f: f, now: micros(v.s.now()), whole: v.unbounded(locket.MayRead) && v.unbounded(locket.MaySearch)}
	types := slices.Compact(slices.Sorted(slices.Values(f.Types)))
	if len(types) == 0 && shown["Memory"] != nil {
		types = []string{"Memory"}
	}
	for _, t := range types {
		if _, err := shown.get(t); err != nil {
			return nil, err
		}
		if v.indexRight(t) {
			m.right = append(m.right, t)
		} else {
			m.apart = append(m.apart, t)
		}
	}
	return m, failure("recall", m.narrow(ctx))
}

func (f *MemoryFilter) check() error {
	f.Namespace = strings.TrimRight(f.Namespace, "/")
	texts := []string{f.Namespace, f.Thread}
	for _, list := range [][]string{f.Types, f.Kinds, f.Tags, f.Senders} {
		if len(list) > maxFilterValues {
			return locket.Errorf(locket.CodeTooLarge, "a list of a filter has at most %d values", maxFilterValues)
		}
		texts = append(texts, list...)
	}
	for _, s := range texts {
		if len(s) > maxFilterText {
			return locket.Errorf(locket.CodeTooLarge, "a value of a filter has at most %d bytes", maxFilterText)
		}
	}
	return nil
}

// indexRight reports whether the search index knows nothing of the items of a type that
// are permitted but what may be both seen and searched of them.
func (v *View) indexRight(typ string) bool {
	if v.access.Whole() {
		return true
	}
	for _, p := range []locket.Permission{locket.MayRead, locket.MaySearch} {
		for _, c := range v.access.Clauses(p, typ) {
			for _, property := range v.full[typ].Properties {
				if property.Role != "" && !propertiesHave(c.Properties, property.Name) {
					return false
				}
			}
		}
	}
	return true
}

// where is true for those items AS i of types that the filter leaves and the principal
// may see and search. deleted = 0 is not in it: it stands in statements as it stands in
// the partial indexes.
func (m *memories) where(types []string) filter {
	fs := make([]filter, len(types))
	for i, t := range types {
		fs[i] = allOf(append([]filter{m.visible(t)}, m.tests(t)...)...)
	}
	return anyOf(fs...)
}

// seen is where without the filter: all that there is for the principal.
func (m *memories) seen(types []string) filter {
	fs := make([]filter, len(types))
	for i, t := range types {
		fs[i] = m.visible(t)
	}
	return anyOf(fs...)
}

func (m *memories) visible(typ string) filter {
	is := filter{sql: "i.type = '" + typ + "'"}
	if m.whole {
		return is
	}
	read, search := m.v.visibleOf("i", typ, locket.MayRead), m.v.visibleOf("i", typ, locket.MaySearch)
	if sameFilter(read, search) {
		return allOf(is, read)
	}
	return allOf(is, read, search)
}

func (m *memories) tests(typ string) []filter {
	fs := []filter{
		m.namespace(typ),
		m.oneOf(typ, "kind", m.f.Kinds), m.oneOf(typ, "sender", m.f.Senders),
	}
	for _, tag := range m.f.Tags {
		fs = append(fs, m.oneOf(typ, "keywords", []string{tag}))
	}
	if m.f.Thread != "" {
		fs = append(fs, m.oneOf(typ, "thread", []string{m.f.Thread}))
	}
	if !m.f.After.IsZero() {
		fs = append(fs, wrapped("", m.v.timeColumn, " >= ?", micros(m.f.After))(typ))
	}
	if !m.f.Before.IsZero() {
		fs = append(fs, wrapped("", m.v.timeColumn, " < ?", micros(m.f.Before))(typ))
	}
	if !m.f.Expired {
		fs = append(fs, m.current(typ)...)
	}
	return fs
}

// oneOf is true for items of which the property has one of values.
func (m *memories) oneOf(typ, name string, values []string) filter {
	if len(values) == 0 {
		return filter{sql: always}
	}
	p, ok := m.v.full[typ].Property(name)
	if !ok {
		return filter{sql: never}
	}
	test := policy.Test{Property: p}
	for _, s := range values {
		test.Values = append(test.Values, s)
	}
	return allOf(m.v.shows(typ, name), testFilter("i", test))
}

// namespace is true for items in the namespace and below: '0' follows '/'.
func (m *memories) namespace(typ string) filter {
	const name = "namespace"
	if m.f.Namespace == "" {
		return filter{sql: always}
	}
	if _, ok := m.v.full[typ].Property(name); !ok {
		return filter{sql: never}
	}
	value, ns := "i."+propertyColumn(name), m.f.Namespace
	return allOf(m.v.shows(typ, name), filter{
		"(" + value + " = ? OR " + value + " >= ? AND " + value + " < ?)", []any{ns, ns + "/", ns + "0"},
	})
}

// current is true for items that hold now: a time that the principal must not see is none.
func (m *memories) current(typ string) []filter {
	fs := []filter{m.superseded()}
	for _, t := range []struct{ name, absent, test string }{
		{"expires", "9223372036854775807", " > ?"},
		{"validThrough", "9223372036854775807", " >= ?"},
		{"validFrom", "-9223372036854775808", " <= ?"},
	} {
		if p, ok := m.v.full[typ].Property(t.name); !ok || p.Kind != locket.Time || p.Many {
			continue
		}
		value := m.v.column(typ, t.name)
		fs = append(fs, filter{"coalesce(" + value.sql + ", " + t.absent + ")" + t.test, append(slices.Clip(value.args), m.now)})
	}
	return fs
}

// superseded is true for items that no living item supersedes which the principal sees.
func (m *memories) superseded() filter {
	other := m.v.visible("o", locket.MayRead)
	return filter{
		"NOT EXISTS (SELECT 1 FROM edges e JOIN items o ON o.n = e.source WHERE e.target = i.n AND e.name = 'supersedes' AND o.deleted = 0 AND " + other.sql + ")",
		other.args,
	}
}
