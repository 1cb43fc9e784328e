package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/policy/policytest"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// An evaluateVector is an element of vectors/policy/evaluate.json.
type evaluateVector struct {
	About  string          `json:"about"`
	Maker  json.RawMessage `json:"maker"` // a policy that narrows Policy
	Policy json.RawMessage `json:"policy"`
	Items  []struct {
		ID         locket.ItemID       `json:"id"`
		Type       string              `json:"type"`
		Time       time.Time           `json:"time"`
		Props      map[string]any      `json:"props"`
		Permits    []locket.Permission `json:"permits"`
		Approved   []locket.Permission `json:"approved"`   // what is permitted beyond that once it is approved
		Properties []string            `json:"properties"` // that may be read, if anything is permitted; nil: all
		Rules      []string            `json:"rules"`      // by which it may be read
	} `json:"items"`
}

func builtin() map[string]*locket.Type {
	types := make(map[string]*locket.Type)
	for _, t := range locket.BuiltinTypes() {
		types[t.Name] = &t
	}
	return types
}

func compile(t testing.TB, text []byte) *policy.Access {
	t.Helper()
	p, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return policy.Compile(p, builtin(), now)
}

// stored gives properties in the form that is stored.
func stored(t testing.TB, typ *locket.Type, props map[string]any) map[string]any {
	t.Helper()
	one := func(k locket.Kind, v any) any {
		c, ok := policy.Coerce(k, v)
		if !ok {
			t.Fatalf("%v is no %s", v, k)
		}
		return c
	}
	for name, v := range props {
		p, _ := typ.Property(name)
		if list, ok := v.([]any); ok {
			for i := range list {
				list[i] = one(p.Kind, list[i])
			}
		} else {
			props[name] = one(p.Kind, v)
		}
	}
	return props
}

func TestEvaluate(t *testing.T) {
	types := builtin()
	for _, v := range load[evaluateVector](t, "evaluate.json") {
		a := compile(t, v.Policy)
		if v.Maker != nil {
			a = a.Meet(compile(t, v.Maker))
		}
		for i, item := range v.Items {
			f := policy.Facts{ID: item.ID, Type: item.Type, Time: item.Time.UnixMicro(), Props: stored(t, types[item.Type], item.Props)}
			var permits, approved []locket.Permission
			for _, p := range locket.Permissions() {
				if a.Permits(p, f) {
					permits = append(permits, p)
				} else if a.Approved().Permits(p, f) {
					approved = append(approved, p)
				}
			}
			if !slices.Equal(approved, item.Approved) {
				t.Errorf("%s: item %d: %v once approved, want %v", v.About, i, approved, item.Approved)
			}
			rules := a.Deciding(locket.MayRead, f)
			if !slices.Equal(permits, item.Permits) || !slices.Equal(rules, item.Rules) {
				t.Errorf("%s: item %d: got %v by %q, want %v by %q", v.About, i, permits, rules, item.Permits, item.Rules)
			}
			may := a.Properties(locket.MayRead, f)
			for _, p := range []string{"name", "text", "url", "sender", "folder"} {
				want := slices.Contains(item.Properties, p) || item.Permits != nil && item.Properties == nil
				if may.Has(p) != want {
					t.Errorf("%s: item %d: property %s: got %v", v.About, i, p, may.Has(p))
				}
			}
			if may.All() != (item.Permits != nil && item.Properties == nil) {
				t.Errorf("%s: item %d: all properties: got %v", v.About, i, may.All())
			}
		}
	}
}

func TestAccessSums(t *testing.T) {
	a := compile(t, []byte(`{"rules":[
		{"actions":["read"],"types":["Note"],"properties":["name"]},
		{"actions":["read","delete"],"types":["File","Note"],"where":{"folder":"a"},"properties":["text"]},
		{"name":"rule 2","actions":["read"],"types":["Note"]},
		{"actions":["link"],"types":["Gone"]},{"actions":["export"],"where":{"frontMatter":1}}],"limits":[{"count":1,"per":"day"}]}`))
	for p, want := range map[locket.Permission][]string{
		locket.MayRead: {"File", "Note"}, locket.MayDelete: {"File", "Note"}, locket.MayLink: nil, locket.MayExport: nil, "own": nil,
	} {
		if got := a.Types(p); !slices.Equal(got, want) || a.May(p) != (want != nil) {
			t.Errorf("%s: types %v, may %v", p, got, a.May(p))
		}
	}
	if s := a.PropertiesOf(locket.MayRead, "Note"); !s.Has("name") || !s.Has("text") || !s.All() {
		t.Errorf("properties of notes: %+v", s)
	}
	if s := a.PropertiesOf(locket.MayDelete, "Note"); s.Has("name") || !s.Has("text") || s.All() {
		t.Errorf("properties of notes to delete: %+v", s)
	}
	if got := a.Deciding(locket.MayRead, policy.Facts{Type: "Note", Props: map[string]any{"folder": "a"}}); !slices.Equal(got, []string{"rule 1", "rule 2"}) {
		t.Errorf("decided by %q", got)
	}
	if s := a.PropertiesOf(locket.MayRead, "Photo"); s.Has("name") {
		t.Errorf("properties of photos: %+v", s)
	}
	if cs := a.Clauses(locket.MayDelete, "Note"); len(cs) != 1 || cs[0].Rule != "rule 2" {
		t.Errorf("clauses: %+v", cs)
	}
	if a.Whole() || len(a.Limits()) != 1 || !a.Expires().IsZero() {
		t.Error("it is whole, or its limits are lost")
	}
}

