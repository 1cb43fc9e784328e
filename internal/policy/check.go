package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

// Check refuses a policy that names types or properties which the pod does not
// have, or tests properties for values that they can't have. A property needs to be
// in one of the rule's types only: the rule fits no item of the others. Its errors
// are CodeInvalid and name the place.
func Check(p locket.Policy, types map[string]*locket.Type) error {
	for i := range p.Rules {
		if err := checkRule(element("rules", i), &p.Rules[i], types); err != nil {
			return err
		}
	}
	return nil
}

func checkRule(path string, r *locket.Rule, types map[string]*locket.Type) error {
	for i, name := range r.Types {
		if types[name] == nil {
			return invalid(element(member(path, "types"), i), "there is no type %.60q; types are %s", name, several(slices.Sorted(maps.Keys(types))))
		}
	}
	for i, name := range r.Properties {
		if len(declarations(r, name, types)) == 0 {
			return noProperty(element(member(path, "properties"), i), r, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Where)) {
		if err := checkMatch(member(path, "where"), r, name, types); err != nil {
			return err
		}
	}
	return nil
}

func checkMatch(path string, r *locket.Rule, name string, types map[string]*locket.Type) error {
	ps := declarations(r, name, types)
	if len(ps) == 0 {
		return noProperty(member(path, name), r, name)
	}
	path = member(path, name)
	m := r.Where[name]
	if len(m.In) == 0 {
		if m.Prefix == "" {
			return invalid(path, "the test is empty")
		}
		if !slices.ContainsFunc(ps, func(p locket.Property) bool { return p.Kind == locket.Text }) {
			return invalid(path, "a prefix is for text; %s is %s", name, kindName(ps[0].Kind))
		}
		return nil
	}
	for i, v := range m.In {
		if slices.ContainsFunc(ps, func(p locket.Property) bool { _, ok := coerce(p.Kind, v); return ok }) {
			continue
		}
		if len(m.In) > 1 {
			path = element(path, i)
		}
		return invalid(path, "expected %s, got %s", kindName(ps[0].Kind), valueName(v))
	}
	return nil
}

// declarations returns the declarations of a property in the types of a rule.
func declarations(r *locket.Rule, name string, types map[string]*locket.Type) []locket.Property {
	var out []locket.Property
	for _, t := range typesOf(r, types) {
		if p, ok := types[t].Property(name); ok {
			out = append(out, p)
		}
	}
	return out
}

func noProperty(path string, r *locket.Rule, name string) error {
	if len(r.Types) == 0 {
		return invalid(path, "no type has a property %.60q", name)
	}
	return invalid(path, "there is no property %.60q in %s", name, several(r.Types))
}

// several joins names for a message.
func several(names []string) string {
	if n := len(names); n > 20 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:20], ", "), n-20)
	}
	return strings.Join(names, ", ")
}

func kindName(k locket.Kind) string {
	return map[locket.Kind]string{
		locket.Text: "text", locket.Integer: "a whole number", locket.Real: "a number", locket.Boolean: "true or false",
		locket.Time:      `a time as in "2026-11-21T10:00:00Z"`,
		locket.Reference: "the id of an item", locket.Blob: "the id of a blob",
	}[k]
}

func valueName(v any) string {
	if n, ok := v.(json.Number); ok {
		return clip(n.String(), 60)
	}
	return describe(v)
}
