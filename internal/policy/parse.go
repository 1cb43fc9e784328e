package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// Bounds on a policy.
const (
	maxBytes  = 64 << 10 // of its JSON
	maxRules  = 100
	maxLimits = 20
	maxTests  = 20  // of one rule
	maxList   = 100 // types, items, properties or values of one list
	maxName   = 200 // bytes
	maxCount  = 1_000_000
)

// The members of the language's objects.
var (
	policyMembers = []string{"rules", "limits", "expires"}
	ruleMembers   = []string{"name", "actions", "types", "where", "items", "after", "before", "properties", "expires", "review"}
	limitMembers  = []string{"actions", "count", "per"}
)

// Parse reads a policy, refusing whatever is not exactly the language: what it
// does not understand it must not permit. Its errors are CodeInvalid and name the
// place. Times of the result are UTC. Whether types and properties exist is
// for [Check].
func Parse(data []byte) (locket.Policy, error) {
	if len(data) > maxBytes {
		return locket.Policy{}, invalid("", "the policy is %d bytes long; at most %d are allowed", len(data), maxBytes)
	}
	v, err := tree(data)
	if err != nil {
		return locket.Policy{}, err
	}
	p, err := readPolicy(v)
	if err != nil {
		return locket.Policy{}, err
	}
	return p, nil
}

func readPolicy(v any) (locket.Policy, error) {
	p := locket.Policy{Rules: []locket.Rule{}}
	o, err := object("", v, policyMembers, "rules")
	if err != nil {
		return p, err
	}
	r := reader{members: o}
	rules := r.list("rules", 0, maxRules)
	for i, v := range rules {
		rule, err := readRule(element("rules", i), v)
		if err != nil {
			return p, err
		}
		p.Rules = append(p.Rules, rule)
	}
	for i, v := range r.list("limits", 0, maxLimits) {
		limit, err := readLimit(element("limits", i), v)
		if err != nil {
			return p, err
		}
		p.Limits = append(p.Limits, limit)
	}
	p.Expires = r.time("expires")
	return p, r.err
}

func readRule(path string, v any) (locket.Rule, error) {
	o, err := object(path, v, ruleMembers, "actions")
	if err != nil {
		return locket.Rule{}, err
	}
	r := reader{path: path, members: o}
	rule := locket.Rule{
		Name:       r.name("name"),
		Actions:    r.actions("actions"),
		Types:      r.names("types"),
		Where:      r.where("where"),
		Items:      r.items("items"),
		After:      r.time("after"),
		Before:     r.time("before"),
		Properties: r.names("properties"),
		Expires:    r.time("expires"),
		Review:     r.flag("review"),
	}
	for i, p := range rule.Actions {
		if rule.Review && !slices.Contains(locket.Reviewable(), p) {
			r.failAt(element(member(path, "actions"), i), "what is under review is to create, update, delete or link; put %q into a rule of its own", p)
		}
	}
	if !rule.After.IsZero() && !rule.Before.IsZero() && !rule.After.Before(rule.Before) {
		r.fail("before", "this must be later than after, or the rule fits nothing")
	}
	return rule, r.err
}

func readLimit(path string, v any) (locket.Limit, error) {
	o, err := object(path, v, limitMembers, "count", "per")
	if err != nil {
		return locket.Limit{}, err
	}
	r := reader{path: path, members: o}
	l := locket.Limit{Actions: r.actions("actions"), Count: r.count("count")}
	l.Per, _ = o["per"].(string)
	if period(l.Per) == 0 {
		r.fail("per", `expected "minute", "hour" or "day", got %s`, describe(o["per"]))
	}
	return l, r.err
}

// object checks that v is an object of known members and has the required ones.
func object(path string, v any, known []string, required ...string) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, invalid(path, "expected an object, got %s", describe(v))
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if !slices.Contains(known, name) {
			return nil, invalid(path, "there is no member %.60q; members are %s", name, strings.Join(known, ", "))
		}
	}
	for _, name := range required {
		if _, ok := o[name]; !ok {
			return nil, invalid(path, "the member %q is missing", name)
		}
	}
	return o, nil
}

