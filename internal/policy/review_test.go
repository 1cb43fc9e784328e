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

func rules(t *testing.T, p locket.Policy) string {
	t.Helper()
	text, err := json.Marshal(p.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(text), "[]")
}

func TestRemember(t *testing.T) {
	note := func(p locket.Permission, folder string) policy.Change {
		return policy.Change{Permission: p, Facts: policy.Facts{Type: "Note", Props: map[string]any{"folder": folder}}}
	}
	const read = `{"actions":["read"]}`
	for _, c := range []struct {
		about, rules  string
		changes       []policy.Change
		allow, refuse string // the rules after the first; "" if nothing changes
	}{
		{
			"one action of a rule", `{"actions":["create","update"],"types":["Note"],"review":true}`,
			[]policy.Change{note(locket.MayCreate, "a")},
			`{"actions":["create","update"],"types":["Note"],"review":true},{"actions":["create"],"types":["Note"]}`,
			`{"actions":["update"],"types":["Note"],"review":true}`,
		},
		{
			"the last action of a rule", `{"actions":["create"],"types":["Note"],"review":true}`,
			[]policy.Change{note(locket.MayCreate, "a")},
			`{"actions":["create"],"types":["Note"],"review":true},{"actions":["create"],"types":["Note"]}`, `none`,
		},
		{
			"two actions are one new rule", `{"actions":["create","update","delete"],"types":["Note"],"where":{"folder":"a"},"review":true}`,
			[]policy.Change{note(locket.MayCreate, "a"), note(locket.MayUpdate, "a"), note(locket.MayUpdate, "a")},
			`{"actions":["create","update","delete"],"types":["Note"],"where":{"folder":"a"},"review":true},{"actions":["create","update"],"types":["Note"],"where":{"folder":"a"}}`,
			`{"actions":["delete"],"types":["Note"],"where":{"folder":"a"},"review":true}`,
		},
		{"a rule that does not fit", `{"actions":["create"],"types":["Note"],"where":{"folder":"a"},"review":true}`, []policy.Change{note(locket.MayCreate, "b")}, "", ""},
		{"a rule without review", `{"actions":["create"],"types":["Note"]}`, []policy.Change{note(locket.MayCreate, "b")}, "", ""},
		{"a rule that has ended", `{"actions":["create"],"expires":"2026-01-01T00:00:00Z","review":true}`, []policy.Change{note(locket.MayCreate, "b")}, "", ""},
		{
			"of several types, only one", `{"actions":["create"],"types":["Event","Note"],"properties":["name","startDate","text"],"review":true}`,
			[]policy.Change{note(locket.MayCreate, "a")},
			`{"actions":["create"],"types":["Event","Note"],"properties":["name","startDate","text"],"review":true},{"actions":["create"],"types":["Note"],"properties":["name","text"]}`,
			`{"actions":["create"],"types":["Event"],"properties":["name","startDate"],"review":true}`,
		},
		{
			"without types, all lose it", `{"actions":["create","link"],"review":true}`,
			[]policy.Change{note(locket.MayCreate, "a")},
			`{"actions":["create","link"],"review":true},{"actions":["create"],"types":["Note"]}`, `{"actions":["link"],"review":true}`,
		},
		{
			"all rules that fit", `{"actions":["create"],"types":["Note"],"properties":["name"],"review":true},{"actions":["create"],"types":["Note"],"properties":["text"],"review":true}`,
			[]policy.Change{note(locket.MayCreate, "a")},
			`{"actions":["create"],"types":["Note"],"properties":["name"],"review":true},{"actions":["create"],"types":["Note"],"properties":["text"],"review":true},{"actions":["create"],"types":["Note"],"properties":["name"]},{"actions":["create"],"types":["Note"],"properties":["text"]}`,
			`none`,
		},
	} {
		for _, try := range []struct {
			how  string
			do   func(locket.Policy) (locket.Policy, []string, error)
			want string
		}{
			{"allow", func(p locket.Policy) (locket.Policy, []string, error) {
				return policy.Allow(p, c.changes, builtin(), now)
			}, c.allow},
			{"refuse", func(p locket.Policy) (locket.Policy, []string, error) {
				return policy.Refuse(p, c.changes, builtin(), now)
			}, c.refuse},
		} {
			p := parsed(t, read+","+c.rules)
			got, words, err := try.do(p)
			want := read + "," + try.want
			switch try.want {
			case "":
				want = read + "," + c.rules
			case "none":
				want = read
			}
			if err != nil || rules(t, got) != want || (len(words) > 0) != (try.want != "") {
				t.Errorf("%s: %s: %v %q\ngot  %s\nwant %s", try.how, c.about, err, words, rules(t, got), want)
			}
			if before := rules(t, parsed(t, read+","+c.rules)); rules(t, p) != before {
				t.Errorf("%s: %s: it changed the policy that it was given", try.how, c.about)
			}
			if err := policy.Check(got, builtin()); err != nil {
				t.Errorf("%s: %s: %v", try.how, c.about, err)
			}
		}
	}
}

