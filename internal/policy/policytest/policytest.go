// Package policytest draws policies and items for tests, from domains so small that
// rules often fit.
package policytest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// Types returns three types that have every kind, single and many, and share names
// of properties, some with other kinds.
func Types() map[string]*locket.Type {
	of := func(name string, k locket.Kind) locket.Property { return locket.Property{Name: name, Kind: k} }
	many := func(name string, k locket.Kind) locket.Property {
		return locket.Property{Name: name, Kind: k, Many: true}
	}
	types := []locket.Type{
		{Name: "Alpha", TimeProperty: "at", Properties: []locket.Property{
			{Name: "title", Kind: locket.Text, Role: locket.RoleTitle, Indexed: true},
			many("tags", locket.Text), of("count", locket.Integer), of("score", locket.Real), of("done", locket.Boolean),
			of("at", locket.Time), of("link", locket.Reference), of("file", locket.Blob),
		}},
		{Name: "Beta", Properties: []locket.Property{
			many("title", locket.Text), of("count", locket.Text), many("score", locket.Real), many("done", locket.Boolean),
			many("at", locket.Time), many("link", locket.Reference), many("file", locket.Blob), many("number", locket.Integer),
		}},
		{Name: "Gamma", TimeProperty: "at", Properties: []locket.Property{
			of("title", locket.Text), of("score", locket.Integer), of("at", locket.Time),
		}},
	}
	out := make(map[string]*locket.Type)
	for i := range types {
		out[types[i].Name] = &types[i]
	}
	return out
}

// properties are all names of properties in Types.
var properties = [...]string{"title", "tags", "count", "score", "done", "at", "link", "file", "number"}

// A value as a policy writes it, beside what is stored.
type value struct{ written, stored any }

// domain returns the values of a kind. Among the texts are those that LIKE, ranges
// and collations get wrong; the large integers are one float64.
func domain(k locket.Kind) []value {
	num := func(s string, stored any) value { return value{json.Number(s), stored} }
	at := func(s string, t time.Time) value { return value{s, t.UnixMicro()} }
	switch k {
	case locket.Text:
		var out []value
		for _, s := range []string{"", "a", "A", "ab", "abc", "a%", "a_", "é", "e\u0301", "\U0010FFFFz", "1", "true", "a'\"\\"} {
			out = append(out, value{s, s})
		}
		return out
	case locket.Integer:
		return []value{
			num("-1", int64(-1)), num("0", int64(0)), num("1", int64(1)),
			num("9007199254740992", int64(1<<53)), num("9007199254740993", int64(1<<53+1)),
		}
	case locket.Real:
		return []value{num("-1.5", -1.5), num("0", 0.0), num("-0.0", 0.0), num("1", 1.0), num("2.5e0", 2.5)}
	case locket.Boolean:
		return []value{{true, true}, {false, false}}
	case locket.Time:
		day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
		return []value{
			at("2026-01-02", day), at("2026-01-02T01:00:00+01:00", day), at("2026-01-03", day.AddDate(0, 0, 1)),
			at("2026-01-02T00:00:00.000001Z", day.Add(time.Microsecond)), at("1950-01-01", time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)),
		}
	}
	var out []value
	for i := range ids {
		out = append(out, value{string(id(i)), string(id(i))})
	}
	return out
}

// ids is how many items there are.
const ids = 5

func id(i int) locket.ItemID { return locket.ItemIDFrom(time.UnixMilli(0), [10]byte{9: byte(i)}) }

// Random returns a policy that policy.Parse accepts. Some of its rules have expired,
// and some of its tests are of other kinds than the property.
func Random(r *rand.Rand) locket.Policy {
	p := locket.Policy{Rules: make([]locket.Rule, r.IntN(5))}
	for i := range p.Rules {
		p.Rules[i] = rule(r)
	}
	if chance(r, 5) {
		p.Limits = []locket.Limit{{Actions: actions(r), Count: 1 + r.IntN(3), Per: pick(r, []string{"minute", "hour"})}}
	}
	if chance(r, 20) {
		p.Expires = expiry(r)
	}
	return p
}

