package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/policy/policytest"
)

func TestWithin(t *testing.T) {
	const item, other = `"01890a5d-ac96-774b-bcce-b302099a8057"`, `"01890a5d-ac96-774b-bcce-b302099a8058"`
	// Rules, or whole policies, of child and parent.
	for _, c := range []struct{ child, parent, want string }{
		{`{"rules":[]}`, `{"rules":[]}`, ""},
		{`{"actions":["read"]}`, `{"rules":[]}`, "rules[0]: the policy above permits nothing"},
		{`{"actions":["read"]}`, `{"actions":["read","search"]}`, ""},
		{`{"actions":["read","search"]}`, `{"actions":["read"]}`, "rules[0].actions: the policy above permits this only to read"},
		// One rule of parent must do, and the nearest is told.
		{
			`{"actions":["read","search"]}`, `{"actions":["read"]},{"actions":["search"]}`,
			"rules[0].actions: the policy above permits this only to read",
		},
		{
			`{"actions":["read"],"where":{"folder":"b"}}`, `{"actions":["search"]},{"actions":["read"],"where":{"folder":"a"}},{"actions":["read"],"types":["Note"]}`,
			`rules[0].where.folder: the policy above permits this only where folder is "a"`,
		},

		{`{"actions":["read"],"types":["Note"]}`, `{"actions":["read"],"types":["Note","File"]}`, ""},
		{`{"actions":["read"],"types":["Note"]}`, `{"actions":["read"]}`, ""},
		{`{"actions":["read"]}`, `{"actions":["read"],"types":["Note"]}`, "rules[0].types: the policy above permits this only on Note"},
		{`{"actions":["read"],"types":["Note","File"]}`, `{"actions":["read"],"types":["Note"]}`, "rules[0].types: the policy above permits this only on Note"},

		{`{"actions":["read"],"where":{"folder":"a"}}`, `{"actions":["read"],"where":{"folder":["a","b"]}}`, ""},
		{`{"actions":["read"],"where":{"folder":"ab"}}`, `{"actions":["read"],"where":{"folder":{"prefix":"a"}}}`, ""},
		{`{"actions":["read"],"where":{"folder":{"prefix":"ab"}}}`, `{"actions":["read"],"where":{"folder":{"prefix":"a"}}}`, ""},
		{`{"actions":["read"],"where":{"folder":"a","name":"b"}}`, `{"actions":["read"],"where":{"folder":"a"}}`, ""},
		{`{"actions":["read"],"types":["Event"],"where":{"startDate":"2026-01-01T01:00:00+01:00"}}`, `{"actions":["read"],"where":{"startDate":"2026-01-01"}}`, ""},
		{
			`{"actions":["read"],"where":{"folder":{"prefix":"a"}}}`, `{"actions":["read"],"where":{"folder":"a"}}`,
			`rules[0].where.folder: the policy above permits this only where folder is "a"`,
		},
		{
			`{"actions":["read"],"where":{"folder":{"prefix":"a"}}}`, `{"actions":["read"],"where":{"folder":{"prefix":"ab"}}}`,
			`rules[0].where.folder: the policy above permits this only where folder begins with "ab"`,
		},
		{
			`{"actions":["read"],"where":{"folder":["a","c"]}}`, `{"actions":["read"],"where":{"folder":["a","b"]}}`,
			`rules[0].where.folder: the policy above permits this only where folder is "a" or "b"`,
		},
		{
			`{"actions":["read"],"where":{"name":"a"}}`, `{"actions":["read"],"where":{"folder":{"prefix":"a"}}}`,
			`rules[0].where.folder: the policy above permits this only where folder begins with "a"`,
		},
		// On types without frontMatter the one permits nothing, the other something.
		{`{"actions":["read"],"where":{"frontMatter":"a"}}`, `{"actions":["read"],"types":["Note"]}`, "rules[0].types: the policy above permits this only on Note"},
		{
			`{"actions":["read"],"where":{"folder":"a"}}`, `{"actions":["read"],"where":{"frontMatter":"a"}}`,
			`rules[0].where.frontMatter: the policy above permits this only where frontMatter is "a"`,
		},

		{`{"actions":["read"],"items":[` + item + `]}`, `{"actions":["read"],"items":[` + other + `,` + item + `]}`, ""},
		{`{"actions":["read"],"items":[` + item + `]}`, `{"actions":["read"],"items":[` + other + `]}`, "rules[0].items: the policy above permits this only on items that it names"},
		{`{"actions":["read"]}`, `{"actions":["read"],"items":[` + other + `]}`, "rules[0].items: the policy above permits this only on items that it names"},

		{
			`{"actions":["read"],"after":"2026-02-01T00:00:00Z","before":"2026-03-01T00:00:00Z"}`,
			`{"actions":["read"],"after":"2026-02-01T00:00:00Z","before":"2026-03-01T00:00:00Z"}`, "",
		},
		{
			`{"actions":["read"],"before":"2026-03-01T00:00:00Z"}`, `{"actions":["read"],"after":"2026-02-01T00:00:00Z"}`,
			"rules[0].after: the policy above permits this only on items dated from 2026-02-01 on",
		},
		{
			`{"actions":["read"],"before":"2026-03-01T00:00:01Z"}`, `{"actions":["read"],"before":"2026-03-01T00:00:00Z"}`,
			"rules[0].before: the policy above permits this only on items dated before 2026-03-01",
		},
		{
			`{"actions":["read"],"after":"2026-02-01T00:00:00Z"}`, `{"actions":["read"],"before":"2026-03-01T00:00:00Z"}`,
			"rules[0].before: the policy above permits this only on items dated before 2026-03-01",
		},

		{`{"actions":["read"],"properties":["name"]}`, `{"actions":["read"],"properties":["text","name"]}`, ""},
		{`{"actions":["read"]}`, `{"actions":["read"],"properties":["name"]}`, "rules[0].properties: the policy above permits this only for name"},
		{`{"actions":["read"],"properties":["name","text"]}`, `{"actions":["read"],"properties":["name"]}`, "rules[0].properties: the policy above permits this only for name"},

		// Either end of a rule counts, the policy's or its own.
		{`{"actions":["read"],"expires":"2027-01-01T00:00:00Z"}`, `{"rules":[{"actions":["read"]}],"expires":"2027-01-01T00:00:00Z"}`, ""},
		{`{"rules":[{"actions":["read"]}],"expires":"2027-01-01T00:00:00Z"}`, `{"actions":["read"],"expires":"2028-01-01T00:00:00Z"}`, ""},
		{`{"actions":["read"]}`, `{"rules":[{"actions":["read"]}],"expires":"2027-01-01T00:00:00Z"}`, "rules[0].expires: the policy above permits this only until 2027-01-01"},
		{
			`{"actions":["read"],"expires":"2027-01-01T00:00:01Z"}`, `{"actions":["read"],"expires":"2027-01-01T00:00:00Z"}`,
			"rules[0].expires: the policy above permits this only until 2027-01-01",
		},

		{`{"actions":["create"],"review":true}`, `{"actions":["create","update"],"review":true}`, ""},
		{`{"actions":["create"],"review":true}`, `{"actions":["create","update"]}`, ""},
		{`{"actions":["create"]}`, `{"actions":["create"],"review":true}`, "rules[0].review: the policy above permits this only once the owner has approved it"},

		{limited(`{"count":10,"per":"hour"}`), limited(`{"count":10,"per":"hour"}`), ""},
		{limited(`{"count":1,"per":"minute"}`), limited(`{"count":60,"per":"hour"}`), ""},
		{limited(`{"count":10,"per":"hour"}`), limited(`{"actions":["read"],"count":10,"per":"minute"}`), ""},
		{limited(``), limited(`{"actions":["create"],"count":10,"per":"minute"}`), ""}, // child does not create
		{limited(``), limited(`{"count":1,"per":"minute"}`), "limits: the policy above permits at most 1 request per minute; add a limit as strict, for all of these actions"},
		{limited(`{"count":11,"per":"hour"}`), limited(`{"count":10,"per":"hour"}`), "limits: the policy above permits at most 10 requests per hour; add a limit as strict, for all of these actions"},
		// 25 a day would be a larger bucket, 1 a minute would fill faster.
		{limited(`{"count":25,"per":"day"}`), limited(`{"count":24,"per":"hour"}`), "limits: the policy above permits at most 24 requests per hour; add a limit as strict, for all of these actions"},
		{limited(`{"count":1,"per":"minute"}`), limited(`{"count":59,"per":"hour"}`), "limits: the policy above permits at most 59 requests per hour; add a limit as strict, for all of these actions"},
		{
			limited(`{"actions":["search"],"count":1,"per":"day"}`), limited(`{"actions":["read","search"],"count":1,"per":"day"}`),
			"limits: the policy above permits at most 1 request per day to read or search; add a limit as strict, for all of these actions",
		},
	} {
		err := policy.Within(parsed(t, c.child), parsed(t, c.parent), builtin())
		if c.want == "" && err == nil {
			continue
		}
		if locket.CodeOf(err) != locket.CodeDenied || locket.MessageOf(err) != c.want {
			t.Errorf("%s\nwithin %s:\ngot  %v\nwant %s", c.child, c.parent, err, c.want)
		}
	}
}

