package ops

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket"
)

// A Place is where a request carries a field.
type Place string

// The places.
const (
	InPath   Place = "path"
	InQuery  Place = "query"
	InHeader Place = "header"
	InBody   Place = "json"
)

// A Field is one field of an operation's input.
type Field struct {
	Name     string // "limit", "version"; what a command calls its flag
	Key      string // name on the wire; differs from Name for headers only
	Place    Place
	Help     string
	Required bool
	Type     reflect.Type

	index int // in the struct
}

func fieldsOf(t reflect.Type) []Field {
	fields := make([]Field, t.NumField())
	for i := range fields {
		f, ok := fieldOf(t.Field(i))
		if !ok {
			panic(fmt.Sprintf("%s.%s has no place in a request", t, t.Field(i).Name))
		}
		f.index = i
		fields[i] = f
	}
	return fields
}

func fieldOf(sf reflect.StructField) (Field, bool) {
	for _, place := range []Place{InPath, InQuery, InHeader, InBody} {
		tag, ok := sf.Tag.Lookup(string(place))
		if !ok {
			continue
		}
		key, option, _ := strings.Cut(tag, ",")
		f := Field{Name: key, Key: key, Place: place, Help: sf.Tag.Get("help"), Required: option != "omitempty", Type: sf.Type}
		if place == InHeader {
			f.Name = strings.ToLower(sf.Name[:1]) + sf.Name[1:]
		}
		return f, key != ""
	}
	return Field{}, false
}

func (f Field) value(in any) reflect.Value { return reflect.ValueOf(in).Elem().Field(f.index) }

// Set sets the field of the input in (see [Op.New]) from its text form: that of a
// path segment, a query value, a header or a command-line flag. Lists and
// objects are written as JSON.
func (f Field) Set(in any, text string) error {
	v := f.value(in)
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return f.wrong(text, err.Error())
		}
		return nil
	}
	switch v.Interface().(type) {
	case locket.ItemID, locket.BlobID, locket.PrincipalID:
		if _, ok := locket.ParseUUID(text); !ok {
			return f.wrong(text, "an id is 36 characters long and looks like 0192f3a4-…")
		}
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return checkText(f, text)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v.OverflowInt(n) {
			return f.wrong(text, "expected a whole number")
		}
		v.SetInt(n)
		return nil
	case reflect.Bool:
		if text != "true" && text != "false" {
			return f.wrong(text, "expected true or false")
		}
		v.SetBool(text == "true")
		return nil
	}
	return decodeJSON([]byte(text), v.Addr().Interface(), f.Name)
}

// Text returns the text form of the field, the inverse of [Field.Set].
func (f Field) Text(in any) (string, error) {
	v := f.value(in)
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		return string(b), err
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	}
	b, err := json.Marshal(v.Interface())
	return string(b), err
}

// wrong says what is wrong with the text given for f.
func (f Field) wrong(text, what string) error {
	return locket.Errorf(locket.CodeInvalid, "%s: %s, got %.40q", f.Name, what, text)
}

func checkText(f Field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return locket.Errorf(locket.CodeInvalid, "%s: the text is not valid UTF-8 or holds a NUL character", f.Name)
	}
	return nil
}

// A Version is the version of an item that a change is based on: the change is
// refused with [locket.CodeConflict] if the item has another one by now. 0 accepts
// any. Its text form is a number, in quotes as an entity tag (RFC 9110 §8.8.3) or
// without.
type Version int64

// UnmarshalText reads the text form; "*" is 0.
func (v *Version) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "*" {
		*v = 0
		return nil
	}
	if len(s) > 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return errors.New(`expected a version as in the ETag header: "3"`)
	}
	*v = Version(n)
	return nil
}

// MarshalText gives the entity tag.
func (v Version) MarshalText() ([]byte, error) {
	return []byte(`"` + strconv.FormatInt(int64(v), 10) + `"`), nil
}
