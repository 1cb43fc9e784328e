package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
	memories "github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/podtest"
	"github.com/locketpod/locket/internal/store"
)

// TestHiddenIsNotThere drives every tool, for every policy, in two pods: one that has
// what the policy hides, and one that has not. All answers must be the same.
func TestHiddenIsNotThere(t *testing.T) {
	for name, policy := range isolationPolicies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			probe, whole := newWorld(t, policy, nil), newWorld(t, policy, nil) // looking leaves entries in the journal
			visible := make(map[locket.ItemID]locket.Item)
			for _, it := range isolationItems() {
				got, err := probe.agent.Get(t.Context(), it.ID)
				if err == nil {
					visible[it.ID] = got
				} else if code := locket.CodeOf(err); code != locket.CodeNotFound && code != locket.CodeDenied {
					t.Fatal(err)
				}
			}
			if len(visible) == len(isolationItems()) {
				t.Fatal("the policy hides nothing")
			}
			bare := newWorld(t, policy, visible)
			called := make(map[string]bool)
			for _, c := range isolationCalls() {
				called[c.tool] = true
				one, other := whole.use(t, c), bare.use(t, c)
				if one != other {
					t.Errorf("%s %v\nwith what is hidden:\n%s\nwithout:\n%s", c.tool, c.arguments, one, other)
				}
			}
			tools, err := toolsOf(Toolsets())
			if err != nil {
				t.Fatal(err)
			}
			for _, tool := range tools {
				if !called[tool.name] {
					t.Errorf("no call of the tool %s", tool.name)
				}
			}
		})
	}
}

// isolationPolicies are what agents may do, each in another way less than all.
func isolationPolicies() map[string]locket.Policy {
	all := []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayCreate, locket.MayUpdate, locket.MayDelete, locket.MayLink}
	look := []locket.Permission{locket.MayRead, locket.MaySearch}
	in := func(values ...any) map[string]locket.Match { return map[string]locket.Match{"namespace": {In: values}} }
	reading := ops.AgentPolicy("claude", []string{ops.ScopeMemoryRead})
	return map[string]locket.Policy{
		"nothing":     {Rules: []locket.Rule{}},
		"as usual":    ops.AgentPolicy("claude", ops.UsualScopes()),
		"only reads":  reading,
		"notes":       {Rules: []locket.Rule{{Actions: all, Types: []string{"Note"}, Where: map[string]locket.Match{"folder": {In: []any{"work"}}}}}},
		"of a time":   {Rules: []locket.Rule{{Actions: all, Types: []string{"Memory"}, After: time.Date(2025, 4, 1, 0, 0, 0, 0, time.UTC)}}},
		"single":      {Rules: []locket.Rule{{Actions: look, Items: []locket.ItemID{fixedID(1), fixedID(12)}}}},
		"no search":   {Rules: []locket.Rule{{Actions: []locket.Permission{locket.MayRead}, Types: []string{"Memory"}, Where: in("agents/claude")}}},
		"some fields": {Rules: []locket.Rule{{Actions: all, Types: []string{"Memory"}, Where: in("agents/claude", "shared/home"), Properties: []string{"namespace", "name", "kind", "dateCreated", "thread", "position", "tier", "sha256"}}}},
		"with review": {Rules: []locket.Rule{
			{Actions: look, Types: []string{"Memory"}, Where: in("agents/claude")},
			{Actions: []locket.Permission{locket.MayCreate, locket.MayUpdate, locket.MayDelete}, Types: []string{"Memory"}, Where: in("agents/claude"), Review: true},
		}},
	}
}

func fixedID(n int) locket.ItemID {
	return locket.ItemID(fmt.Sprintf("0192f3a4-0000-7000-8000-%012d", n))
}

// isolationItems are memories of several agents that speak of the same things, and notes.
func isolationItems() []locket.Item {
	var items []locket.Item
	at := time.Date(2025, 1, 10, 12, 0, 0, 0, time.UTC)
	for i, ns := range []string{"agents/claude", "agents/ben", "shared/home", "owner", "agents/claude", "agents/claude2"} {
		for j, text := range []string{
			"Priya moored the boat at pier 4 in the harbour", "the boat of Priya needs a new sail", "Anna asked Priya about the harbour fees",
			"the spare key is under the flower pot", "harbour harbour harbour boat",
		} {
			n := 1 + i*5 + j
			items = append(items, locket.Item{ID: fixedID(n), Type: "Memory", Props: map[string]any{
				"text": text, "name": fmt.Sprintf("about boats %d", j), "kind": []string{"fact", "event", "turn"}[j%3], "namespace": ns, "tier": "long",
				"dateCreated": at.AddDate(0, 0, 5*n), "sender": []string{"Priya", "Anna"}[j%2], "thread": fmt.Sprintf("t%d", j%2), "position": int64(n),
				"importance": float64(n%4) / 4, "sha256": locket.TextHash(text), "keywords": []any{"boat", "tag" + ns},
			}})
		}
	}
	for n, folder := range []string{"work", "private", "work"} {
		items = append(items, locket.Item{ID: fixedID(100 + n), Type: "Note", Props: map[string]any{
			"name": "harbour plan", "text": "the boat and the harbour", "folder": folder, "dateModified": at.AddDate(0, n, 0),
		}})
	}
	return items
}