// limited is a policy that permits to read and search within a limit.
func limited(limit string) string {
	return `{"rules":[{"actions":["read","search"]}],"limits":[` + limit + `]}`
}

// parsed reads a policy or the rules of one.
func parsed(t testing.TB, text string) locket.Policy {
	t.Helper()
	if !strings.HasPrefix(text, `{"rules"`) {
		text = `{"rules":[` + text + `]}`
	}
	p, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// TestWithinHolds draws policies and narrows them now and then; whatever Within
// accepts must permit no more on random items.
func TestWithinHolds(t *testing.T) {
	types, r, accepted, permitted := policytest.Types(), rand.New(rand.NewPCG(3, 3)), 0, 0
	for range 20_000 {
		parent := policytest.Random(r)
		child := narrowed(t, r, parent)
		if policy.Within(child, parent, types) != nil {
			continue
		}
		accepted++
		a, b := policy.Compile(child, types, now), policy.Compile(parent, types, now)
		for n := range 40 {
			if n == 20 {
				a, b = a.Approved(), b.Approved()
			}
			f := policytest.RandomFacts(r)
			for _, p := range []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayUpdate} {
				if !a.Permits(p, f) {
					continue
				}
				permitted++
				if !b.Permits(p, f) {
					t.Fatalf("%s\n%s", p, policytest.Describe(f, child, parent))
				}
				pa, pb := a.Properties(p, f), b.Properties(p, f)
				for _, name := range []string{"title", "tags", "count", "score", "done", "at", "link", "file", "number", "new"} {
					if pa.Has(name) && !pb.Has(name) {
						t.Fatalf("%s: %s\n%s", p, name, policytest.Describe(f, child, parent))
					}
				}
			}
		}
	}
	if accepted < 2000 || permitted < 10_000 {
		t.Errorf("the test tells little: %d accepted, which permit %d", accepted, permitted)
	}
}

