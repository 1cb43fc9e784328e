package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/graph"
	"github.com/locketpod/locket/internal/store"
)

const ns = "owner/graph"

const people = `{"entities":[{"name":"Anna","entityType":"person","observations":["likes tulips","<b> & 'c'"]},{"name":"Ben","entityType":"person","observations":[]}]}`

// TestReplies compares the texts with those of the tools in src/memory/index.ts of
// modelcontextprotocol/servers. Each call works on what those before it left.
func TestReplies(t *testing.T) {
	p := newPod(t)
	for _, c := range []struct {
		tool, args, text string
		fails            bool
	}{
		{"read_graph", `{}`, "{\n  \"entities\": [],\n  \"relations\": []\n}", false},
		{"create_entities", people, "[\n  {\n    \"name\": \"Anna\",\n    \"entityType\": \"person\",\n    \"observations\": [\n      \"likes tulips\",\n      \"<b> & 'c'\"\n    ]\n  },\n  {\n    \"name\": \"Ben\",\n    \"entityType\": \"person\",\n    \"observations\": []\n  }\n]", false},
		{"create_entities", people, "[]", false},
		{"create_relations", `{"relations":[{"from":"Anna","to":"Ben","relationType":"works with"},{"from":"Anna","to":"Ben","relationType":"works with"}]}`, "[\n  {\n    \"from\": \"Anna\",\n    \"to\": \"Ben\",\n    \"relationType\": \"works with\"\n  }\n]", false},
		{"create_relations", `{"relations":[{"from":"Anna","to":"Ben","relationType":"works with"}]}`, "[]", false},
		{"create_relations", `{"relations":[{"from":"Ben","to":"Anna","relationType":"new"},{"from":"Anna","to":"Clara","relationType":"x"}]}`, "Entity with name Clara not found", true},
		{"add_observations", `{"observations":[{"entityName":"Ben","contents":["has a dog","has a dog"]}]}`, "[\n  {\n    \"entityName\": \"Ben\",\n    \"addedObservations\": [\n      \"has a dog\",\n      \"has a dog\"\n    ]\n  }\n]", false},
		{"add_observations", `{"observations":[{"entityName":"Ben","contents":["has a dog"]}]}`, "[\n  {\n    \"entityName\": \"Ben\",\n    \"addedObservations\": []\n  }\n]", false},
		{"add_observations", `{"observations":[{"entityName":"Ben","contents":["lost"]},{"entityName":"Clara","contents":["x"]}]}`, "Entity with name Clara not found", true},
		{"search_nodes", `{"query":"TULIPS"}`, "{\n  \"entities\": [\n    {\n      \"name\": \"Anna\",\n      \"entityType\": \"person\",\n      \"observations\": [\n        \"likes tulips\",\n        \"<b> & 'c'\"\n      ]\n    }\n  ],\n  \"relations\": [\n    {\n      \"from\": \"Anna\",\n      \"to\": \"Ben\",\n      \"relationType\": \"works with\"\n    }\n  ]\n}", false},
		{"open_nodes", `{"names":["Ben","Clara"]}`, "{\n  \"entities\": [\n    {\n      \"name\": \"Ben\",\n      \"entityType\": \"person\",\n      \"observations\": [\n        \"has a dog\",\n        \"has a dog\"\n      ]\n    }\n  ],\n  \"relations\": [\n    {\n      \"from\": \"Anna\",\n      \"to\": \"Ben\",\n      \"relationType\": \"works with\"\n    }\n  ]\n}", false},
		{"delete_observations", `{"deletions":[{"entityName":"Anna","observations":["likes tulips"]}]}`, "Observations deleted successfully", false},
		{"delete_observations", `{"deletions":[{"entityName":"Anna","observations":["likes tulips"]}]}`, "Deleted 0 of 1 observations.", false},
		{"delete_observations", `{"deletions":[{"entityName":"Ben","observations":["has a dog"]},{"entityName":"Clara","observations":["x","y"]},{"entityName":"D","observations":[]}]}`, "Deleted 2 of 3 observations. Entities not found: Clara, D", false},
		{"delete_relations", `{"relations":[{"from":"Anna","to":"Ben","relationType":"works with"},{"from":"Ben","to":"Anna","relationType":"works with"}]}`, "Deleted 1 of 2 relations. The rest matched nothing.", false},
		{"delete_relations", `{"relations":[]}`, "Relations deleted successfully", false},
		{"delete_entities", `{"entityNames":["Anna"]}`, "Entities deleted successfully", false},
		{"delete_entities", `{"entityNames":["Anna","Ben","Clara"]}`, "Deleted 1 of 3 entities. Not found: Anna, Clara", false},
		{"read_graph", `{"ignored":1}`, "{\n  \"entities\": [],\n  \"relations\": []\n}", false},
	} {
		got := p.call(p.owner, ns, c.tool, c.args)
		if got.Text != c.text || got.Error != c.fails {
			t.Errorf("%s %s:\ngot  %v %s\nwant %v %s", c.tool, c.args, got.Error, got.Text, c.fails, c.text)
		}
		if _, isText := got.Result["message"]; !c.fails && !isText {
			b, err := json.Marshal(got.Result)
			if err != nil || len(got.Result) == 0 || !strings.Contains(string(b), `":[`) {
				t.Errorf("%s: result %s (%v)", c.tool, b, err)
			}
		}
	}
}

