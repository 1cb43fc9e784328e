package api_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/ops"
)

type object = map[string]any

// get walks into JSON objects; nil if there is nothing.
func get(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(object)
		v = o[name]
	}
	return v
}

func document(t *testing.T) object {
	t.Helper()
	s := newServer(t, nil)
	resp, body := s.do(t, s.request(t, "GET", "/v1/openapi.json", "", noToken))
	var doc object
	if err := json.Unmarshal([]byte(body), &doc); err != nil || resp.StatusCode != 200 {
		t.Fatalf("got status %d: %v", resp.StatusCode, err)
	}
	return doc
}

var parameter = regexp.MustCompile(`\{([a-z]+)\}`)

func TestDocumentHasEveryOperation(t *testing.T) {
	doc := document(t)
	if doc["openapi"] != "3.1.0" || get(doc, "info", "title") != "Locket" || get(doc, "info", "version") != "v0.0.0-test" {
		t.Errorf("got openapi %v and info %v", doc["openapi"], doc["info"])
	}
	count := 0
	for _, o := range ops.Table() {
		entry := get(doc, "paths", o.Path, strings.ToLower(o.Method))
		if get(entry, "operationId") != o.Name || get(entry, "summary") != o.Text {
			t.Errorf("%s is not in the document", o.Name)
			continue
		}
		count++
		checkParameters(t, o, entry)
		status := "200"
		if o.Creates {
			status = "201"
		}
		if get(entry, "responses", status, "content") == nil || get(entry, "responses", "default") == nil {
			t.Errorf("%s: the answers are not described", o.Name)
		}
		hasBody := o.Upload || slices.ContainsFunc(o.Fields(), func(f ops.Field) bool { return f.Place == ops.InBody })
		if got := get(entry, "requestBody") != nil; got != hasBody {
			t.Errorf("%s: a body is described: %v, want %v", o.Name, got, hasBody)
		}
	}
	if count < 20 {
		t.Errorf("got %d operations, want those of the table", count)
	}
}

func checkParameters(t *testing.T, o ops.Op, entry any) {
	t.Helper()
	list, _ := get(entry, "parameters").([]any)
	declared := map[string]bool{}
	for _, p := range list {
		name, _ := get(p, "name").(string)
		if get(p, "in") == "path" {
			declared[name] = true
			if get(p, "required") != true {
				t.Errorf("%s: path parameter %s is not required", o.Name, name)
			}
		}
		if get(p, "schema") == nil || get(p, "description") == "" {
			t.Errorf("%s: parameter %s has no schema or description", o.Name, name)
		}
	}
	for _, m := range parameter.FindAllStringSubmatch(o.Path, -1) {
		if !declared[m[1]] {
			t.Errorf("%s: path parameter %s is not declared", o.Name, m[1])
		}
		delete(declared, m[1])
	}
	for name := range declared {
		t.Errorf("%s: path parameter %s is not in the path", o.Name, name)
	}
}

func TestDocumentReferences(t *testing.T) {
	doc := document(t)
	refs := 0
	walk(doc, func(o object) {
		r, ok := o["$ref"].(string)
		if !ok {
			return
		}
		refs++
		if get(doc, strings.Split(strings.TrimPrefix(r, "#/"), "/")...) == nil {
			t.Errorf("%s leads nowhere", r)
		}
	})
	if refs < 20 {
		t.Errorf("got %d references, want more: the walk is broken", refs)
	}
	for _, name := range []string{"Item", "ItemPage", "HitPage", "Failure", "Condition", "Step", "Report"} {
		if get(doc, "components", "schemas", name, "properties") == nil {
			t.Errorf("the schema %s is missing", name)
		}
	}
	for _, p := range []string{"read", "imported", "id"} {
		if get(doc, "components", "schemas", "Report", "properties", p) == nil {
			t.Errorf("the schema Report lacks the embedded property %s", p)
		}
	}
}

func TestDocumentHasLogin(t *testing.T) {
	doc, h := document(t), newHome(t)
	post := get(doc, "paths", "/v1/session", "post")
	schema := get(post, "requestBody", "content", "application/json", "schema")
	conforms(t, doc, schema, object{"passphrase": passphrase}, "login")
	conforms(t, doc, schema, object{"passphrase": passphrase, "pod": string(h.pod), "seconds": 60.0}, "login")
	_, out := h.send(t, 201, "POST", "/v1/session", `{"passphrase":"`+passphrase+`"}`, noToken)
	conforms(t, doc, get(post, "responses", "201", "content", "application/json", "schema"), out, "session")
	if public, ok := get(post, "security").([]any); !ok || len(public) != 0 || get(post, "operationId") != "session.create" {
		t.Errorf("got %v, want session.create without a credential", post)
	}
	if name := get(doc, "components", "securitySchemes", "session", "name"); name != cookie {
		t.Errorf("got the cookie %v, want %s", name, cookie)
	}
	for _, path := range []string{"/v1/session", "/v1/items", "/v1/items/{id}"} {
		if shared, _ := get(doc, "paths", path, "parameters").([]any); len(shared) != 3 {
			t.Errorf("%s: got %d headers that all operations take, want 3", path, len(shared))
		}
	}
}