func TestEverything(t *testing.T) {
	all, f := policy.Everything(), policy.Facts{Type: "Anything"}
	for _, p := range locket.Permissions() {
		if cs := all.Clauses(p, "Anything"); !all.May(p) || !all.Permits(p, f) || len(cs) != 1 || !cs[0].Fits(f) || !all.Properties(p, f).All() || all.Types(p) != nil {
			t.Errorf("the owner may not %s", p)
		}
	}
	if !all.Whole() || all.May("own") || all.Permits("own", f) || all.Clauses("own", "Anything") != nil {
		t.Error("the owner may do what there is not")
	}
	a := compile(t, []byte(`{"rules":[],"expires":"2030-01-01T00:00:00Z"}`))
	if all.Meet(a) != a || a.Meet(all) != a || !all.Meet(all).Whole() {
		t.Error("Everything is not neutral")
	}
}

func TestMeet(t *testing.T) {
	types, r, both, neither := policytest.Types(), rand.New(rand.NewPCG(2, 2)), 0, 0
	for n := range 20_000 {
		p, q, f := policytest.Random(r), policytest.Random(r), policytest.RandomFacts(r)
		a, b := policy.Compile(p, types, now), policy.Compile(q, types, now)
		m := a.Meet(b)
		if n%2 == 1 { // approval comes after, or before
			a, b, m = a.Approved(), b.Approved(), m.Approved()
		}
		for _, perm := range []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayUpdate} {
			want := a.Permits(perm, f) && b.Permits(perm, f)
			if want {
				both++
			} else {
				neither++
			}
			if m.Permits(perm, f) != want || (m.Deciding(perm, f) != nil) != want {
				t.Fatalf("%s: got %v\n%s", perm, m.Permits(perm, f), policytest.Describe(f, p, q))
			}
			pa, pb, pm := a.Properties(perm, f), b.Properties(perm, f), m.Properties(perm, f)
			for _, name := range []string{"title", "tags", "count", "score", "done", "at", "link", "file", "number", "new"} {
				if pm.Has(name) != (pa.Has(name) && pb.Has(name)) {
					t.Fatalf("%s: %s of it: got %v\n%s", perm, name, pm.Has(name), policytest.Describe(f, p, q))
				}
			}
			for typ := range types {
				if len(m.Clauses(perm, typ)) > 0 && (len(a.Clauses(perm, typ)) == 0 || len(b.Clauses(perm, typ)) == 0) {
					t.Fatalf("%s: %s came from nowhere\n%s", perm, typ, policytest.Describe(f, p, q))
				}
			}
		}
	}
	if both < 1000 || neither < 1000 {
		t.Errorf("the test tells little: %d permitted, %d not", both, neither)
	}
}

func TestMeetKeepsBounds(t *testing.T) {
	a := compile(t, []byte(`{"rules":[],"limits":[{"count":1,"per":"day"},{"count":2,"per":"day"}],"expires":"2027-01-01T00:00:00Z"}`))
	b := compile(t, []byte(`{"rules":[],"limits":[{"actions":["read"],"count":1,"per":"day"},{"count":2,"per":"day"}],"expires":"2026-12-01T00:00:00Z"}`))
	for _, m := range []*policy.Access{a.Meet(b), b.Meet(a)} {
		day := func(count int, p ...locket.Permission) locket.Limit {
			return locket.Limit{Actions: p, Count: count, Per: "day"}
		}
		want := []locket.Limit{day(1), day(2), day(1, locket.MayRead)}
		if !sameElements(m.Limits(), want) || !m.Expires().Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("limits %v, until %v", m.Limits(), m.Expires())
		}
	}
	for _, c := range []struct{ a, b string }{
		{`"items":["01890a5d-ac96-774b-bcce-b302099a8057"]`, `"items":["01890a5d-ac96-774b-bcce-b302099a8058"]`},
		{`"after":"2026-01-01T00:00:00Z"`, `"before":"2026-01-01T00:00:00Z"`},
	} {
		const rule = `{"rules":[{"actions":["read"],%s}]}`
		if m := compile(t, fmt.Appendf(nil, rule, c.a)).Meet(compile(t, fmt.Appendf(nil, rule, c.b))); m.May(locket.MayRead) {
			t.Errorf("%s and %s: something is left", c.a, c.b)
		}
	}
}