// TestItems: an entity is an item, a relation an edge, as docs/design/graph.md says.
func TestItems(t *testing.T) {
	p := newPod(t)
	p.call(p.owner, ns, "create_entities", `{"entities":[{"name":"Anna","entityType":"person","observations":["a\nb","c\\d",""]},{"name":"Ben","entityType":"","observations":[]}]}`)
	p.call(p.owner, ns, "create_relations", `{"relations":[{"from":"Anna","to":"Ben","relationType":"works with"},{"from":"Anna","to":"Ben","relationType":"knows"}]}`)
	page, err := p.owner.Query(t.Context(), locket.Query{Type: "Memory", Order: "created"})
	if err != nil || len(page.Items) != 2 {
		t.Fatal(page, err)
	}
	anna, ben := page.Items[0], page.Items[1]
	if got, want := fmt.Sprint(anna.Props), `map[keywords:[person] kind:entity name:Anna namespace:owner/graph relations:[works with] text:a\nb`+"\n"+`c\\d`+"\n"+`]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(ben.Props), `map[keywords:[] kind:entity name:Ben namespace:owner/graph]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	edges, err := p.owner.Edges(t.Context(), anna.ID, store.Out, "", 0, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range edges.Items {
		names = append(names, l.Edge.Name)
	}
	// printf 'works with' | sha256sum
	if want := []string{"knows", "works_with_" + worksWith}; !slices.Equal(names, want) {
		t.Errorf("edges %q, want %q", names, want)
	}
	p.call(p.owner, ns, "add_observations", `{"observations":[{"entityName":"Ben","contents":["x"]}]}`)
	history, err := p.owner.History(t.Context(), ben.ID, 0, "")
	if err != nil || len(history.Items) != 2 || history.Items[0].Action != locket.ActionUpdate {
		t.Errorf("history %+v (%v)", history.Items, err)
	}
}

const worksWith = "309d0299741af594"

// TestRestored: a deleted entity that is restored comes with its relations, and the oldest
// of a name answers for all.
func TestRestored(t *testing.T) {
	p := newPod(t)
	p.call(p.owner, ns, "create_entities", people)
	p.call(p.owner, ns, "create_relations", `{"relations":[{"from":"Anna","to":"Ben","relationType":"knows"}]}`)
	p.call(p.owner, ns, "delete_entities", `{"entityNames":["Ben"]}`)
	p.call(p.owner, ns, "create_entities", `{"entities":[{"name":"Ben","entityType":"second","observations":[]}]}`)
	if got := p.call(p.owner, ns, "read_graph", `{}`); len(got.Result["relations"].([]graph.Relation)) != 0 {
		t.Errorf("a new entity has the relations of the old one: %s", got.Text)
	}
	page, err := p.owner.Query(t.Context(), locket.Query{Type: "Memory", Deleted: true})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(page, err)
	}
	if _, err := p.owner.Write(t.Context(), func(w *store.Writer) error { return w.Restore(page.Items[0].ID, 0) }); err != nil {
		t.Fatal(err)
	}
	p.call(p.owner, ns, "add_observations", `{"observations":[{"entityName":"Ben","contents":["x"]}]}`)
	got := p.call(p.owner, ns, "open_nodes", `{"names":["Ben"]}`)
	want := `[{Ben person [x]} {Ben second []}] [{Anna Ben knows}]`
	if fmt.Sprint(got.Result["entities"], got.Result["relations"]) != want {
		t.Errorf("got %v, want %s", got.Result, want)
	}
	p.call(p.owner, ns, "delete_entities", `{"entityNames":["Ben"]}`)
	if got := p.call(p.owner, ns, "read_graph", `{}`); len(got.Result["entities"].([]graph.Entity)) != 1 {
		t.Errorf("got %s", got.Text)
	}
}

