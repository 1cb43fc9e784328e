package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// Within returns nil if child permits nothing that parent does not, as far as that
// shows rule by rule: each rule of child must lie in one rule of parent, and each
// limit of parent that concerns child must have one of child that is as strict.
// Otherwise it is CodeDenied with the place in child and what parent asks for.
func Within(child, parent locket.Policy, types map[string]*locket.Type) error {
	var used actions
	wide := rulesOf(&parent)
	for i, r := range rulesOf(&child) {
		used |= actionsOf(r.Actions)
		if err := ruleWithin(element("rules", i), r, wide, types); err != nil {
			return err
		}
	}
	for _, l := range parent.Limits {
		set := limited(l) & used
		if set == 0 || slices.ContainsFunc(child.Limits, func(k locket.Limit) bool { return set&^limited(k) == 0 && asStrict(k, l) }) {
			continue
		}
		return denied("limits", "the policy above permits %s; add a limit as strict, for all of these actions", explainLimit(l))
	}
	return nil
}

// rulesOf returns the rules of p, each with the end that it has as a part of p.
func rulesOf(p *locket.Policy) []*rule {
	out := make([]*rule, len(p.Rules))
	for i, r := range p.Rules {
		r.Expires = earlier(r.Expires, p.Expires)
		out[i] = newRule(i, &r)
	}
	return out
}

func denied(path, format string, args ...any) error {
	return locket.Errorf(locket.CodeDenied, "%s%s", prefixed(path), fmt.Sprintf(format, args...))
}

// A gap is why one rule does not lie in another.
type gap struct {
	step  int    // how many of the rule's parts do
	place string // the first part that does not
	wants string
}

// ruleWithin looks for the rule among wide in which r lies. Failing that, it tells
// the gap to the rule that comes nearest.
func ruleWithin(path string, r *rule, wide []*rule, types map[string]*locket.Type) error {
	nearest := gap{step: -1}
	for _, w := range wide {
		g := gapTo(w, r, types)
		if g == nil {
			return nil
		}
		if g.step > nearest.step {
			nearest = *g
		}
	}
	if nearest.step < 0 {
		return denied(path, "the policy above permits nothing")
	}
	return denied(path+"."+nearest.place, "the policy above permits this only %s", nearest.wants)
}

// gapTo returns why r does not lie in wide; nil if it does. Actions, types, items,
// times and properties compare by themselves, tests as they read for each type.
func gapTo(wide, r *rule, types map[string]*locket.Type) *gap {
	if extra := actionsOf(r.Actions) &^ actionsOf(wide.Actions); extra != 0 {
		return &gap{0, "actions", "to " + and(words(actionsOf(wide.Actions).list()), 9)}
	}
	if len(wide.Types) > 0 && (len(r.Types) == 0 || !subset(r.Types, wide.Types)) {
		return &gap{1, "types", "on " + and(wide.Types, 5)}
	}
	if g := testGap(wide, r, types); g != nil {
		return g
	}
	switch {
	case len(wide.Items) > 0 && (len(r.Items) == 0 || !subset(r.Items, wide.Items)):
		return &gap{3, "items", "on items that it names"}
	case r.After.Before(wide.After): // the zero time is before all others
		return &gap{4, "after", "on items dated from " + when(wide.After) + " on"}
	case !within(r.Before, wide.Before):
		return &gap{5, "before", "on items dated before " + when(wide.Before)}
	case len(wide.Properties) > 0 && (len(r.Properties) == 0 || !subset(r.Properties, wide.Properties)):
		return &gap{6, "properties", "for " + and(wide.Properties, 5)}
	case !within(r.Expires, wide.Expires):
		return &gap{7, "expires", "until " + when(wide.Expires)}
	case wide.Review && !r.Review:
		return &gap{8, "review", "once the owner has approved it"}
	}
	return nil
}

// within reports whether end is no later than last, of which the zero time is never.
func within(end, last time.Time) bool {
	return last.IsZero() || !end.IsZero() && !end.After(last)
}

func testGap(wide, r *rule, types map[string]*locket.Type) *gap {
	if len(wide.tested) == 0 {
		return nil
	}
	for _, t := range typesOf(r.Rule, types) {
		narrow, ok := r.compile(types[t])
		if !ok {
			continue // r permits nothing there
		}
		for _, name := range wide.tested {
			test, ok := wide.test(types[t], name)
			if !ok || unimplied(narrow.Tests, []Test{test}) != nil {
				return &gap{2, member("where", name), "where " + explainMatch(name, wide.Where[name], 3)}
			}
		}
	}
	return nil
}

// asStrict reports whether what k lets through l does, too: a bucket no larger that
// fills no faster.
func asStrict(k, l locket.Limit) bool {
	return k.Count <= l.Count && int64(k.Count)*int64(period(l.Per)/time.Second) <= int64(l.Count)*int64(period(k.Per)/time.Second)
}

func words(list []locket.Permission) []string { return as[string](list) }
