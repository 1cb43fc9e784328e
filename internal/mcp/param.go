package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/jsontext"
)

// A shape is what values a parameter takes.
type shape string

const (
	aText   shape = "text"
	anInt   shape = "whole number"
	aReal   shape = "number"
	aFlag   shape = "true or false"
	texts   shape = "list of texts"
	ints    shape = "list of whole numbers"
	aTime   shape = "time" // a date, an RFC 3339 time, or how long ago; handed on as RFC 3339
	anyJSON shape = "JSON" // checked by the operation
)

// A param is one parameter of a tool.
type param struct {
	name, help string
	shape      shape
	required   bool
	oneOf      []string
	least      int64          // of a whole number
	most       int64          // of a whole number; 0: no bound
	also       []string       // names that models guess; taken, not advertised
	schema     map[string]any // of anyJSON
}

// describe is the JSON Schema of the parameter.
func (p param) describe() map[string]any {
	s := maps.Clone(p.schema)
	if s == nil {
		s = make(map[string]any)
	}
	switch p.shape {
	case aText, aTime:
		s["type"] = "string"
	case anInt:
		s["type"] = "integer"
		s["minimum"] = p.least
		if p.most > 0 {
			s["maximum"] = p.most
		}
	case aReal:
		s["type"], s["minimum"], s["maximum"] = "number", 0, 1
	case aFlag:
		s["type"] = "boolean"
	case texts:
		s["type"], s["items"] = "array", map[string]any{"type": "string"}
	case ints:
		s["type"], s["items"] = "array", map[string]any{"type": "integer"}
	}
	if p.oneOf != nil {
		s["enum"] = p.oneOf
	}
	s["description"] = p.help
	return s
}