// TestCase: letters are compared as toLowerCase of ECMAScript makes them.
func TestCase(t *testing.T) {
	p := newPod(t)
	p.call(p.owner, ns, "create_entities", `{"entities":[{"name":"İstanbul","entityType":"x","observations":["ΟΔΟΣ","STRASSE"]}]}`)
	for query, want := range map[string]int{"i̇stanbul": 1, "istanbul": 0, "οδος": 1, "οδοσ": 0, "Straße": 0, "strasse": 1, "": 1} {
		args, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.call(p.owner, ns, "search_nodes", string(args)); len(got.Result["entities"].([]graph.Entity)) != want {
			t.Errorf("%q: %s", query, got.Text)
		}
	}
}

// TestInput: what is not of the form of the tool is refused, with its place.
func TestInput(t *testing.T) {
	p := newPod(t)
	long := strings.Repeat("x", 1025)
	for _, c := range []struct{ tool, args, message string }{
		{"create_entities", `{}`, "arguments: entities: expected a list"},
		{"create_entities", `{"entities":{}}`, "arguments: entities: expected a list"},
		{"create_entities", `{"entities":[1]}`, "arguments: entities[0]: expected an object"},
		{"create_entities", `{"entities":[{"name":"a","entityType":"b","observations":[]},{"name":null,"entityType":"b","observations":[]}]}`, "arguments: entities[1].name: expected text"},
		{"create_entities", `{"entities":[{"name":"a","entityType":"b","observations":["x",1]}]}`, "arguments: entities[0].observations[1]: expected text"},
		{"create_entities", `{"entities":[{"name":"a","entityType":"b"}]}`, "arguments: entities[0].observations: expected a list"},
		{"create_entities", `{"entities":[{"name":"` + long + `","entityType":"b","observations":[]}]}`, "arguments: entities[0].name: expected at most 1024 bytes"},
		{"create_relations", `{"relations":[{"from":"a","relationType":"b"}]}`, "arguments: relations[0].to: expected text"},
		{"add_observations", `{"observations":[{"entityName":"a","observations":[]}]}`, "arguments: observations[0].contents: expected a list"},
		{"delete_entities", `{"entityNames":"a"}`, "arguments: entityNames: expected a list"},
		{"search_nodes", `{"query":["a"]}`, "arguments: query: expected text"},
		{"search_nodes", `{"query":"` + strings.Repeat("𝒳", 1025) + `"}`, "query: at most 2048 characters are allowed"},
		{"open_nodes", `{}`, "arguments: names: expected a list"},
		{"drop_graph", `{}`, "there is no such tool; tools are create_entities, create_relations, add_observations, delete_entities, delete_observations, delete_relations, read_graph, search_nodes, open_nodes"},
	} {
		var args map[string]any
		if err := json.Unmarshal([]byte(c.args), &args); err != nil {
			t.Fatal(err)
		}
		r, err := graph.Call(t.Context(), p.owner, ns, c.tool, args)
		if locket.MessageOf(err) != c.message || r.Text != "" {
			t.Errorf("%s %.100s: got %q (%+v), want %q", c.tool, c.args, locket.MessageOf(err), r, c.message)
		}
	}
	if got := p.call(p.owner, ns, "search_nodes", `{"query":"`+strings.Repeat("𝒳", 1024)+`"}`); got.Error {
		t.Error(got.Text)
	}
}