// isolationEdges lead from what is hidden to what is not, and back.
func isolationEdges() []locket.Edge {
	return []locket.Edge{
		{Source: fixedID(6), Name: "supersedes", Target: fixedID(1)},
		{Source: fixedID(16), Name: "contradicts", Target: fixedID(2)},
		{Source: fixedID(3), Name: "about", Target: fixedID(7)},
		{Source: fixedID(2), Name: "about", Target: fixedID(3)},
		{Source: fixedID(11), Name: "supersedes", Target: fixedID(12)},
		{Source: fixedID(100), Name: "mentions", Target: fixedID(101)},
	}
}

// A world is one pod and an agent's way into it.
type world struct {
	agent   *store.View
	session *sdk.ClientSession
	known   map[string]string // ids that the pod made, by what they are called in both worlds
}

// newWorld makes a pod with all items, or if visible is set with those and as the agent
// sees them.
func newWorld(t *testing.T, policy locket.Policy, visible map[locket.ItemID]locket.Item) *world {
	t.Helper()
	p := podtest.New(t)
	owner := p.View(p.Owner)
	p.Write(owner, func(w *store.Writer) error {
		for _, it := range isolationItems() {
			if seen, ok := visible[it.ID]; visible != nil {
				if !ok {
					continue
				}
				it = seen
			}
			if _, err := w.Create(store.Draft{ID: it.ID, Type: it.Type, Props: it.Props}); err != nil {
				return err
			}
		}
		for _, e := range isolationEdges() {
			if err := w.Link(e); err != nil && locket.CodeOf(err) != locket.CodeNotFound {
				return err
			}
		}
		return nil
	})
	if _, err := memories.Embed(t.Context(), owner, hashed{}, nil); err != nil {
		t.Fatal(err)
	}
	w := &world{agent: p.Add(locket.KindAgent, "claude", policy), known: make(map[string]string)}
	do := func(ctx context.Context, o ops.Op, in any) (any, error) {
		return o.Run(ctx, &ops.Call{Visit: &pods.Visit{View: w.agent}, Embedder: hashed{}}, in)
	}
	w.session = connect(t, Through(do, 1), "2026-07-28", Toolsets()...)
	return w
}

// An isolationCall is one call of a tool.
type isolationCall struct {
	tool      string
	arguments map[string]any
}

// isolationCalls call every tool, with what is seen, what is hidden and what is nowhere.
func isolationCalls() []isolationCall {
	seen, hidden, nowhere := fixedID(1), fixedID(6), fixedID(999)
	var calls []isolationCall
	add := func(tool string, arguments ...map[string]any) {
		for _, a := range arguments {
			calls = append(calls, isolationCall{tool, a})
		}
	}
	type o = map[string]any
	add("status", o{})
	add("recall", o{"query": "where did Priya moor the boat in the harbour?"}, o{"query": "harbour", "limit": 3}, o{"query": "spare key"},
		o{"query": "boat", "namespace": "agents/ben"}, o{"query": "Priya", "all": true, "limit": 50}, o{"query": "boat in march 2025"},
		o{"query": "boat", "types": []string{"Note"}}, o{"query": "boat", "types": []string{"Note", "Memory"}, "neighbours": 3}, o{"query": "xyzzy"})
	add("search", o{"query": "harbour"}, o{"query": "boat", "limit": 2}, o{"query": "spare key type:Memory"}, o{"query": "in:agents/ben"})
	add("timeline", o{}, o{"limit": 3}, o{"from": "2025-02-01", "to": "2025-05-01"}, o{"namespace": "agents/ben"}, o{"namespace": "agents/claude"})
	for _, id := range []locket.ItemID{seen, fixedID(2), fixedID(12), fixedID(100), hidden, fixedID(7), fixedID(101), nowhere} {
		add("fetch", o{"id": id})
		add("items_get", o{"id": id})
		add("items_history", o{"id": id})
		add("items_provenance", o{"id": id})
		add("edges_list", o{"id": id, "direction": "both"})
	}
	add("items_list", o{}, o{"type": "Memory", "limit": 4}, o{"type": "Note"}, o{"deleted": true})
	add("items_query", o{"type": "Memory", "where": []any{o{"property": "namespace", "op": "eq", "value": "agents/ben"}}}, o{"order": "-time"})
	add("schema_get", o{})
	add("stats_get", o{})
	add("principals_list", o{})
	add("principals_explain", o{"id": "00000000-0000-4000-8000-000000000000"})
	add("keys_list", o{})
	add("grants_list", o{})
	add("memory_audit", o{})
	add("read_graph", o{})
	add("search_nodes", o{"query": "boat"})
	add("open_nodes", o{"names": []string{"about boats 1"}})
	add("memory", o{"command": "view", "path": "/memories"}, o{"command": "view", "path": "/memories/x"})
	// What writes comes last, and in both worlds alike.
	add("remember", o{"text": "the spare key is under the flower pot"}, o{"text": "Anna paints the boat", "namespace": "agents/ben"},
		o{"text": "Anna paints the boat", "supersedes": []any{hidden}}, o{"text": "Anna paints the boat blue", "about": []any{nowhere}},
		o{"text": "harbour harbour harbour boat", "namespace": "shared/home"})
	for _, id := range []locket.ItemID{hidden, nowhere, seen} {
		add("update_memory", o{"id": id, "text": "sunk"})
		add("items_update", o{"id": id, "props": o{"name": "renamed"}})
		add("edges_link", o{"source": seen, "name": "about", "target": id}, o{"source": id, "name": "about", "target": seen})
		add("edges_unlink", o{"source": id, "name": "about", "target": seen})
		add("forget", o{"id": id})
		add("items_delete", o{"id": id})
		add("items_restore", o{"id": id})
	}
	add("items_create", o{"type": "Memory", "props": o{"text": "x", "namespace": "agents/ben"}}, o{"type": "Note", "props": o{"name": "x", "folder": "work"}})
	add("create_entities", o{"entities": []any{o{"name": "Boat", "entityType": "thing", "observations": []any{"is blue"}}}})
	add("create_relations", o{"relations": []any{o{"from": "Boat", "to": "Boat", "relationType": "is"}}})
	add("add_observations", o{"observations": []any{o{"entityName": "Boat", "contents": []any{"has a sail"}}}})
	add("delete_observations", o{"deletions": []any{o{"entityName": "Boat", "observations": []any{"is blue"}}}})
	add("delete_relations", o{"relations": []any{o{"from": "Boat", "to": "Boat", "relationType": "is"}}})
	add("delete_entities", o{"entityNames": []any{"Boat"}})
	add("memory", o{"command": "create", "path": "/memories/x", "file_text": "boat"}, o{"command": "view", "path": "/memories"})
	add("memory_tend", o{})
	add("approvals_list", o{})
	add("status", o{})
	add("journal_list", o{"limit": 20})
	return calls
}

