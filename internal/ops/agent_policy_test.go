package ops_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
)

func TestAgentNamespaces(t *testing.T) {
	for name, want := range map[string]string{
		"claude":                  "agents/claude",
		"Claude Code":             "agents/claude-code",
		"  Claude -- Code (2)! ":  "agents/claude-code-2",
		"../shared":               "agents/shared",
		"a/b":                     "agents/a-b",
		"助手":                      "agents/agent-e5ce5f6d",
		"":                        "agents/agent-e3b0c442",
		strings.Repeat("x", 61):   "agents/" + strings.Repeat("x", 51) + "-c508e75f",
		strings.Repeat("x", 60):   "agents/" + strings.Repeat("x", 60),
		strings.Repeat("a ", 100): "agents/" + strings.Repeat("a-", 25) + "a-908438ae",
	} {
		got := locket.AgentNamespace(name)
		if got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// TestAgentPolicies asks what agents may do with items of all sorts of namespaces.
func TestAgentPolicies(t *testing.T) {
	const own, below, shared, foreign, alike, alikeShared, note = "own", "below", "shared", "foreign", "alike", "alikeShared", "note"
	facts := map[string]policy.Facts{
		own:         memory("agents/claude-code"),
		below:       memory("agents/claude-code/work/plans"),
		shared:      memory("shared/home"),
		foreign:     memory("agents/other"),
		alike:       memory("agents/claude-code-2"),
		alikeShared: memory("sharedness"),
		note:        {Type: "Note", Props: map[string]any{"name": "x", "folder": "agents/claude-code"}},
	}
	read := []locket.Permission{locket.MayRead, locket.MaySearch}
	with := func(more ...locket.Permission) []locket.Permission { return append(slices.Clone(read), more...) }
	tests := []struct {
		scopes []string
		want   map[string][]locket.Permission // absent: nothing
	}{
		{nil, nil},
		{[]string{"memory", "memory.readx", "manage"}, nil},
		{[]string{ops.ScopeMemoryRead}, map[string][]locket.Permission{own: read, below: read, shared: read}},
		{[]string{ops.ScopeMemoryWrite}, map[string][]locket.Permission{
			own: with(locket.MayCreate, locket.MayUpdate, locket.MayLink), below: with(locket.MayCreate, locket.MayUpdate, locket.MayLink),
		}},
		{[]string{ops.ScopeMemoryDelete}, map[string][]locket.Permission{own: with(locket.MayDelete), below: with(locket.MayDelete)}},
		{[]string{ops.ScopeItemsRead}, map[string][]locket.Permission{
			own: read, below: read, shared: read, foreign: read, alike: read, alikeShared: read, note: read,
		}},
		{ops.UsualScopes(), map[string][]locket.Permission{
			own:    with(locket.MayCreate, locket.MayUpdate, locket.MayLink, locket.MayDelete),
			below:  with(locket.MayCreate, locket.MayUpdate, locket.MayLink, locket.MayDelete),
			shared: read,
		}},
	}
	types := map[string]*locket.Type{}
	for _, typ := range locket.BuiltinTypes() {
		types[typ.Name] = &typ
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.scopes, "+"), func(t *testing.T) {
			p := parsed(t, ops.AgentPolicy("Claude Code", tt.scopes))
			if err := policy.Check(p, types); err != nil {
				t.Fatal(err)
			}
			a := policy.Compile(p, types, time.Now())
			for name, f := range facts {
				for _, may := range locket.Permissions() {
					if got, want := a.Permits(may, f), slices.Contains(tt.want[name], may); got != want {
						t.Errorf("%s %s: %v, want %v", may, name, got, want)
					}
				}
			}
		})
	}
}

func memory(namespace string) policy.Facts {
	return policy.Facts{Type: "Memory", Props: map[string]any{"namespace": namespace}}
}

// parsed takes the policy through its JSON, which must be one that the reader of
// policies takes.
func parsed(t *testing.T, p locket.Policy) locket.Policy {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return got
}
