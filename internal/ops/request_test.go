package ops_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

func find(t *testing.T, name string) ops.Op {
	t.Helper()
	o, ok := ops.Find(name)
	if !ok {
		t.Fatalf("there is no op %s", name)
	}
	return o
}

// decode routes the request as a server does and decodes it.
func decode(o ops.Op, r *http.Request) (in any, err error) {
	mux := http.NewServeMux()
	matched := false
	mux.HandleFunc(o.Method+" "+o.Path, func(_ http.ResponseWriter, r *http.Request) {
		matched = true
		in, err = o.Decode(r)
	})
	mux.ServeHTTP(httptest.NewRecorder(), r)
	if !matched {
		return nil, locket.Errorf(locket.CodeInternal, "the request does not match %s %s", o.Method, o.Path)
	}
	return in, err
}

// jsonRequest is a request for an op with the path given.
func jsonRequest(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// fill sets every field to a value that its zero is not.
func fill(t *testing.T, o ops.Op, in any) {
	t.Helper()
	id := "0192f3a4-0000-7000-8000-000000000001"
	texts := map[reflect.Type]string{
		reflect.TypeFor[locket.ItemID](): id, reflect.TypeFor[locket.BlobID](): id, reflect.TypeFor[locket.PrincipalID](): id,
		reflect.TypeFor[[]locket.Trust]():     `["owner"]`,
		reflect.TypeFor[ops.Version]():        `"7"`,
		reflect.TypeFor[string]():             `a/b c?&"é%2F`,
		reflect.TypeFor[[]string]():           `["a","b c"]`,
		reflect.TypeFor[[]locket.ItemID]():    `["` + id + `"]`,
		reflect.TypeFor[ops.When]():           "2026-05-31T18:00:00Z",
		reflect.TypeFor[[]int]():              "[1,2]",
		reflect.TypeFor[float64]():            "0.5",
		reflect.TypeFor[int]():                "42",
		reflect.TypeFor[int64]():              "42",
		reflect.TypeFor[bool]():               "true",
		reflect.TypeFor[map[string]any]():     `{"name":"Tea","n":9007199254740993,"list":[1.5,null]}`,
		reflect.TypeFor[[]locket.Condition](): `[{"property":"name","op":"prefix","value":"T"}]`,
		reflect.TypeFor[[]locket.Property]():  `[{"name":"x","kind":"text","many":true}]`,
		reflect.TypeFor[[]ops.Step]():         `[{"op":"create","type":"Note","props":{"name":"a"},"ref":"a"}]`,
	}
	for _, f := range o.Fields() {
		text, ok := texts[f.Type]
		if !ok {
			t.Fatalf("%s.%s: no value for a %v in this test", o.Name, f.Name, f.Type)
		}
		if err := f.Set(in, text); err != nil {
			t.Fatalf("%s.%s: %v", o.Name, f.Name, err)
		}
	}
}

func TestEncodeIsInverseOfDecode(t *testing.T) {
	for _, o := range ops.Table() {
		t.Run(o.Name, func(t *testing.T) {
			want := o.New()
			fill(t, o, want)
			var upload io.Reader
			if o.Upload {
				upload = strings.NewReader("bytes")
			}
			r, err := o.Encode(t.Context(), want, upload)
			if err != nil {
				t.Fatal(err)
			}
			var wire bytes.Buffer
			r.Host = "localhost"
			if err := r.Write(&wire); err != nil {
				t.Fatal(err)
			}
			got, err := decode(o, parse(t, &wire))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestEncodeRefusesMissing(t *testing.T) {
	o := find(t, "items.get")
	if _, err := o.Encode(t.Context(), o.New(), nil); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("got %v, want an error with code invalid", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	const id = "0192f3a4-0000-7000-8000-000000000001"
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	tests := []struct {
		name, op, target, body string
		header                 http.Header
		want                   string // in the message
	}{
		{name: "unknown field", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{},"colour":1}`, want: `there is no field "colour"; fields are type, props, id`},
		{name: "other capitals", op: "items.create", target: "/v1/items", body: `{"Type":"Note","props":{}}`, want: `no field "Type"`},
		{name: "path field in body", op: "items.update", target: "/v1/items/" + id, body: `{"ID":"x","props":{}}`, want: `no field "ID"`},
		{name: "missing field", op: "items.create", target: "/v1/items", body: `{"props":{}}`, want: `"type" is missing`},
		{name: "empty body", op: "items.create", target: "/v1/items", want: `"type" is missing`},
		{name: "duplicate name", op: "items.create", target: "/v1/items", body: `{"type":"Note","type":"File","props":{}}`, want: `"type" occurs twice`},
		{name: "duplicate name, escaped", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{"a":1,"\u0061":2}}`, want: `props: the name "a" occurs twice`},
		{name: "duplicate name, deep", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{"x":[{"a":1,"a":2}]}}`, want: `props.x[0]: the name "a" occurs twice`},
		{name: "trailing", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{}} {}`, want: "more after the end"},
		{name: "cut off", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{`, want: "ends too early"},
		{name: "no JSON", op: "items.create", target: "/v1/items", body: `type=Note`, want: "not JSON"},
		{name: "invalid UTF-8", op: "items.create", target: "/v1/items", body: "{\"type\":\"Note\",\"props\":{\"name\":\"\xff\"}}", want: "not valid UTF-8"},
		{name: "lone surrogate", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{"name":"\ud83d"}}`, want: "not valid UTF-8"},
		{name: "lone low surrogate", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{"name":"\\\udc00"}}`, want: "not valid UTF-8"},
		{name: "deep", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":{"x":` + deep + `}}`, want: "deeper than 32"},
		{name: "wrong type", op: "items.create", target: "/v1/items", body: `{"type":5,"props":{}}`, want: "type: expected text, got a number"},
		{name: "wrong type in list", op: "items.query", target: "/v1/query", body: `{"where":[{"property":"name","op":"eq","value":1},7]}`, want: "where[1]: expected an object, got a number"},
		{name: "null", op: "items.create", target: "/v1/items", body: `{"type":"Note","props":null}`, want: "props: expected an object, got null"},
		{name: "fraction", op: "items.query", target: "/v1/query", body: `{"limit":1.5}`, want: "limit: expected a whole number, got a number"},
		{name: "too large number", op: "items.query", target: "/v1/query", body: `{"limit":99999999999999999999}`, want: "limit: expected a whole number"},
		{name: "list for a body", op: "items.query", target: "/v1/query", body: `[]`, want: "expected an object, got a list"},
		{name: "too large", op: "items.create", target: "/v1/items", body: `{"type":"` + strings.Repeat("x", 1<<20), want: "larger than 1048576 bytes"},
		{name: "form", op: "items.create", target: "/v1/items", body: `type=Note`, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, want: "Content-Type header application/json"},
		{name: "no content type", op: "items.create", target: "/v1/items", body: `{}`, header: http.Header{}, want: "Content-Type header application/json"},
		{name: "unknown parameter", op: "items.list", target: "/v1/items?lmit=1", want: `no parameter "lmit"; parameters are: type, order, limit, cursor, deleted`},
		{name: "parameter twice", op: "items.list", target: "/v1/items?limit=1&limit=2", want: "limit is given twice"},
		{name: "parameter of wrong kind", op: "items.list", target: "/v1/items?limit=ten", want: `limit: expected a whole number, got "ten"`},
		{name: "bool", op: "items.list", target: "/v1/items?deleted=1", want: `deleted: expected true or false, got "1"`},
		{name: "malformed query", op: "items.list", target: "/v1/items?type=%zz", want: "malformed"},
		{name: "NUL", op: "items.search", target: "/v1/search?q=%00", want: "NUL"},
		{name: "invalid UTF-8 in query", op: "items.search", target: "/v1/search?q=%ff", want: "not valid UTF-8"},
		{name: "missing parameter", op: "items.search", target: "/v1/search", want: "q is missing"},
		{name: "no id", op: "items.get", target: "/v1/items/5", want: `id: an id is 36 characters`},
		{name: "weak tag", op: "items.update", target: "/v1/items/" + id, body: `{"props":{}}`, header: http.Header{"Content-Type": {"application/json"}, "If-Match": {`W/"3"`}}, want: "expected a version"},
		{name: "list of tags", op: "items.update", target: "/v1/items/" + id, body: `{"props":{}}`, header: http.Header{"Content-Type": {"application/json"}, "If-Match": {`"3", "4"`}}, want: "expected a version"},
		{name: "form upload", op: "blobs.put", target: "/v1/blobs", body: "x", header: http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, want: "not as a form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := find(t, tt.op)
			r := jsonRequest(o.Method, tt.target, tt.body)
			if tt.header != nil {
				r.Header = tt.header
			}
			_, err := decode(o, r)
			if got := locket.CodeOf(err); got != locket.CodeInvalid && got != locket.CodeTooLarge {
				t.Fatalf("got code %q (%v), want invalid or too_large", got, err)
			}
			if got := locket.MessageOf(err); !strings.Contains(got, tt.want) {
				t.Errorf("got message %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestDecodeAccepts(t *testing.T) {
	tests := []struct{ name, op, target, body string }{
		{"emoji by surrogates", "items.create", "/v1/items", `{"type":"Note","props":{"name":"\ud83d\ude00 \\ud83d"}}`},
		{"replacement character", "items.create", "/v1/items", `{"type":"Note","props":{"name":"\ufffd"}}`},
		{"names that differ in capitals", "items.create", "/v1/items", `{"type":"Note","props":{"a":1,"A":null}}`},
		{"empty body", "items.query", "/v1/query", ``},
		{"empty object where nothing is expected", "items.restore", "/v1/items/0192f3a4-0000-7000-8000-000000000001/restore", `{}`},
		{"encoded slash in a name", "edges.link", "/v1/items/0192f3a4-0000-7000-8000-000000000001/edges/a%2Fb/0192f3a4-0000-7000-8000-000000000001", ``},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := find(t, tt.op)
			if _, err := decode(o, jsonRequest(o.Method, tt.target, tt.body)); err != nil {
				t.Error(err)
			}
		})
	}
}
