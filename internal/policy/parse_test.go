package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/policy/policytest"
)

// A parseVector is an element of vectors/policy/parse.json.
type parseVector struct {
	About   string          `json:"about"`
	Policy  json.RawMessage `json:"policy"`
	Text    string          `json:"text"` // instead of Policy, where another reader of JSON would lose what matters
	Error   string          `json:"error"`
	Explain []string        `json:"explain"` // if there is no error
}

func (v *parseVector) text() []byte {
	if v.Policy != nil {
		return v.Policy
	}
	return []byte(v.Text)
}

func load[T any](t testing.TB, name string) (vs []T) {
	t.Helper()
	data, err := os.ReadFile("../../vectors/policy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&vs); err != nil || len(vs) == 0 {
		t.Fatalf("%s: %d vectors, %v", name, len(vs), err)
	}
	return vs
}

func TestParse(t *testing.T) {
	for _, v := range load[parseVector](t, "parse.json") {
		p, err := policy.Parse(v.text())
		if err != nil {
			if locket.CodeOf(err) != locket.CodeInvalid || locket.MessageOf(err) != v.Error {
				t.Errorf("%s: got %s %q, want %q", v.About, locket.CodeOf(err), locket.MessageOf(err), v.Error)
			}
			continue
		}
		if got := policy.Explain(p); v.Error != "" || !slices.Equal(got, v.Explain) {
			t.Errorf("%s: got %q, want %q %q", v.About, got, v.Error, v.Explain)
		}
		roundTrip(t, p)
	}
}

// roundTrip checks that p is written as a policy that is read as p.
func roundTrip(t *testing.T, p locket.Policy) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := policy.Parse(text)
	if err != nil || !reflect.DeepEqual(again, p) {
		t.Errorf("%s is read as %+v, %v; want %+v", text, again, err, p)
	}
	var stored locket.Policy
	if err := json.Unmarshal(text, &stored); err != nil || !reflect.DeepEqual(stored, p) {
		t.Errorf("%s is unmarshalled as %+v, %v; want %+v", text, stored, err, p)
	}
}

func TestRandomPoliciesParse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		roundTrip(t, policytest.Random(r))
	}
}

func TestParseBounds(t *testing.T) {
	repeat := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ","+format, i)
		}
		return strings.TrimPrefix(b.String(), ",")
	}
	const rule = `{"rules":[{"actions":["read"],%s}]}`
	for _, c := range []struct {
		most   int
		format string // of a policy, with a list
		elem   string // of an element, with its number
	}{
		{100, `{"rules":[%s]}`, `{"actions":["read"],"name":"%d"}`},
		{20, `{"rules":[],"limits":[%s]}`, `{"count":1%d,"per":"day"}`},
		{100, fmt.Sprintf(rule, `"types":[%s]`), `"T%d"`},
		{100, fmt.Sprintf(rule, `"properties":[%s]`), `"p%d"`},
		{100, fmt.Sprintf(rule, `"items":[%s]`), `"01890a5d-ac96-774b-bcce-%012d"`},
		{20, fmt.Sprintf(rule, `"where":{%s}`), `"p%d":1`},
		{100, fmt.Sprintf(rule, `"where":{"p":[%s]}`), `%d`},
	} {
		if _, err := policy.Parse(fmt.Appendf(nil, c.format, repeat(c.most, c.elem))); err != nil {
			t.Errorf("%d of %s: %v", c.most, c.format, err)
		}
		if _, err := policy.Parse(fmt.Appendf(nil, c.format, repeat(c.most+1, c.elem))); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("%d of %s: %v", c.most+1, c.format, err)
		}
	}
	blank := `{"rules":[]}` + strings.Repeat(" ", 64<<10-len(`{"rules":[]}`))
	if _, err := policy.Parse([]byte(blank)); err != nil {
		t.Errorf("64 KiB: %v", err)
	}
	if _, err := policy.Parse([]byte(blank + " ")); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("more than 64 KiB: %v", err)
	}
	if _, err := policy.Parse([]byte("{\"rules\":[{\"actions\":[\"read\"],\"name\":\"\xff\"}]}")); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("invalid UTF-8: %v", err)
	}
}

// TestSchema compares the names in the schema with those of the structs and of Parse.
func TestSchema(t *testing.T) {
	type object struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Items      struct {
			Enum []string `json:"enum"`
		} `json:"items"`
	}
	var s struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(policy.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of     reflect.Type
		schema object
		known  []string
	}{
		{reflect.TypeFor[locket.Policy](), s.object, policy.PolicyMembers},
		{reflect.TypeFor[locket.Rule](), s.Defs["rule"], policy.RuleMembers},
		{reflect.TypeFor[locket.Limit](), s.Defs["limit"], policy.LimitMembers},
	} {
		var tags []string
		for f := range c.of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			tags = append(tags, name)
			if c.schema.Properties[name] == nil {
				t.Errorf("the schema lacks %s.%s", c.of, name)
			}
		}
		if !slices.Equal(tags, c.known) || len(tags) != len(c.schema.Properties) {
			t.Errorf("%s has %v, Parse knows %v, the schema %d", c.of, tags, c.known, len(c.schema.Properties))
		}
	}
	var known []string
	for _, p := range locket.Permissions() {
		known = append(known, string(p))
	}
	if got := s.Defs["actions"].Items.Enum; !slices.Equal(got, known) {
		t.Errorf("actions of the schema are %v, want %v", got, known)
	}
}

func TestExplainFitsALine(t *testing.T) {
	long := strings.Repeat("ä\u202e", 50)
	r := locket.Rule{Actions: locket.Permissions(), Types: []string{long, long}, Items: make([]locket.ItemID, 100), Properties: []string{long}}
	r.Where = map[string]locket.Match{long: {In: []any{long, json.Number(strings.Repeat("1", 400))}}, "b": {Prefix: long}}
	for _, s := range policy.Explain(locket.Policy{Rules: []locket.Rule{r}}) {
		if n := utf8.RuneCountInString(s); n > 200 || !strings.HasPrefix(s, "May read, search, create, update, delete, link, import, export and manage ") {
			t.Errorf("%d characters: %s", n, s)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range load[parseVector](f, "parse.json") {
		f.Add(v.text())
	}
	for _, v := range load[evaluateVector](f, "evaluate.json") {
		f.Add([]byte(v.Policy))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse(data)
		if err != nil {
			if locket.CodeOf(err) != locket.CodeInvalid || !utf8.ValidString(err.Error()) {
				t.Errorf("got %v", err)
			}
			return
		}
		roundTrip(t, p)
		policy.Explain(p)
		_ = policy.Check(p, policytest.Types())
		if err := policy.Within(p, p, policytest.Types()); err != nil {
			t.Errorf("it is not within itself: %v", err)
		}
	})
}
