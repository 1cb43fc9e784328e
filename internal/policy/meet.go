package policy

import (
	"slices"

	"github.com/locketpod/locket"
)

// maxPermits bounds what a combination keeps for one type: policies of several makers
// multiply, and a store makes one condition of them, which SQLite lets be 1000 deep.
// What is beyond is not permitted.
const maxPermits = 200

// Meet returns what both a and b permit. Limits of both hold, and the earlier end.
func (a *Access) Meet(b *Access) *Access {
	if a.whole {
		return b
	}
	if b.whole {
		return a
	}
	m := &Access{types: make(map[string][]permit), limits: slices.Clone(a.limits), expires: earlier(a.expires, b.expires)}
	for _, l := range b.limits {
		if !slices.ContainsFunc(a.limits, func(k locket.Limit) bool { return sameLimit(k, l) }) {
			m.limits = append(m.limits, l)
		}
	}
	for t, left := range a.types {
		if both := meetAll(left, b.types[t]); both != nil {
			m.types[t] = both
		}
	}
	return m
}

func sameLimit(a, b locket.Limit) bool {
	return a.Count == b.Count && a.Per == b.Per && limited(a) == limited(b)
}

// meetAll returns what some of left and some of right permit. A permit that one of
// the other side covers stays as it is and makes all its other combinations
// needless, so policies made to narrow each other do not multiply.
func meetAll(left, right []permit) []permit {
	var out []permit
	done := make([]bool, len(right)) // those that are in out whole
	for i := range left {
		l := &left[i]
		if slices.ContainsFunc(right, func(r permit) bool { return r.covers(l) }) {
			out = append(out, *l)
			continue
		}
		for j := range right {
			r := &right[j]
			switch {
			case done[j]:
			case l.covers(r):
				done[j] = true
				out = append(out, *r)
			default:
				if g, ok := l.meet(r); ok {
					out = append(out, g)
				}
			}
		}
		if len(out) >= maxPermits {
			return out[:maxPermits]
		}
	}
	return out
}

// meet returns what g and h both permit, false if that is nothing.
func (g *permit) meet(h *permit) (permit, bool) {
	both := *g
	both.actions &= h.actions
	both.review = g.review || h.review
	if g.Rule != h.Rule {
		both.Rule = g.Rule + " + " + h.Rule
	}
	both.Tests = slices.Clip(both.Tests)
	for i := range h.Tests {
		if unimplied(g.Tests, h.Tests[i:i+1]) != nil {
			both.Tests = append(both.Tests, h.Tests[i])
		}
	}
	both.Items = common(g.Items, h.Items)
	both.Properties = common(g.Properties, h.Properties)
	if h.HasAfter && (!g.HasAfter || h.After > g.After) {
		both.HasAfter, both.After = true, h.After
	}
	if h.HasBefore && (!g.HasBefore || h.Before < g.Before) {
		both.HasBefore, both.Before = true, h.Before
	}
	return both, both.possible()
}

// common returns what is in both lists, of which nil has everything.
func common[T comparable](a, b []T) []T {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	both := make([]T, 0, min(len(a), len(b)))
	for _, e := range a {
		if slices.Contains(b, e) {
			both = append(both, e)
		}
	}
	return both
}