// walk calls fn with every object within v.
func walk(v any, fn func(object)) {
	switch v := v.(type) {
	case object:
		fn(v)
		for _, e := range v {
			walk(e, fn)
		}
	case []any:
		for _, e := range v {
			walk(e, fn)
		}
	}
}

// TestAnswersConform checks real answers against the schemas of the document.
func TestAnswersConform(t *testing.T) {
	s := newServer(t, nil)
	doc := document(t)
	for _, r := range []struct{ name, target, body string }{
		{"items.create", "/v1/items", `{"type":"Note","id":"` + idTea + `","props":{"name":"Tea","text":"green"}}`},
		{"items.get", "/v1/items/" + idTea, ""},
		{"items.update", "/v1/items/" + idTea, `{"props":{"name":null}}`},
		{"items.list", "/v1/items", ""},
		{"items.query", "/v1/query", "{}"},
		{"items.search", "/v1/search?q=green", ""},
		{"items.history", "/v1/items/" + idTea + "/history", ""},
		{"bulk.run", "/v1/bulk", `{"ops":[{"op":"create","id":"` + idCup + `","type":"Photo","props":{}}]}`},
		{"edges.link", "/v1/items/" + idTea + "/edges/photo/" + idCup, ""},
		{"edges.list", "/v1/items/" + idTea + "/edges", ""},
		{"blobs.put", "/v1/blobs", "bytes"},
		{"schema.get", "/v1/schema", ""},
		{"schema.extend", "/v1/schema/Recipe", `{"properties":[{"name":"x","kind":"text"}]}`},
		{"stats.get", "/v1/stats", ""},
		{"changes.get", "/v1/changes/1", ""},
		{"imports.plan", "/v1/imports/plan?name=a.md", "# A"},
		{"imports.run", "/v1/imports?name=a.md", "# A"},
		{"imports.list", "/v1/imports", ""},
		{"items.delete", "/v1/items/" + idTea, ""},
		{"items.restore", "/v1/items/" + idTea + "/restore", ""},
		{"items.erase", "/v1/items/" + idTea + "/erase", ""},
	} {
		o, ok := ops.Find(r.name)
		if !ok {
			t.Fatalf("there is no op %s", r.name)
		}
		resp, body := s.do(t, s.request(t, o.Method, r.target, r.body))
		schema := get(doc, "paths", o.Path, strings.ToLower(o.Method), "responses", strconv.Itoa(resp.StatusCode), "content", "application/json", "schema")
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil || schema == nil {
			t.Errorf("%s: got status %d and %s, want what the document describes (%v)", r.name, resp.StatusCode, body, err)
			continue
		}
		conforms(t, doc, schema, v, r.name)
	}
}

// conforms checks v against the part of JSON Schema that the document uses.
func conforms(t *testing.T, doc object, schema, v any, path string) {
	t.Helper()
	if r, ok := get(schema, "$ref").(string); ok {
		conforms(t, doc, get(doc, strings.Split(strings.TrimPrefix(r, "#/"), "/")...), v, path)
		return
	}
	types := map[string]any{"object": object{}, "array": []any{}, "string": "", "boolean": false, "number": 0.0, "integer": 0.0}
	name, typed := get(schema, "type").(string)
	if typed && reflect.TypeOf(types[name]) != reflect.TypeOf(v) {
		t.Errorf("%s: got %v, want a %s", path, v, name)
		return
	}
	required, _ := get(schema, "required").([]any)
	for _, name := range required {
		if _, ok := v.(object)[name.(string)]; !ok {
			t.Errorf("%s: %s is missing", path, name)
		}
	}
	switch v := v.(type) {
	case object:
		for name, e := range v {
			member := get(schema, "properties", name)
			if member == nil {
				member = get(schema, "additionalProperties")
			}
			if member == nil {
				t.Errorf("%s: %s is not in the schema", path, name)
				continue
			}
			conforms(t, doc, member, e, path+"."+name)
		}
	case []any:
		for _, e := range v {
			conforms(t, doc, get(schema, "items"), e, path+"[]")
		}
	}
}
