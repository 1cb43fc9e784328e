package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A set is the numbers of some items, read from an index alone: to look at an item
// costs more than to read a hundred such numbers.
type set struct {
	bits  []uint64
	small string // as a list in JSON; "" if they are many
	size  int
}

// fewNumbers is up to how many numbers SQLite picks out faster than Go.
const fewNumbers = 4096

func newSet(ns []int64) (*set, error) {
	ns = slices.Compact(slices.Sorted(slices.Values(ns)))
	s := &set{size: len(ns)}
	for _, n := range ns {
		s.add(n)
	}
	if len(ns) > fewNumbers {
		return s, nil
	}
	list, err := json.Marshal(append([]int64{}, ns...))
	s.small = string(list)
	return s, err
}

func (s *set) add(n int64) {
	if at := int(n / 64); at >= len(s.bits) {
		s.bits = append(s.bits, make([]uint64, at+1-len(s.bits))...)
	}
	s.bits[n/64] |= 1 << (n % 64)
}

// has reports whether n is in s; nil has all.
func (s *set) has(n int64) bool {
	return s == nil || int(n/64) < len(s.bits) && s.bits[n/64]&(1<<(n%64)) != 0
}

// few reports whether s has a list.
func (s *set) few() bool { return s != nil && s.small != "" }

// An arm is a test of one property that an index serves.
type arm struct {
	index string
	filter
}

// arms returns tests of which every item of a type passes one that the filter leaves and
// the principal may see; nil if there are none that an index serves. exact tells that
// the others pass none.
func (m *memories) arms(typ string) (arms []arm, exact bool) {
	tested := func(name string, test policy.Test) bool {
		p, ok := m.v.full[typ].Property(name)
		if !ok || p.Many || !p.Indexed && name != "folder" {
			return false
		}
		test.Property = p
		index := "items_folder"
		if p.Indexed {
			index = "items_" + typ + "_" + name
		}
		arms = append(arms, arm{index, indexedTest(test)})
		return true
	}
	if ns := m.f.Namespace; ns != "" && tested("namespace", policy.Test{Values: []any{ns}}) && tested("namespace", policy.Test{Prefix: ns + "/"}) {
		return arms, false
	}
	if m.f.Thread != "" && tested("thread", policy.Test{Values: []any{m.f.Thread}}) {
		return arms, false
	}
	clauses := m.v.access.Clauses(locket.MayRead, typ)
	exact = sameFilter(m.v.visibleOf("i", typ, locket.MayRead), m.v.visibleOf("i", typ, locket.MaySearch))
	if m.whole || len(clauses) > 8 {
		return nil, false
	}
	for _, c := range clauses {
		i := slices.IndexFunc(c.Tests, func(t policy.Test) bool { return tested(t.Property.Name, t) })
		if i < 0 {
			return nil, false
		}
		exact = exact && len(c.Tests) == 1 && c.Items == nil && !c.HasAfter && !c.HasBefore
	}
	return arms, exact
}

func sameFilter(a, b filter) bool {
	return a.sql == b.sql && fmt.Sprintf("%#v", a.args) == fmt.Sprintf("%#v", b.args)
}

// indexedTest is testFilter as an index serves it. No byte of a text in UTF-8 is 0xff, so
// that the texts from a prefix to it are those that begin so.
func indexedTest(t policy.Test) filter {
	if t.Values != nil {
		return testFilter("i", t)
	}
	value := "i." + propertyColumn(t.Property.Name)
	return filter{value + " >= ? AND " + value + " < ?", []any{t.Prefix, t.Prefix + "\xff"}}
}

// armSQL is the statement for the numbers of an arm. Without being told, SQLite would
// take the index on types.
func armSQL(typ string, a arm) string {
	return `SELECT i.n FROM items i INDEXED BY ` + a.index + ` WHERE i.deleted = 0 AND i.type = '` + typ + `' AND ` + a.sql
}

// A keptSet is the set of a filter at one moment of the journal.
type keptSet struct {
	key string
	in  *set // not changed any more
}

// narrow finds the set that items which pass are in, if indexes have it. One recall asks
// for the same several times: the view keeps the last as long as the journal stays.
func (m *memories) narrow(ctx context.Context) error {
	var arms []string
	var args [][]any
	m.exact = true
	for _, t := range slices.Concat(m.right, m.apart) {
		of, exact := m.arms(t)
		if len(of) == 0 {
			m.exact = false
			return nil
		}
		m.exact = m.exact && exact
		for _, a := range of {
			arms, args = append(arms, armSQL(t, a)), append(args, a.args)
		}
	}
	var entries int64
	if err := m.v.s.db.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM changes`).Scan(&entries); err != nil {
		return err
	}
	key := fmt.Sprintf("%d %q %#v", entries, arms, args)
	m.v.mu.Lock()
	kept := m.v.kept
	m.v.mu.Unlock()
	if kept.key == key && journaled {
		m.in = kept.in
		return nil
	}
	var ns []int64
	for i, q := range arms {
		more, err := numbers(ctx, m.v.s.db, q, args[i]...)
		if err != nil {
			return err
		}
		ns = append(ns, more...)
	}
	var err error
	if m.in, err = newSet(ns); err != nil {
		return err
	}
	m.v.mu.Lock()
	m.v.kept = keptSet{key, m.in}
	m.v.mu.Unlock()
	return nil
}

// match returns up to most items, the latest created first, that match an expression in
// what the principal may see and search of them, and for which where is true.
func (m *memories) match(ctx context.Context, e Expr, where filter, most int) ([]int64, error) {
	var found []int64
	last := int64(1<<63 - 1)
	size := 512
	if m.in.few() {
		size = 2 * fewNumbers // all at once
	}
	for ; len(found) < most; size = min(4*size, 16384) {
		page, err := m.proposed(ctx, e, last, size)
		if err != nil {
			return nil, err
		}
		end := len(page) < size
		if !end {
			last = page[len(page)-1]
		}
		page = slices.DeleteFunc(page, func(n int64) bool { return !m.in.has(n) })
		if len(m.apart) > 0 {
			page, err = m.rechecked(ctx, e, where, page)
		} else if where.sql != always {
			page, err = m.passing(ctx, where, page, most-len(found))
		}
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if end {
			break
		}
	}
	return found[:min(len(found), most)], nil
}

// proposed reads a page of the numbers that match in the pod's index.
func (m *memories) proposed(ctx context.Context, e Expr, last int64, size int) ([]int64, error) {
	if m.in.few() {
		return numbers(ctx, m.v.s.db, `SELECT rowid FROM search WHERE search MATCH ? AND rowid < ? AND +rowid IN (SELECT value FROM json_each(?)) ORDER BY rowid DESC LIMIT ?`,
			e.fts, last, m.in.small, size)
	}
	return numbers(ctx, m.v.s.db, `SELECT rowid FROM search WHERE search MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?`, e.fts, last, size)
}

// passing returns the first of ns for which where is true.
func (m *memories) passing(ctx context.Context, where filter, ns []int64, most int) ([]int64, error) {
	list, err := json.Marshal(ns)
	if err != nil || len(ns) == 0 {
		return nil, err
	}
	return numbers(ctx, m.v.s.db, `SELECT i.n FROM json_each(?) list CROSS JOIN items i ON i.n = list.value WHERE i.deleted = 0 AND `+where.sql+` LIMIT ?`,
		slices.Concat([]any{string(list)}, where.args, []any{most})...)
}