// sameElements compares lists without their order.
func sameElements[T any](a, b []T) bool {
	text := func(list []T) []string {
		var out []string
		for _, e := range list {
			out = append(out, fmt.Sprint(e))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(text(a), text(b))
}

// TestMeetSharesNothing: a clause may not get the test that another added.
func TestMeetSharesNothing(t *testing.T) {
	a := compile(t, []byte(`{"rules":[{"actions":["read"],"types":["Note"],"where":{"folder":"f","name":"n","text":"t"}}]}`))
	b := compile(t, []byte(`{"rules":[{"actions":["read"],"where":{"url":"1"}},{"actions":["read"],"where":{"url":"2"}}]}`))
	m := a.Meet(b)
	for _, url := range []string{"1", "2"} {
		f := policy.Facts{Type: "Note", Props: map[string]any{"folder": "f", "name": "n", "text": "t", "url": url}}
		if got := m.Deciding(locket.MayRead, f); len(got) != 1 {
			t.Errorf("url %s: permitted by %q", url, got)
		}
	}
}

// TestMeetStaysSmall: policies of several makers must not multiply without bound.
func TestMeetStaysSmall(t *testing.T) {
	many := func(property string) *policy.Access {
		var p locket.Policy
		for i := range 100 {
			p.Rules = append(p.Rules, locket.Rule{Actions: []locket.Permission{locket.MayRead}, Where: map[string]locket.Match{property: {Prefix: fmt.Sprint(i)}}})
		}
		return policy.Compile(p, builtin(), now)
	}
	a := many("name")
	if n := len(a.Meet(a).Meet(a).Clauses(locket.MayRead, "Note")); n != 100 {
		t.Errorf("a policy within itself has %d clauses", n)
	}
	wide := compile(t, []byte(`{"rules":[{"actions":["read"]},{"actions":["read","search"]}]}`))
	for _, m := range []*policy.Access{a.Meet(wide), wide.Meet(a)} {
		if n := len(m.Clauses(locket.MayRead, "Note")); n != 100 {
			t.Errorf("a policy within a wide one has %d clauses", n)
		}
	}
	m := a
	for _, property := range []string{"text", "folder", "url", "sha256"} {
		m = m.Meet(many(property))
	}
	if n := len(m.Clauses(locket.MayRead, "Note")); n != policy.MaxPermits {
		t.Errorf("unlike policies have %d clauses", n)
	}
}

func TestCoerce(t *testing.T) {
	for _, c := range []struct {
		kind locket.Kind
		in   any
		want any // nil: not one of the kind
	}{
		{locket.Text, "1", "1"},
		{locket.Text, json.Number("1"), nil},
		{locket.Integer, json.Number("9223372036854775807"), int64(1<<63 - 1)},
		{locket.Integer, json.Number("9223372036854775808"), nil},
		{locket.Integer, json.Number("1.0"), nil},
		{locket.Integer, "1", nil},
		{locket.Real, json.Number("1"), 1.0},
		{locket.Real, json.Number("1e999"), nil},
		{locket.Boolean, true, true},
		{locket.Boolean, json.Number("1"), nil},
		{locket.Time, "1970-01-01T01:00:00.0000019+01:00", int64(1)},
		{locket.Time, "1970-01-02", int64(86_400_000_000)},
		{locket.Time, json.Number("0"), nil},
		{locket.Time, "9999-12-31T23:59:59-01:00", nil},
		{locket.Time, "1970-01-02T00:00:00", nil},
		{locket.Reference, "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8057"},
		{locket.Blob, "01890A5D-AC96-774B-BCCE-B302099A8057", nil},
	} {
		got, ok := policy.Coerce(c.kind, c.in)
		if ok != (c.want != nil) || ok && got != c.want {
			t.Errorf("%v as %s: got %v, %v", c.in, c.kind, got, ok)
		}
	}
}