func rule(r *rand.Rand) locket.Rule {
	rule := locket.Rule{Actions: actions(r)}
	if chance(r, 2) {
		rule.Types = some(r, []string{"Alpha", "Beta", "Gamma", "Gone"})
	}
	if chance(r, 2) {
		rule.Where = make(map[string]locket.Match)
		for range 1 + r.IntN(2) {
			rule.Where[pick(r, properties[:])] = match(r)
		}
	}
	if chance(r, 4) {
		for range ids {
			rule.Items = append(rule.Items, id(len(rule.Items)))
		}
		rule.Items = some(r, rule.Items)
	}
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	if chance(r, 6) {
		rule.After = pick(r, []time.Time{day, day.AddDate(-80, 0, 0), time.UnixMicro(0).UTC()})
	}
	if chance(r, 6) {
		rule.Before = pick(r, []time.Time{day.AddDate(0, 0, 1), day.Add(time.Microsecond)})
	}
	if chance(r, 3) {
		rule.Properties = some(r, properties[:])
	}
	if chance(r, 10) {
		rule.Expires = expiry(r)
	}
	if chance(r, 3) {
		// Only those of its actions that change something may wait.
		rule.Actions, rule.Review = some(r, []locket.Permission{locket.MayCreate, locket.MayUpdate, locket.MayLink}), true
	}
	return rule
}

// match tests a property of any kind for values of one kind, most often text. Some
// list values of two kinds.
func match(r *rand.Rand) locket.Match {
	if chance(r, 5) {
		return locket.Match{Prefix: pick(r, []string{"a", "ab", "e", "\u00e9", "\U0010FFFF", "a%", "A"})}
	}
	var m locket.Match
	kind := pick(r, []locket.Kind{locket.Text, locket.Text, locket.Integer, locket.Real, locket.Boolean, locket.Time, locket.Reference})
	for _, v := range some(r, domain(kind)) {
		m.In = append(m.In, v.written)
	}
	if chance(r, 8) && kind != locket.Boolean {
		m.In = append(m.In, true)
	}
	return m
}

// expiry is long past or far off.
func expiry(r *rand.Rand) time.Time {
	return time.Date(pick(r, []int{2000, 2200}), 1, 1, 0, 0, 0, 0, time.UTC)
}

func actions(r *rand.Rand) []locket.Permission {
	return some(r, []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayUpdate})
}

// RandomFacts returns an item of one of the Types.
func RandomFacts(r *rand.Rand) policy.Facts {
	t := Types()[pick(r, []string{"Alpha", "Beta", "Gamma"})]
	f := policy.Facts{ID: id(r.IntN(ids)), Type: t.Name, Props: make(map[string]any)}
	for _, p := range t.Properties {
		if chance(r, 4) {
			continue
		}
		values := domain(p.Kind)
		if !p.Many {
			f.Props[p.Name] = pick(r, values).stored
			continue
		}
		var list []any
		for range 1 + r.IntN(2) {
			list = append(list, pick(r, values).stored)
		}
		f.Props[p.Name] = list
	}
	f.Time = pick(r, domain(locket.Time)).stored.(int64)
	if at, ok := f.Props[t.TimeProperty].(int64); ok {
		f.Time = at
	}
	return f
}

// Describe gives a policy and an item as a failing test shows them.
func Describe(f policy.Facts, ps ...locket.Policy) string {
	out := fmt.Sprintf("item %+v", f)
	for _, p := range ps {
		text, err := json.Marshal(p)
		out += fmt.Sprintf("\npolicy %s %v", text, err)
	}
	return out
}

// chance is true once in n times.
func chance(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// some returns one to three different elements.
func some[T any](r *rand.Rand, from []T) []T {
	var out []T
	for _, i := range r.Perm(len(from))[:1+r.IntN(min(3, len(from)))] {
		out = append(out, from[i])
	}
	return out
}