// inputSchema is that of a tool with these parameters.
func inputSchema(params []param) map[string]any {
	properties, required := make(map[string]any), []string{}
	for _, p := range params {
		properties[p.name] = p.describe()
		if p.required {
			required = append(required, p.name)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// Args are the arguments of a tool, checked, by the names of its parameters.
type args map[string]any

func (a args) text(name string) string { s, _ := a[name].(string); return s }

func (a args) texts(name string) []string {
	var out []string
	list, _ := a[name].([]any)
	for _, e := range list {
		s, _ := e.(string)
		out = append(out, s)
	}
	return out
}

// number returns a whole number, or what to take if there is none.
func (a args) number(name string, otherwise int64) int64 {
	n, ok := a[name].(json.Number)
	if !ok {
		return otherwise
	}
	i, _ := strconv.ParseInt(n.String(), 10, 64) // has been checked
	return i
}

// readArgs reads the arguments of a tool, strictly.
func readArgs(data []byte, params []param, now time.Time) (args, error) {
	if len(data) > maxArgs {
		return nil, locket.Errorf(locket.CodeTooLarge, "the arguments are larger than %d bytes; nothing was done", maxArgs)
	}
	given, err := readObject(data)
	if err != nil {
		return nil, err
	}
	out := make(args)
	for _, p := range params {
		name, v, err := p.take(given)
		if err != nil {
			return nil, err
		}
		if name == "" {
			if p.required {
				return nil, locket.Errorf(locket.CodeInvalid, "%s is missing: %s", p.name, p.help)
			}
			continue
		}
		if out[p.name], err = p.check(v, now); err != nil {
			return nil, err
		}
	}
	for name := range given {
		return nil, locket.Errorf(locket.CodeInvalid, "there is no parameter %.60q; parameters are: %s", name, names(params))
	}
	return out, nil
}

func names(params []param) string {
	var out []string
	for _, p := range params {
		out = append(out, p.name)
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}

// take removes the value of the parameter, under any of its names, from what is given. A
// null is no value: some clients send one for each parameter that they leave out.
func (p param) take(given map[string]any) (name string, v any, err error) {
	for _, n := range append([]string{p.name}, p.also...) {
		got, ok := given[n]
		if !ok {
			continue
		}
		delete(given, n)
		if got == nil {
			continue
		}
		if name != "" {
			return "", nil, locket.Errorf(locket.CodeInvalid, "%s is given twice, as %s and as %s", p.name, name, n)
		}
		name, v = n, got
	}
	return name, v, nil
}

func (p param) check(v any, now time.Time) (any, error) {
	wrong := locket.Errorf(locket.CodeInvalid, "%s: expected a %s", p.name, p.shape)
	switch p.shape {
	case aText, aTime:
		s, ok := v.(string)
		if !ok {
			return nil, wrong
		}
		if p.shape == aTime {
			return p.when(s, now)
		}
		if p.oneOf != nil && !slices.Contains(p.oneOf, s) {
			return nil, locket.Errorf(locket.CodeInvalid, "%s: expected one of %s", p.name, strings.Join(p.oneOf, ", "))
		}
	case aFlag:
		if _, ok := v.(bool); !ok {
			return nil, wrong
		}
	case anInt:
		return v, p.inRange(v)
	case aReal:
		n, ok := v.(json.Number)
		if f, err := n.Float64(); !ok || err != nil || f < 0 || f > 1 {
			return nil, locket.Errorf(locket.CodeInvalid, "%s: expected a number from 0 to 1", p.name)
		}
	case texts, ints:
		list, ok := v.([]any)
		if !ok {
			return nil, wrong
		}
		for _, e := range list {
			if _, isText := e.(string); p.shape == texts && !isText {
				return nil, wrong
			}
			if p.shape == ints {
				if err := p.inRange(e); err != nil {
					return nil, wrong
				}
			}
		}
	}
	return v, nil
}

func (p param) inRange(v any) error {
	n, ok := v.(json.Number)
	i, err := strconv.ParseInt(n.String(), 10, 64)
	switch {
	case !ok || err != nil:
		return locket.Errorf(locket.CodeInvalid, "%s: expected a %s", p.name, p.shape)
	case i < p.least || p.most > 0 && i > p.most:
		return locket.Errorf(locket.CodeInvalid, "%s: expected a number from %d to %d", p.name, p.least, p.most)
	}
	return nil
}

// when reads a time as people and models write it.
func (p param) when(s string, now time.Time) (any, error) {
	if _, _, ok := locket.ParseSpan(s); ok {
		return s, nil // operations know best whether the day is part of what is meant
	}
	for _, form := range []string{"2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC().Format(time.RFC3339), nil
		}
	}
	if ago, ok := span(s); ok {
		return now.UTC().Add(-ago).Format(time.RFC3339), nil
	}
	return nil, locket.Errorf(locket.CodeInvalid, `%s: expected a time such as 2026-11-21, 2026-11-21T10:00:00Z, or 7d for seven days ago`, p.name)
}

// begin is the first moment of a time that when has read.
func begin(s string) time.Time {
	from, _, _ := locket.ParseSpan(s)
	return from.UTC()
}

// span reads how long ago something was: "7d", "12h", "2w".
func span(s string) (time.Duration, bool) {
	if len(s) < 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	unit, ok := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[len(s)-1]]
	if err != nil || !ok || n > 5000 {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// readObject reads a JSON object whose names are all different; nothing at all is an
// empty one.
func readObject(data []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(data)) == 0 || string(bytes.TrimSpace(data)) == "null" {
		return map[string]any{}, nil
	}
	if !jsontext.Valid(data) {
		return nil, locket.Errorf(locket.CodeInvalid, "the arguments are not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	wrong := locket.Errorf(locket.CodeInvalid, "the arguments must be one JSON object")
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, wrong
	}
	out := make(map[string]any)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, wrong
		}
		if _, again := out[name]; again {
			return nil, locket.Errorf(locket.CodeInvalid, "%.60q is given twice", name)
		}
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, wrong
		}
		out[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, wrong
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong
	}
	return out, nil
}

// decodeNumbers decodes JSON and keeps numbers as they are written.
func decodeNumbers(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