// A reader reads members of an object, of which absent ones give zero values. It
// keeps the first error.
type reader struct {
	path    string
	members map[string]any
	err     error
}

func (r *reader) fail(name, format string, args ...any) {
	r.failAt(member(r.path, name), format, args...)
}

func (r *reader) failAt(path, format string, args ...any) {
	if r.err == nil {
		r.err = invalid(path, format, args...)
	}
}

// list reads a list of at least and at most so many elements.
func (r *reader) list(name string, least, most int) []any {
	v, ok := r.members[name]
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	switch {
	case !ok:
		r.fail(name, "expected a list, got %s", describe(v))
	case len(l) < least && name == "actions":
		r.fail(name, "the list is empty; name at least one action")
	case len(l) < least:
		r.fail(name, "the list is empty; leave %s out to mean all", name)
	case len(l) > most:
		r.fail(name, "there are %d; at most %d are allowed", len(l), most)
	}
	if r.err != nil {
		return nil
	}
	return l
}

// texts reads a list of different texts.
func (r *reader) texts(name string, check func(path, s string)) []string {
	l := r.list(name, 1, maxList)
	if l == nil {
		return nil
	}
	out := make([]string, 0, len(l))
	for i, v := range l {
		path := element(member(r.path, name), i)
		s, ok := v.(string)
		if !ok {
			r.failAt(path, "expected text, got %s", describe(v))
		} else if check(path, s); slices.Contains(out, s) {
			r.failAt(path, "%.60q is in the list twice", s)
		}
		out = append(out, s)
	}
	return out
}

func (r *reader) actions(name string) []locket.Permission {
	return as[locket.Permission](r.texts(name, func(path, s string) {
		if action(locket.Permission(s)) == 0 {
			r.failAt(path, "there is no action %.60q; actions are %s", s, strings.Join(as[string](locket.Permissions()), ", "))
		}
	}))
}

func (r *reader) items(name string) []locket.ItemID {
	return as[locket.ItemID](r.texts(name, func(path, s string) {
		if _, ok := locket.ParseUUID(s); !ok {
			r.failAt(path, "%.60q is not the id of an item", s)
		}
	}))
}

func (r *reader) names(name string) []string { return r.texts(name, r.checkName) }

func (r *reader) name(name string) string {
	v, ok := r.members[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.fail(name, "expected text, got %s", describe(v))
	}
	r.checkName(member(r.path, name), s)
	return s
}

func (r *reader) checkName(path, s string) {
	switch {
	case s == "":
		r.failAt(path, "the name is empty")
	case len(s) > maxName:
		r.failAt(path, "the name is %d bytes long; at most %d are allowed", len(s), maxName)
	case strings.ContainsFunc(s, notPrinted):
		r.failAt(path, "the name has characters that can't be seen")
	}
}

// timeForm is RFC 3339 of whole microseconds. The reader of package time lets more
// through (go.dev/issue/54580).
var timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func (r *reader) time(name string) time.Time {
	v, ok := r.members[name]
	if !ok {
		return time.Time{}
	}
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !timeForm.MatchString(s) {
		r.fail(name, `expected a time with zone as in "2026-11-21T10:00:00Z", with at most 6 digits after the second`)
		return time.Time{}
	}
	t = t.UTC()
	// The zero time would mean that the member is absent.
	if t.Year() < 1 || t.Year() > 9999 || t.IsZero() {
		r.fail(name, "the year must be between 1 and 9999")
	}
	return t
}

func (r *reader) flag(name string) bool {
	v, ok := r.members[name]
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		r.fail(name, "expected true or false, got %s", describe(v))
	}
	return b
}

func (r *reader) count(name string) int {
	n, _ := r.members[name].(json.Number)
	i, err := n.Int64()
	if err != nil || i < 1 || i > maxCount {
		r.fail(name, "expected a whole number from 1 to %d", maxCount)
		return 0
	}
	return int(i)
}

// as changes the type of texts.
func as[To, From ~string](list []From) []To {
	if list == nil {
		return nil
	}
	out := make([]To, len(list))
	for i, s := range list {
		out[i] = To(s)
	}
	return out
}

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%.60q", v)
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case map[string]any:
		return "an object"
	}
	return "a list"
}
