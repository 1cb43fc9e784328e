package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/locketpod/locket"
)

// Bounds on values.
const (
	maxText      = 16 << 20 // bytes of one text
	maxMany      = 10000    // values of one property
	maxItemBytes = 32 << 20 // JSON of one item
)

// coerce checks v against the declaration and returns it in the form that is
// stored: string, int64, float64, bool, or []any of one of them. Times become
// microseconds. nil stays nil.
func coerce(typ string, p locket.Property, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if !p.Many {
		return coerceOne(typ, p, v)
	}
	list, ok := listOf(v)
	if !ok {
		return nil, mismatch(typ, p, v)
	}
	if len(list) > maxMany {
		return nil, locket.Errorf(locket.CodeTooLarge, "%s.%s has %d values; at most %d are allowed", typ, p.Name, len(list), maxMany)
	}
	if len(list) == 0 {
		return nil, nil
	}
	out := make([]any, len(list))
	for i, e := range list {
		c, err := coerceOne(typ, p, e)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

func listOf(v any) ([]any, bool) {
	switch l := v.(type) {
	case []any:
		return l, true
	case []string:
		out := make([]any, len(l))
		for i, s := range l {
			out[i] = s
		}
		return out, true
	}
	return nil, false
}

func coerceOne(typ string, p locket.Property, v any) (any, error) {
	switch p.Kind {
	case locket.Text:
		if s, ok := v.(string); ok {
			return s, checkText(typ, p.Name, s)
		}
	case locket.Boolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case locket.Integer:
		if n, ok := integer(v); ok {
			return n, nil
		}
	case locket.Real:
		if f, ok := real64(v); ok {
			return f, nil
		}
	case locket.Time:
		if t, ok := timeOf(v); ok {
			return micros(t), nil
		}
	case locket.Reference, locket.Blob:
		s := fmt.Sprint(v)
		switch v.(type) {
		case string, locket.ItemID, locket.BlobID:
			if _, ok := locket.ParseUUID(s); ok {
				return s, nil
			}
		}
	}
	return nil, mismatch(typ, p, v)
}

func checkText(typ, name, s string) error {
	switch {
	case len(s) > maxText:
		return locket.Errorf(locket.CodeTooLarge, "%s.%s is %d bytes long; at most %d are allowed: keep it as a blob", typ, name, len(s), maxText)
	case !utf8.ValidString(s):
		return locket.Errorf(locket.CodeInvalid, "%s.%s: the text is not valid UTF-8", typ, name)
	case strings.ContainsRune(s, 0):
		return locket.Errorf(locket.CodeInvalid, "%s.%s: the text holds a NUL character", typ, name)
	}
	return nil
}

func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return int64(n), true
		}
	}
	return 0, false
}

func real64(v any) (float64, bool) {
	var f float64
	switch n := v.(type) {
	case float64:
		f = n
	case int64:
		f = float64(n)
	case int:
		f = float64(n)
	case json.Number:
		var err error
		if f, err = n.Float64(); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return f, !math.IsNaN(f) && !math.IsInf(f, 0)
}

// timeOf reads a time: RFC 3339 with zone, or a date, which is midnight UTC. The
// year must be of four digits, which RFC 3339 needs on the way out.
func timeOf(v any) (time.Time, bool) {
	var t time.Time
	switch x := v.(type) {
	case time.Time:
		t = x
	case string:
		var err error
		if t, err = time.Parse(time.RFC3339Nano, x); err != nil {
			if t, err = time.Parse(time.DateOnly, x); err != nil {
				return t, false
			}
		}
	default:
		return t, false
	}
	y := t.UTC().Year()
	return t, y >= 1 && y <= 9999
}

func mismatch(typ string, p locket.Property, v any) error {
	want := map[locket.Kind]string{
		locket.Text: "text", locket.Integer: "a whole number", locket.Real: "a finite number", locket.Boolean: "true or false",
		locket.Time:      `a time as in "2026-11-21T10:00:00Z"`,
		locket.Reference: "the id of an item", locket.Blob: "the id of a blob",
	}[p.Kind]
	if p.Many {
		want = "a list, each value " + want
	}
	return locket.Errorf(locket.CodeInvalid, "%s.%s: expected %s, got %s", typ, p.Name, want, kindOf(v))
}

func kindOf(v any) string {
	switch v.(type) {
	case string, locket.ItemID, locket.BlobID:
		return "another text"
	case bool:
		return "true or false"
	case int, int64, float64, json.Number:
		return "another number"
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "something else"
}

// encodeProps gives the stored JSON of coerced properties, keys sorted.
func encodeProps(props map[string]any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(props); err != nil {
		return "", err
	}
	if b.Len() > maxItemBytes {
		return "", locket.Errorf(locket.CodeTooLarge, "the item is %d bytes long; at most %d are allowed: keep long texts as blobs", b.Len(), maxItemBytes)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// decodeStored reads stored JSON back into the stored form, with the integers of
// integer and time properties as int64 and reals as float64.
func decodeStored(t *locket.Type, stored string) (map[string]any, error) {
	d := json.NewDecoder(strings.NewReader(stored))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("stored properties: %w", err)
	}
	for name, v := range m {
		p, _ := t.Property(name)
		n, err := storedNumbers(p.Kind, v)
		if err != nil {
			return nil, err
		}
		m[name] = n
	}
	return m, nil
}

func storedNumbers(k locket.Kind, v any) (any, error) {
	switch x := v.(type) {
	case json.Number:
		if k == locket.Real {
			return x.Float64()
		}
		return x.Int64()
	case []any:
		for i := range x {
			n, err := storedNumbers(k, x[i])
			if err != nil {
				return nil, err
			}
			x[i] = n
		}
	case map[string]any:
		return nil, errors.New("stored properties: an object")
	}
	return v, nil
}

// present turns the stored form into the form of locket.Item, in place.
func present(t *locket.Type, props map[string]any) map[string]any {
	for name, v := range props {
		p, ok := t.Property(name)
		if !ok {
			continue
		}
		if list, ok := v.([]any); ok {
			for i := range list {
				list[i] = presentOne(p.Kind, list[i])
			}
			continue
		}
		props[name] = presentOne(p.Kind, v)
	}
	return props
}

func presentOne(k locket.Kind, v any) any {
	switch x := v.(type) {
	case int64:
		if k == locket.Time {
			return fromMicros(x)
		}
	case string:
		switch k {
		case locket.Reference:
			return locket.ItemID(x)
		case locket.Blob:
			return locket.BlobID(x)
		}
	}
	return v
}