func TestReviewed(t *testing.T) {
	p := policy.Reviewed(parsed(t, `{"actions":["update","read","link"],"types":["Note"]},{"actions":["manage"]},{"actions":["delete"],"review":true}`))
	want := `{"actions":["read"],"types":["Note"]},{"actions":["update","link"],"types":["Note"],"review":true},{"actions":["manage"]},{"actions":["delete"],"review":true}`
	if got := rules(t, p); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRememberHolds: what was remembered is permitted at once, or refused; nothing comes to
// be permitted that was not permitted once approved, and of other types nothing changes.
func TestRememberHolds(t *testing.T) {
	types, r, allowed, refused := policytest.Types(), rand.New(rand.NewPCG(4, 4)), 0, 0
	for range 20_000 {
		p, f := policytest.Random(r), policytest.RandomFacts(r)
		before := policy.Compile(p, types, now)
		perm := locket.MayUpdate
		if before.Permits(perm, f) || !before.Approved().Permits(perm, f) {
			continue
		}
		change := []policy.Change{{Permission: perm, Facts: f}}
		wide, words, err := policy.Allow(p, change, types, now)
		sets := func(q locket.Permission, f policy.Facts) bool { // some property could be set
			can := before.Approved().Properties(q, f)
			return slices.ContainsFunc(types[f.Type].Properties, func(p locket.Property) bool { return can.Has(p.Name) })
		}
		if !sets(perm, f) {
			continue
		}
		if err != nil || len(words) == 0 {
			t.Fatalf("allow: %v %q\n%s", err, words, policytest.Describe(f, p))
		}
		allowed++
		narrow, _, err := policy.Refuse(p, change, types, now)
		if err != nil {
			t.Fatal(err)
		}
		refused++
		after, none := policy.Compile(wide, types, now), policy.Compile(narrow, types, now)
		if !after.Permits(perm, f) || none.Approved().Permits(perm, f) {
			t.Fatalf("it is not remembered\n%s", policytest.Describe(f, p, wide, narrow))
		}
		for range 20 {
			g := policytest.RandomFacts(r)
			for _, q := range []locket.Permission{locket.MayRead, locket.MayCreate, locket.MayUpdate, locket.MayLink} {
				other := q != perm || g.Type != f.Type
				if after.Permits(q, g) && !before.Approved().Permits(q, g) || other && after.Permits(q, g) != before.Permits(q, g) {
					t.Fatalf("%s is permitted\n%s", q, policytest.Describe(g, p, wide))
				}
				if none.Permits(q, g) != before.Permits(q, g) {
					t.Fatalf("%s is permitted, or not\n%s", q, policytest.Describe(g, p, narrow))
				}
				ruled := slices.ContainsFunc(p.Rules, func(r locket.Rule) bool { return r.Review && len(r.Types) == 0 })
				if other && !ruled && sets(q, g) && none.Approved().Permits(q, g) != before.Approved().Permits(q, g) {
					t.Fatalf("%s waits no more\n%s", q, policytest.Describe(g, p, narrow))
				}
				pa, pb := after.Properties(q, g), before.Approved().Properties(q, g)
				for _, name := range []string{"title", "tags", "count", "link", "new"} {
					if pa.Has(name) && !pb.Has(name) {
						t.Fatalf("%s of %s is permitted\n%s", name, q, policytest.Describe(g, p, wide))
					}
				}
			}
		}
	}
	if allowed < 500 || refused < 500 {
		t.Errorf("the test tells little: %d, %d", allowed, refused)
	}
}