// narrowed returns parent with some parts replaced by those of another random policy.
func narrowed(t *testing.T, r *rand.Rand, parent locket.Policy) locket.Policy {
	t.Helper()
	text, err := json.Marshal(parent)
	if err != nil {
		t.Fatal(err)
	}
	child, other := parsed(t, string(text)), policytest.Random(r)
	for i := range min(len(child.Rules), len(other.Rules)) {
		c, o := &child.Rules[i], other.Rules[i]
		switch r.IntN(7) {
		case 0:
			c.Types = o.Types
		case 1:
			for name, m := range o.Where {
				if c.Where == nil {
					c.Where = make(map[string]locket.Match)
				}
				c.Where[name] = m
			}
		case 2:
			c.Properties, c.Items = o.Properties, o.Items
		case 3:
			c.After, c.Before = o.After, o.Before
		case 4:
			c.Actions, c.Review, c.Expires = o.Actions, o.Review, o.Expires
		case 5:
			c.Review = !slices.Contains(c.Actions, locket.MayRead) && !slices.Contains(c.Actions, locket.MaySearch)
		}
	}
	child.Expires = other.Expires
	return child
}

func TestCheck(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{`{"actions":["read"],"types":["Note","Event"],"where":{"startDate":"2026-01-01","keywords":["a"]},"properties":["frontMatter"]}`, ""},
		{`{"actions":["read"],"where":{"latitude":1,"name":{"prefix":"a"}}}`, ""},
		{
			`{"actions":["read"],"types":["Note","note"]}`,
			`rules[1].types[1]: there is no type "note"; types are Bookmark, Conversation, Event, File, Memory, Message, Note, Person, Photo, Place`,
		},
		{`{"actions":["read"],"properties":["name","nam"]}`, `rules[1].properties[1]: no type has a property "nam"`},
		{`{"actions":["read"],"types":["Note","File"],"properties":["startDate"]}`, `rules[1].properties[0]: there is no property "startDate" in Note, File`},
		{`{"actions":["read"],"types":["Note"],"where":{"startDate":"2026-01-01"}}`, `rules[1].where.startDate: there is no property "startDate" in Note`},
		{`{"actions":["read"],"where":{"startDate":"soon"}}`, `rules[1].where.startDate: expected a time as in "2026-11-21T10:00:00Z", got "soon"`},
		{`{"actions":["read"],"where":{"contentSize":[1,2.5]}}`, `rules[1].where.contentSize[1]: expected a whole number, got 2.5`},
		{`{"actions":["read"],"where":{"blob":"a"}}`, `rules[1].where.blob: expected the id of a blob, got "a"`},
		{`{"actions":["read"],"where":{"contentSize":{"prefix":"1"}}}`, `rules[1].where.contentSize: a prefix is for text; contentSize is a whole number`},
	} {
		err := policy.Check(parsed(t, `{"actions":["read"]},`+c.rule), builtin())
		if c.want == "" && err == nil {
			continue
		}
		if locket.CodeOf(err) != locket.CodeInvalid || locket.MessageOf(err) != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.rule, err, c.want)
		}
	}
}
