package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/locketpod/locket"
)

// where reads the tests of a rule.
func (r *reader) where(name string) map[string]locket.Match {
	v, ok := r.members[name]
	if !ok {
		return nil
	}
	o, ok := v.(map[string]any)
	switch {
	case !ok:
		r.fail(name, "expected an object of tests by the names of properties, got %s", describe(v))
		return nil
	case len(o) == 0:
		r.fail(name, "there are no tests; leave where out to mean all")
	case len(o) > maxTests:
		r.fail(name, "there are %d tests; at most %d are allowed", len(o), maxTests)
	}
	tests := make(map[string]locket.Match, len(o))
	for _, property := range slices.Sorted(maps.Keys(o)) {
		path := member(member(r.path, name), property)
		r.checkName(path, property)
		tests[property] = r.match(path, o[property])
	}
	return tests
}

// match reads a value, a list of values or a prefix.
func (r *reader) match(path string, v any) locket.Match {
	switch v := v.(type) {
	case map[string]any:
		p, ok := v["prefix"].(string)
		if !ok || len(v) != 1 || p == "" {
			r.failAt(path, `the only test that is an object is {"prefix": "text"}`)
		}
		r.checkValue(path, p)
		return locket.Match{Prefix: p}
	case []any:
		if len(v) == 0 || len(v) > maxList {
			r.failAt(path, "there are %d values; 1 to %d are allowed", len(v), maxList)
			return locket.Match{}
		}
		for i, e := range v {
			r.checkValue(element(path, i), e)
			if r.err == nil && slices.Contains(v[:i], e) {
				r.failAt(element(path, i), "the value is in the list twice")
			}
		}
		return locket.Match{In: v}
	}
	r.checkValue(path, v)
	return locket.Match{In: []any{v}}
}

func (r *reader) checkValue(path string, v any) {
	switch v := v.(type) {
	case bool, json.Number:
	case string:
		if strings.ContainsRune(v, 0) {
			r.failAt(path, "the text holds a NUL character, which no property does")
		}
	default:
		r.failAt(path, `expected a value, a list of values or {"prefix": "text"}, got %s`, describe(v))
	}
}

func notPrinted(c rune) bool { return !unicode.IsPrint(c) }
