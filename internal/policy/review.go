package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// Reviews reports whether a permits something only once the owner has approved it.
func (a *Access) Reviews() bool {
	for _, permits := range a.types {
		if slices.ContainsFunc(permits, func(g permit) bool { return g.review }) {
			return true
		}
	}
	return false
}

// Approved returns what a permits of that which the owner has approved: what it permits
// at once, and what waits.
func (a *Access) Approved() *Access {
	if !a.Reviews() {
		return a
	}
	out := *a
	out.types = make(map[string][]permit, len(a.types))
	for t, permits := range a.types {
		out.types[t] = slices.Clone(permits)
		for i := range out.types[t] {
			out.types[t][i].review = false
		}
	}
	return &out
}

// Reviewed returns p with review of all changes that it permits.
func Reviewed(p locket.Policy) locket.Policy {
	out := p
	out.Rules = make([]locket.Rule, 0, len(p.Rules))
	for _, r := range p.Rules {
		changing := actionsOf(r.Actions) & actionsOf(locket.Reviewable())
		if rest := actionsOf(r.Actions) &^ changing; rest != 0 {
			at := r
			at.Actions = rest.list()
			out.Rules = append(out.Rules, at)
		}
		if changing != 0 {
			r.Actions, r.Review = changing.list(), true
			out.Rules = append(out.Rules, r)
		}
	}
	return out
}

// A Change is something that waited: a permission that was needed, and the item.
type Change struct {
	Permission locket.Permission
	Facts      Facts
}

// waitedFor tells whether c waited because of rule i.
func (c *Change) waitedFor(p *locket.Policy, i int, types map[string]*locket.Type, now time.Time) bool {
	t := types[c.Facts.Type]
	r := newRule(i, &p.Rules[i])
	if t == nil || !r.Review || ended(r.Expires, now) || len(r.Types) > 0 && !slices.Contains(r.Types, t.Name) {
		return false
	}
	g, ok := r.compile(t)
	return ok && g.actions&action(c.Permission) != 0 && g.Fits(c.Facts)
}

// Allow returns p such that the like of changes no longer wait: for each review rule by
// which one did, a rule of the same parts without review, for this action and type
// alone. words say what is new; none if p has no such rule.
func Allow(p locket.Policy, changes []Change, types map[string]*locket.Type, now time.Time) (out locket.Policy, words []string, err error) {
	out = p
	out.Rules = slices.Clone(p.Rules)
	known := len(p.Rules)
	for _, c := range changes {
		for i := range known {
			if !c.waitedFor(&p, i, types, now) {
				continue
			}
			r := p.Rules[i]
			r.Review, r.Actions, r.Types = false, []locket.Permission{c.Permission}, []string{c.Facts.Type}
			if r, ok := fitted(r, types); ok {
				out.Rules = addRule(out.Rules, r)
			}
		}
	}
	for i := range out.Rules {
		if i >= known || len(out.Rules[i].Actions) > len(p.Rules[i].Actions) {
			words = append(words, explainRule(&out.Rules[i]))
		}
	}
	return reread(out, words)
}

// addRule adds r, or its action to a rule that is otherwise the same.
func addRule(rules []locket.Rule, r locket.Rule) []locket.Rule {
	for i := range rules {
		same := rules[i]
		same.Actions = r.Actions
		if !reflect.DeepEqual(same, r) {
			continue
		}
		if !slices.Contains(rules[i].Actions, r.Actions[0]) {
			rules[i].Actions = append(slices.Clip(rules[i].Actions), r.Actions[0])
		}
		return rules
	}
	return append(rules, r)
}

// Refuse returns p such that the like of changes is refused at once: without their
// actions in the review rules by which they waited. A rule for several types goes on as
// it is for the others; one without types loses the action for all.
func Refuse(p locket.Policy, changes []Change, types map[string]*locket.Type, now time.Time) (out locket.Policy, words []string, err error) {
	out = p
	out.Rules = []locket.Rule{}
	for i, r := range p.Rules {
		parts := []locket.Rule{r}
		for _, c := range changes {
			if c.waitedFor(&p, i, types, now) {
				parts = without(parts, c.Permission, c.Facts.Type, types)
			}
		}
		if !reflect.DeepEqual(parts, []locket.Rule{r}) {
			words = append(words, fmt.Sprintf("No longer: %s", explainRule(&r)))
			for _, part := range parts {
				words = append(words, explainRule(&part))
			}
		}
		out.Rules = append(out.Rules, parts...)
	}
	return reread(out, words)
}

// without takes an action on items of a type out of rules.
func without(rules []locket.Rule, p locket.Permission, typ string, types map[string]*locket.Type) (out []locket.Rule) {
	for _, r := range rules {
		if len(r.Types) > 0 && !slices.Contains(r.Types, typ) || !slices.Contains(r.Actions, p) {
			out = append(out, r)
			continue
		}
		if others := slices.DeleteFunc(slices.Clone(r.Types), func(t string) bool { return t == typ }); len(others) > 0 {
			rest, part := r, r
			rest.Types, part.Types = others, []string{typ}
			if rest, ok := fitted(rest, types); ok {
				out = append(out, rest)
			}
			r, _ = fitted(part, types)
		}
		r.Actions = slices.DeleteFunc(slices.Clone(r.Actions), func(a locket.Permission) bool { return a == p })
		if len(r.Actions) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// fitted is r, whose types have become fewer, without the properties and values that
// none of them has: Check would refuse them. It is false if r permits nothing on these.
func fitted(r locket.Rule, types map[string]*locket.Type) (locket.Rule, bool) {
	ok, some := true, len(r.Properties) > 0
	has := func(name string) bool { return len(declarations(&r, name, types)) > 0 }
	r.Properties = slices.DeleteFunc(slices.Clone(r.Properties), func(name string) bool { return !has(name) })
	r.Where = maps.Clone(r.Where)
	for name, m := range r.Where {
		m.In = slices.DeleteFunc(slices.Clone(m.In), func(v any) bool {
			return !slices.ContainsFunc(declarations(&r, name, types), func(d locket.Property) bool { _, ok := coerce(d.Kind, v); return ok })
		})
		r.Where[name] = m
		ok = ok && has(name) && (len(m.In) > 0 || m.Prefix != "")
	}
	return r, ok && some == (len(r.Properties) > 0) // an empty list would mean all
}

// reread makes sure that p is one that Parse reads: that it has not grown too large.
func reread(p locket.Policy, words []string) (locket.Policy, []string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return p, nil, err
	}
	p, err = Parse(text)
	return p, words, err
}
