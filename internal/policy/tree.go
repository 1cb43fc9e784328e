package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/locketpod/locket/internal/jsontext"
)

// maxDepth bounds the nesting of JSON; the deepest of a policy is a value in a list
// of a test of a rule, the sixth level.
const maxDepth = 8

// tree reads exactly one JSON value as nil, bool, string, json.Number, []any and
// map[string]any. Beyond what encoding/json checks it refuses duplicate names,
// invalid UTF-8, lone surrogates and deep nesting.
func tree(data []byte) (any, error) {
	if !jsontext.Valid(data) {
		return nil, invalid("", "the JSON is not valid UTF-8")
	}
	b := builder{json.NewDecoder(bytes.NewReader(data))}
	b.dec.UseNumber()
	v, err := b.value("", 1)
	if err != nil {
		return nil, err
	}
	if _, err := b.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid("", "there is more after the end of the policy")
	}
	return v, nil
}

type builder struct{ dec *json.Decoder }

// value reads the next value; path says where it is.
func (b *builder) value(path string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, invalid(path, "the JSON is nested deeper than %d levels", maxDepth)
	}
	tok, err := b.token(path)
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		return b.object(path, depth)
	case json.Delim('['):
		return b.list(path, depth)
	}
	return tok, nil
}

func (b *builder) object(path string, depth int) (any, error) {
	m := make(map[string]any)
	for b.dec.More() {
		tok, err := b.token(path)
		if err != nil {
			return nil, err
		}
		name, _ := tok.(string)
		if _, twice := m[name]; twice {
			return nil, invalid(path, "the name %.60q occurs twice", name)
		}
		if m[name], err = b.value(member(path, name), depth+1); err != nil {
			return nil, err
		}
	}
	_, err := b.token(path)
	return m, err
}

func (b *builder) list(path string, depth int) (any, error) {
	l := []any{}
	for b.dec.More() {
		v, err := b.value(element(path, len(l)), depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	_, err := b.token(path)
	return l, err
}

func (b *builder) token(path string) (json.Token, error) {
	tok, err := b.dec.Token()
	if err == nil {
		return tok, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, invalid(path, "the JSON ends too early")
	}
	return nil, invalid(path, "this is not JSON, at byte %d", b.dec.InputOffset())
}

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func member(path, name string) string {
	name = clip(printable(name), 60)
	if path == "" {
		return name
	}
	return path + "." + name
}

// printable returns s with what does not print as escapes.
func printable(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// clip shortens s to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
