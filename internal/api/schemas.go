package api

import (
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/ops"
)

// schemas collects JSON Schemas (2020-12) of named structs as types refer to them.
type schemas object

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// of returns the schema of values of t, a reference if t is a struct.
func (s schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[locket.ItemID](), reflect.TypeFor[locket.BlobID](), reflect.TypeFor[locket.PrincipalID](), reflect.TypeFor[locket.PodID]():
		return object{"type": "string", "format": "uuid"}
	case reflect.TypeFor[locket.Match]():
		return object{"description": "a value, a list of values or {\"prefix\": \"text\"}"}
	case reflect.TypeFor[journal.Hash]():
		return object{"type": "string", "contentEncoding": "base64"}
	case reflect.TypeFor[ops.Version]():
		return object{"type": "string", "pattern": `^("[0-9]+"|[0-9]+|\*)$`, "examples": []any{`"3"`}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.structure(t)
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	}
	return object{} // any value
}

func (s schemas) structure(t reflect.Type) object {
	name := schemaName(t)
	if _, done := s[name]; done {
		return ref(name)
	}
	props, required := object{}, []any{}
	s[name] = object{"type": "object", "properties": props}
	for f := range fields(t) {
		props[f.name] = described(s.of(f.Type), f.Tag.Get("help"))
		if f.required {
			required = append(required, f.name)
		}
	}
	s[name] = object{"type": "object", "properties": props, "required": required}
	return ref(name)
}

// A jsonField is a field of a struct as encoding/json writes it.
type jsonField struct {
	reflect.StructField
	name     string
	required bool
}

// fields yields the fields of a struct, those of embedded structs among them.
func fields(t reflect.Type) func(func(jsonField) bool) {
	return func(yield func(jsonField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				for inner := range fields(f.Type) {
					if !yield(inner) {
						return
					}
				}
			case name != "-" && name != "" && !yield(jsonField{f, name, !strings.HasPrefix(option, "omit")}):
				return
			}
		}
	}
}

// schemaName is the name of a struct: that of its type, or ItemPage for Page[Item].
func schemaName(t reflect.Type) string {
	name, arg, generic := strings.Cut(t.Name(), "[")
	if generic {
		arg = strings.TrimSuffix(arg, "]")
		name = arg[strings.LastIndexByte(arg, '.')+1:] + name
	}
	return string(unicode.ToUpper(rune(name[0]))) + name[1:]
}

// described adds a description; a reference takes one beside it.
func described(schema object, text string) object {
	if text != "" {
		schema["description"] = text
	}
	return schema
}