// What differs between any two runs: frames, the time of now, hashes and signatures.
var (
	frames = regexp.MustCompile(`locket-data-[a-z2-7]{16}`)
	nows   = regexp.MustCompile(`20(2[6-9]|[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?`)
	hashes = regexp.MustCompile(`\b[0-9a-f]{64,128}\b|hlc\\?": ?\d+|next\\?": ?\\?"[^"\\]*|cursor [A-Za-z0-9_-]{20,}`)
	ids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// use calls a tool and returns its answer without what differs between runs.
func (w *world) use(t *testing.T, c isolationCall) string {
	t.Helper()
	res, err := w.session.CallTool(t.Context(), &sdk.CallToolParams{Name: c.tool, Arguments: c.arguments})
	if err != nil {
		return "error: " + err.Error()
	}
	b, err := json.MarshalIndent(res, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	s := hashes.ReplaceAllString(nows.ReplaceAllString(frames.ReplaceAllString(string(b), "FRAME"), "NOW"), "HASH")
	return ids.ReplaceAllStringFunc(s, func(id string) string {
		if strings.HasPrefix(id, "0192f3a4-0000-7000-8000-") || strings.HasPrefix(id, "00000000-") {
			return id
		}
		if w.known[id] == "" {
			w.known[id] = fmt.Sprintf("ID %d", len(w.known))
		}
		return w.known[id]
	})
}

// hashed is a model of a kind: texts with the same words are near each other.
type hashed struct{}

func (hashed) Model() string { return "hashed/64" }

func (hashed) Embed(_ context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, text := range texts {
		v, sum := make([]float32, 64), 0.0
		for _, word := range strings.Fields(strings.ToLower(text)) {
			h := fnv.New32a()
			if _, err := h.Write([]byte(word)); err != nil {
				return nil, errors.New("never")
			}
			v[h.Sum32()%64]++
		}
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		for j := range v {
			v[j] /= float32(math.Sqrt(math.Max(sum, 1)))
		}
		out[i] = v
	}
	return out, nil
}

// TestIsolationPoliciesDiffer keeps the test above from testing less than it seems to.
func TestIsolationPoliciesDiffer(t *testing.T) {
	seen := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(isolationPolicies())) {
		w := newWorld(t, isolationPolicies()[name], nil)
		var list []string
		for _, it := range isolationItems() {
			if _, err := w.agent.Get(t.Context(), it.ID); err == nil {
				list = append(list, string(it.ID))
			}
		}
		seen[name] = strings.Join(list, " ")
	}
	if different := slices.Compact(slices.Sorted(maps.Values(seen))); len(different) < 6 || seen["nothing"] != "" || seen["as usual"] == "" {
		t.Errorf("the policies show only %d different things: %v", len(different), seen)
	}
}
