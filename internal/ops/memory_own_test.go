package ops_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/graph"
	"github.com/locketpod/locket/internal/memory/tree"
	"github.com/locketpod/locket/internal/ops"
)

// TestOwnMemories: files and graph of an agent with the usual policy are its own, and are
// where that policy permits.
func TestOwnMemories(t *testing.T) {
	w, owner, _, _ := newApprovals(t)
	agent := func(name string) *actor {
		text, err := json.Marshal(ops.AgentPolicy("agent "+name, ops.UsualScopes()))
		w.check(err)
		return w.principal(owner, locket.KindAgent, name, string(text), nil, false)
	}
	anna, ben := agent("Anna's"), agent("Ben's")
	file := func(a *actor, args ...string) (r tree.Reply) {
		w.does(a, &r, "memory.file", args...)
		return r
	}
	nodes := func(a *actor, tool, arguments string) (r graph.Reply) {
		w.does(a, &r, "graph.call", "tool", tool, "arguments", arguments)
		return r
	}
	if r := file(anna, "command", "create", "path", "/memories/a.md", "file_text", "secret"); r.Error {
		t.Fatal(r.Text)
	}
	if r := nodes(anna, "create_entities", `{"entities":[{"name":"Tom","entityType":"cat","observations":["is shy"]}]}`); r.Error {
		t.Fatal(r.Text)
	}
	if r := file(anna, "command", "view", "path", "/memories/a.md"); !strings.HasSuffix(r.Text, "\tsecret") {
		t.Errorf("%q", r.Text)
	}
	if r := nodes(anna, "open_nodes", `{"names":["Tom"]}`); !strings.Contains(r.Text, "is shy") {
		t.Errorf("%q", r.Text)
	}
	for _, a := range []*actor{ben, owner} {
		if r := file(a, "command", "view", "path", "/memories"); !strings.HasSuffix(r.Text, ":\n0B\t/memories") {
			t.Errorf("%s has the files %q", a.name, r.Text)
		}
		if r := file(a, "command", "create", "path", "/memories/a.md", "file_text", "x"); r.Error {
			t.Errorf("%s: %q", a.name, r.Text)
		}
		if r := nodes(a, "search_nodes", `{"query":""}`); fmt.Sprint(r.Result) != "map[entities:[] relations:[]]" {
			t.Errorf("%s has the graph %s", a.name, r.Text)
		}
	}
}

// TestOwnMemoriesWait: what an agent does to its files and graph can wait for the owner.
func TestOwnMemoriesWait(t *testing.T) {
	w, owner, _, _ := newApprovals(t)
	const where = `"types":["Memory"],"where":{"namespace":{"prefix":"agents/agent-careful/"}}`
	agent := w.principal(owner, locket.KindAgent, "careful", `{"rules":[{"actions":["read"],`+where+`},{"actions":["create","update","delete","link"],`+where+`,"review":true}]}`, nil, false)
	for _, args := range [][]string{
		{"memory.file", "command", "create", "path", "/memories/a.md", "file_text", "text"},
		{"memory.file", "command", "rename", "old_path", "/memories/a.md", "new_path", "/memories/b.md"},
		{"graph.call", "tool", "create_entities", "arguments", `{"entities":[{"name":"Tom","entityType":"cat","observations":[]},{"name":"Tim","entityType":"cat","observations":[]}]}`},
		{"graph.call", "tool", "create_relations", "arguments", `{"relations":[{"from":"Tom","to":"Tim","relationType":"is older than"}]}`},
	} {
		w.fails(agent, locket.CodePending, args[0], args[1:]...)
		w.does(owner, nil, "approvals.approve", "id", w.latest(owner).ID)
	}
	var listed tree.Reply
	w.does(agent, &listed, "memory.file", "command", "view", "path", "/memories")
	var read graph.Reply
	w.does(agent, &read, "graph.call", "tool", "read_graph")
	if !strings.HasSuffix(listed.Text, "\n4B\t/memories/b.md") || !strings.Contains(read.Text, `"relationType": "is older than"`) {
		t.Errorf("%s %s", listed.Text, read.Text)
	}
	// A text that says why it can't be done needs no word.
	var refused tree.Reply
	w.does(agent, &refused, "memory.file", "command", "create", "path", "/memories/b.md")
	if !refused.Error || refused.Text != "File /memories/b.md already exists" || len(w.waiting(owner)) != 0 {
		t.Errorf("%+v", refused)
	}
}
