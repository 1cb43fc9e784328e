package ops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/jsontext"
)

// maxDepth bounds the nesting of JSON.
const maxDepth = 32

// decodeJSON reads exactly one JSON value into the pointer. Beyond what
// encoding/json checks it refuses duplicate, unknown, missing and differently
// capitalised names, null for anything but a free value, invalid UTF-8, lone surrogates
// and deep nesting, and says where. Numbers in free values become json.Number.
// name is what messages call the value; "" for a body.
func decodeJSON(data []byte, into any, name string) error {
	if !jsontext.Valid(data) {
		return locket.Errorf(locket.CodeInvalid, "%sthe JSON is not valid UTF-8", prefix(name))
	}
	c := checker{dec: json.NewDecoder(bytes.NewReader(data))}
	c.dec.UseNumber()
	if err := c.value(reflect.TypeOf(into).Elem(), name, 0); err != nil {
		return err
	}
	if _, err := c.dec.Token(); !errors.Is(err, io.EOF) {
		return locket.Errorf(locket.CodeInvalid, "%sthere is more after the end of the JSON", prefix(name))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return locket.Errorf(locket.CodeInvalid, "%sthe JSON cannot be read", prefix(name)).Because(err)
	}
	return nil
}

// A checker walks the tokens of a JSON value beside the type it is meant for.
type checker struct{ dec *json.Decoder }

// value checks the next value. t is nil for a free value; path says where it is.
func (c *checker) value(t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return locket.Errorf(locket.CodeInvalid, "%sthe JSON is nested deeper than %d levels", prefix(path), maxDepth)
	}
	tok, err := c.token(path)
	if err != nil {
		return err
	}
	if t != nil && t.Kind() == reflect.Interface {
		t = nil
	}
	if t != nil && !fits(t, tok) {
		return locket.Errorf(locket.CodeInvalid, "%sexpected %s, got %s", prefix(path), expected(t), describe(tok))
	}
	switch tok {
	case json.Delim('{'):
		return c.object(t, path, depth)
	case json.Delim('['):
		return c.list(t, path, depth)
	}
	return nil
}

func (c *checker) list(t reflect.Type, path string, depth int) error {
	var elem reflect.Type
	if t != nil {
		elem = t.Elem()
	}
	for i := 0; c.dec.More(); i++ {
		if err := c.value(elem, fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return err
		}
	}
	_, err := c.token(path)
	return err
}

func (c *checker) object(t reflect.Type, path string, depth int) error {
	seen := make(map[string]bool)
	for c.dec.More() {
		tok, err := c.token(path)
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		if seen[name] {
			return locket.Errorf(locket.CodeInvalid, "%sthe name %.60q occurs twice", prefix(path), name)
		}
		seen[name] = true
		elem, err := member(t, name, path)
		if err != nil {
			return err
		}
		if err := c.value(elem, join(path, name), depth+1); err != nil {
			return err
		}
	}
	if _, err := c.token(path); err != nil {
		return err
	}
	return missing(t, seen, path)
}

func (c *checker) token(path string) (json.Token, error) {
	tok, err := c.dec.Token()
	if err == nil {
		return tok, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, locket.Errorf(locket.CodeInvalid, "%sthe JSON ends too early", prefix(path))
	}
	return nil, locket.Errorf(locket.CodeInvalid, "%sthis is not JSON, at byte %d", prefix(path), c.dec.InputOffset()).Because(err)
}

// member returns the type of a member of an object of type t, nil if it is free.
func member(t reflect.Type, name, path string) (reflect.Type, error) {
	if t == nil {
		return nil, nil
	}
	if t.Kind() == reflect.Map {
		return t.Elem(), nil
	}
	var known []string
	for f := range bodyFields(t) {
		if f.Key == name {
			return f.Type, nil
		}
		known = append(known, f.Key)
	}
	if len(known) == 0 {
		return nil, locket.Errorf(locket.CodeInvalid, "%sthere is no field %.60q; nothing is expected here", prefix(path), name)
	}
	return nil, locket.Errorf(locket.CodeInvalid, "%sthere is no field %.60q; fields are %s", prefix(path), name, strings.Join(known, ", "))
}

func missing(t reflect.Type, seen map[string]bool, path string) error {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for f := range bodyFields(t) {
		if f.Required && !seen[f.Key] {
			return locket.Errorf(locket.CodeInvalid, "%sthe field %q is missing", prefix(path), f.Key)
		}
	}
	return nil
}

// bodyFields yields the fields of a struct that have a json tag.
func bodyFields(t reflect.Type) func(func(Field) bool) {
	return func(yield func(Field) bool) {
		for i := range t.NumField() {
			f, ok := fieldOf(t.Field(i))
			f.index = i
			if ok && f.Place == InBody && !yield(f) {
				return
			}
		}
	}
}

func fits(t reflect.Type, tok json.Token) bool {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return tok == json.Delim('{')
	case reflect.Slice:
		return tok == json.Delim('[')
	case reflect.String:
		_, ok := tok.(string)
		return ok
	case reflect.Bool:
		_, ok := tok.(bool)
		return ok
	}
	n, ok := tok.(json.Number)
	if !ok {
		return false
	}
	if t.Kind() == reflect.Float64 {
		_, err := n.Float64()
		return err == nil
	}
	_, err := strconv.ParseInt(n.String(), 10, min(64, 8*int(t.Size())))
	return err == nil
}

func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

func describe(tok json.Token) string {
	switch tok := tok.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case json.Delim:
		if tok == '{' {
			return "an object"
		}
	}
	return "a list"
}

func join(path, name string) string {
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func prefix(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}