// TestOthers: agents have graphs of their own and learn nothing of others'; who may not do
// a thing is refused it, with nothing changed; the journal has who was shown.
func TestOthers(t *testing.T) {
	p := newPod(t)
	anna, ben, reader := p.Agent("anna", everything()...), p.Agent("ben", everything()...), p.Agent("reader", locket.MayRead)
	const hers, his = "agents/anna/graph", "agents/ben/graph"
	p.call(anna, hers, "create_entities", people)
	for _, of := range []string{hers, his} {
		for _, c := range [][2]string{{"read_graph", `{}`}, {"search_nodes", `{"query":""}`}, {"open_nodes", `{"names":["Anna"]}`}} {
			if got := p.call(ben, of, c[0], c[1]); got.Text != "{\n  \"entities\": [],\n  \"relations\": []\n}" {
				t.Errorf("%s of %s: %s", c[0], of, got.Text)
			}
		}
		if got := p.call(ben, of, "delete_entities", `{"entityNames":["Anna"]}`); got.Text != "Deleted 0 of 1 entities. Not found: Anna" {
			t.Errorf("of %s: %s", of, got.Text)
		}
		if got := p.call(ben, of, "add_observations", `{"observations":[{"entityName":"Anna","contents":["x"]}]}`); got.Text != "Entity with name Anna not found" {
			t.Errorf("of %s: %s", of, got.Text)
		}
	}
	var args map[string]any
	if err := json.Unmarshal([]byte(people), &args); err != nil {
		t.Fatal(err)
	}
	for _, who := range []*store.View{ben, reader, p.Agent("nobody")} {
		if _, err := graph.Call(t.Context(), who, hers, "create_entities", args); locket.CodeOf(err) != locket.CodeDenied {
			t.Errorf("created in another's graph: %v", err)
		}
	}
	if got := p.call(ben, his, "create_entities", people); got.Text == "[]" {
		t.Error("a name is taken by another's entity")
	}
	if got := p.call(p.owner, ns, "read_graph", `{}`); len(got.Result["entities"].([]graph.Entity)) != 0 {
		t.Errorf("the owner's own graph has %s", got.Text)
	}
	p.call(anna, hers, "create_relations", `{"relations":[{"from":"Ben","to":"Anna","relationType":"knows"}]}`)
	p.call(anna, hers, "create_entities", `{"entities":[{"name":"Clara","entityType":"person","observations":[]}]}`)
	for _, c := range []struct {
		tool, args string
		shown      int
	}{
		{"open_nodes", `{"names":["Anna"]}`, 2},
		{"open_nodes", `{"names":["Ben"]}`, 2},
		{"open_nodes", `{"names":["Clara"]}`, 1},
		{"read_graph", `{}`, 3},
		{"create_entities", people, 2},
		{"search_nodes", `{"query":"clar"}`, 1},
		{"create_relations", `{"relations":[{"from":"Ben","to":"Anna","relationType":"knows"}]}`, 2},
	} {
		p.call(anna, hers, c.tool, c.args)
		page, err := p.owner.Journal(t.Context(), store.JournalQuery{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		e := page.Items[0]
		if e.Author != anna.Principal().ID || e.Actions[0].Action != locket.ActionRead || fmt.Sprint(e.Actions[0].Detail["count"]) != fmt.Sprint(c.shown) {
			t.Errorf("%s %s: the journal has %+v, want %d items", c.tool, c.args, e, c.shown)
		}
	}
}

// TestMost: a graph has an end, and says so.
func TestMost(t *testing.T) {
	p := newPod(t)
	_, err := p.owner.Write(t.Context(), func(w *store.Writer) error {
		for i := range 10_000 {
			if _, err := w.Create(store.Draft{Type: "Memory", Props: map[string]any{"name": fmt.Sprint(i), "kind": "entity", "namespace": ns}}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	full := p.call(p.owner, ns, "create_entities", people)
	if !full.Error || full.Text != "The graph is full: it holds at most 10000 entities and 16 MiB of observations. Delete some first." {
		t.Errorf("%+v", full)
	}
	if got := p.call(p.owner, ns, "read_graph", `{}`); len(got.Result["entities"].([]graph.Entity)) != 10_000 {
		t.Errorf("%.100s", got.Text)
	}
	p.call(p.owner, ns, "delete_entities", `{"entityNames":["17","4711"]}`)
	if got := p.call(p.owner, ns, "create_entities", people); got.Error {
		t.Errorf("%s", got.Text)
	}
}
