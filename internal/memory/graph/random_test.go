package graph_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/locketpod/locket/internal/memory/graph"
	"github.com/locketpod/locket/internal/store"
)

// A run is random calls of a model and of the tools.
type run struct {
	*pod
	rnd  *rand.Rand
	m    model
	v    *store.View
	seen map[bool]int // answers that are errors, and that are not
}

func (r *run) pick(list []string) string { return list[r.rnd.IntN(len(list))] }

func (r *run) name() string { return r.pick([]string{"Anna", "Ben", "anna", "", "C", "D e"}) }

func some[T any](r *run, make func() T) []T {
	list := []T{}
	for range r.rnd.IntN(4) {
		list = append(list, make())
	}
	return list
}

func (r *run) observation() string {
	return r.pick([]string{"", "likes tulips", "a\nb", `a\nb`, `\`, `\\`, "\r\n", "LIKES", "x"})
}

func (r *run) entity() graph.Entity {
	return graph.Entity{Name: r.name(), EntityType: r.pick([]string{"", "person", "Place"}), Observations: some(r, r.observation)}
}

func (r *run) relation() graph.Relation {
	return graph.Relation{From: r.name(), To: r.name(), RelationType: r.pick([]string{"knows", "works at", "works_at", "works-at", "", "1", "ist Tochter von", "結婚"})}
}

// ask calls a tool with one argument, and compares the text, or the member of the result.
func (r *run) ask(tool, argument string, value any, want any, fails string) {
	r.t.Helper()
	args, err := json.Marshal(map[string]any{argument: value})
	if err != nil {
		r.t.Fatal(err)
	}
	got := r.call(r.v, "agents/a/graph", tool, string(args))
	r.seen[got.Error]++
	member := map[string]string{"create_entities": "entities", "create_relations": "relations", "add_observations": "results"}[tool]
	switch {
	case fails != "":
		if !got.Error || got.Text != fails || got.Result != nil {
			r.t.Fatalf("%s %s: got %+v, want the error %q", tool, args, got, fails)
		}
	case member == "":
		if got.Error || got.Text != want || got.Result["message"] != want || got.Result["success"] != true {
			r.t.Fatalf("%s %s: got %+v, want %q", tool, args, got, want)
		}
	default:
		a, err1 := json.Marshal(got.Result[member])
		b, err2 := json.Marshal(want)
		if got.Error || err1 != nil || err2 != nil || string(a) != string(b) {
			r.t.Fatalf("%s %s: got %s, want %s", tool, args, a, b)
		}
	}
}

// read compares what reading answers.
func (r *run) read(tool, args string, entities []graph.Entity, relations []string) {
	r.t.Helper()
	got := r.call(r.v, "agents/a/graph", tool, args)
	list := []string{}
	for _, rel := range got.Result["relations"].([]graph.Relation) {
		list = append(list, fmt.Sprintf("%q", rel))
	}
	slices.Sort(list)
	if !reflect.DeepEqual(got.Result["entities"], entities) || !slices.Equal(list, relations) {
		r.t.Fatalf("%s %s: got %q %q\nwant %q %q", tool, args, got.Result["entities"], list, entities, relations)
	}
}

func (r *run) step() {
	ofs := func() (list []of, in []map[string]any) {
		in = []map[string]any{}
		for range r.rnd.IntN(3) {
			o := of{r.name(), some(r, r.observation)}
			list = append(list, o)
			in = append(in, map[string]any{"entityName": o.name, "contents": o.list, "observations": o.list})
		}
		return list, in
	}
	switch r.rnd.IntN(10) {
	case 0, 1:
		given := some(r, r.entity)
		r.ask("create_entities", "entities", given, r.m.createEntities(given), "")
	case 2, 3:
		given := some(r, r.relation)
		made, fails := r.m.createRelations(given)
		r.ask("create_relations", "relations", given, made, fails)
	case 4, 5:
		given, in := ofs()
		added, fails := r.m.addObservations(given)
		want := []any{}
		for _, o := range added {
			want = append(want, struct {
				EntityName        string   `json:"entityName"`
				AddedObservations []string `json:"addedObservations"`
			}{o.name, o.list})
		}
		r.ask("add_observations", "observations", in, want, fails)
	case 6:
		given := some(r, r.name)
		if r.rnd.IntN(3) == 0 {
			r.ask("delete_entities", "entityNames", given, r.m.deleteEntities(given), "")
		}
	case 7:
		given, in := ofs()
		r.ask("delete_observations", "deletions", in, r.m.deleteObservations(given), "")
	case 8:
		given := some(r, r.relation)
		r.ask("delete_relations", "relations", given, r.m.deleteRelations(given), "")
	case 9:
		names := some(r, r.name)
		args, err := json.Marshal(map[string]any{"names": names})
		if err != nil {
			r.t.Fatal(err)
		}
		e, l := r.m.part(func(e graph.Entity) bool { return slices.Contains(names, e.Name) })
		r.read("open_nodes", string(args), e, l)
		for _, query := range []string{"", "A", "likes", "per"} {
			e, l := r.m.searchNodes(query)
			r.read("search_nodes", fmt.Sprintf(`{"query":%q}`, query), e, l)
		}
		e, l = r.m.part(func(graph.Entity) bool { return true })
		r.read("read_graph", "{}", e, l)
	}
}

func TestAgainstModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			r := &run{pod: p, rnd: rand.New(rand.NewPCG(seed, 7)), v: p.Agent("a", everything()...), seen: map[bool]int{}}
			for range 250 {
				r.step()
			}
			if r.seen[true] < 5 || r.seen[false] < 100 {
				t.Errorf("%d calls failed, %d did not: too few to tell", r.seen[true], r.seen[false])
			}
		})
	}
}
