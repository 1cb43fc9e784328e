package ops

import (
	"slices"

	"github.com/locketpod/locket"
)

// Audiences of grants that agents hold.
const (
	AudienceMCP        = "mcp"         // opens the pod at /mcp
	AudienceMCPRefresh = "mcp-refresh" // is exchanged for a new pair at /oauth/token
)

// The scopes that an agent can be given.
const (
	ScopeMemoryRead   = "memory.read"
	ScopeMemoryWrite  = "memory.write"
	ScopeMemoryDelete = "memory.delete"
	ScopeItemsRead    = "items.read"
)

// sharedNamespace is where memories are that every agent may read.
const sharedNamespace = "shared"

// A Scope is something that an owner can let an agent do.
type Scope struct {
	Name     string
	Sentence string // what it lets the agent do, for the owner
	Usual    bool   // what an agent gets if nothing else is said
}

// Scopes lists all, the usual ones first.
func Scopes() []Scope {
	return []Scope{
		{ScopeMemoryRead, "Read and search its own memories, and those under “shared” that all agents may read.", true},
		{ScopeMemoryWrite, "Write memories of its own, read and change them, and link them.", true},
		{ScopeMemoryDelete, "Forget memories of its own. You can bring them back.", true},
		{ScopeItemsRead, "Read and search everything else in the pod: notes, messages, people, photos, other agents' memories.", false},
	}
}

// UsualScopes are the scopes of an agent if nothing else is said.
func UsualScopes() []string {
	var out []string
	for _, s := range Scopes() {
		if s.Usual {
			out = append(out, s.Name)
		}
	}
	return out
}

// AgentPolicy is what an agent of this name may do with these scopes, and nothing
// without any. Scopes that don't exist permit nothing. Whoever may write or forget
// its own memories may read these, since a change to what can't be read is refused.
func AgentPolicy(name string, scopes []string) locket.Policy {
	has := func(s string) bool { return slices.Contains(scopes, s) }
	p := locket.Policy{Rules: []locket.Rule{}}
	own := []locket.Permission{locket.MayRead, locket.MaySearch}
	if has(ScopeMemoryWrite) {
		own = append(own, locket.MayCreate, locket.MayUpdate, locket.MayLink)
	}
	if has(ScopeMemoryDelete) {
		own = append(own, locket.MayDelete)
	}
	if has(ScopeMemoryRead) || len(own) > 2 {
		p.Rules = append(p.Rules, within("own memories", locket.AgentNamespace(name), own)...)
	}
	reading := []locket.Permission{locket.MayRead, locket.MaySearch}
	if has(ScopeMemoryRead) {
		p.Rules = append(p.Rules, within("shared memories", sharedNamespace, reading)...)
	}
	if has(ScopeItemsRead) {
		p.Rules = append(p.Rules, locket.Rule{Name: "everything", Actions: reading})
	}
	return p
}

// within permits actions on the memories of a namespace and of those below it. A
// single prefix would reach into namespaces whose name begins alike.
func within(name, namespace string, actions []locket.Permission) []locket.Rule {
	rule := func(name string, m locket.Match) locket.Rule {
		return locket.Rule{
			Name: name, Actions: actions, Types: []string{"Memory"},
			Where: map[string]locket.Match{"namespace": m},
		}
	}
	return []locket.Rule{
		rule(name, locket.Match{In: []any{namespace}}),
		rule(name+", below", locket.Match{Prefix: namespace + "/"}),
	}
}
