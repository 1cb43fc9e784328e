package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func createEntities(g *graph, in *input) (Reply, error) {
	given := objects(in, "entities", readEntity)
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	made := []Entity{}
	var met []*node
	taken := make(map[string]bool)
	for _, e := range given {
		if n := g.byName[e.Name]; n != nil {
			met = append(met, n)
		} else if !taken[e.Name] {
			taken[e.Name] = true
			made = append(made, e)
			g.bytes += size(e.Observations)
		}
	}
	if err := g.checkRoom(len(made)); err != nil {
		return Reply{}, err
	}
	if err := g.show(met...); err != nil {
		return Reply{}, err
	}
	for _, e := range made {
		props := map[string]any{"name": e.Name, "keywords": []any{e.EntityType}, "kind": kind, "namespace": g.namespace, "text": encode(e.Observations)}
		if _, err := g.w.Create(store.Draft{Type: typ, Props: props}); err != nil {
			return Reply{}, err
		}
	}
	return answer("entities", made)
}

// checkRoom refuses what would make the graph too large.
func (g *graph) checkRoom(entities int) error {
	if len(g.nodes)+entities > maxEntities || g.bytes > maxBytes {
		return refuse("The graph is full: it holds at most %d entities and %d MiB of observations. Delete some first.", maxEntities, maxBytes>>20)
	}
	return nil
}

// size is the length of observations as they are kept.
func size(list []string) int {
	s, _ := encode(list).(string)
	return len(s)
}

// answer is a list under a name, and as text the list alone.
func answer[T any](name string, list []T) (Reply, error) {
	text, err := pretty(list)
	return Reply{Result: map[string]any{name: list}, Text: text}, err
}

// done answers a deletion.
func done(message string) (Reply, error) {
	return Reply{Result: map[string]any{"success": true, "message": message}, Text: message}, nil
}

func (g *graph) find(name string) (*node, error) {
	if n := g.byName[name]; n != nil {
		return n, nil
	}
	return nil, refuse("Entity with name %s not found", name)
}

func addObservations(g *graph, in *input) (Reply, error) {
	type added struct {
		EntityName        string   `json:"entityName"`
		AddedObservations []string `json:"addedObservations"`
	}
	given := objects(in, "observations", readOf("contents"))
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	results := []added{}
	var changed []*node
	for _, o := range given {
		n, err := g.find(o.entity)
		if err != nil {
			return Reply{}, err
		}
		known := set(n.Observations)
		fresh := slices.DeleteFunc(o.observations, func(s string) bool { return known[s] })
		g.bytes += size(fresh) + 1
		n.Observations = append(n.Observations, fresh...)
		changed = append(changed, n)
		results = append(results, added{o.entity, fresh})
	}
	if err := g.checkRoom(0); err != nil {
		return Reply{}, err
	}
	if err := g.save(changed); err != nil {
		return Reply{}, err
	}
	return answer("results", results)
}

// save writes the observations of entities.
func (g *graph) save(nodes []*node) error {
	for _, n := range nodes {
		if _, err := g.w.Update(n.id, 0, map[string]any{"text": encode(n.Observations)}); err != nil {
			return err
		}
	}
	return nil
}

func deleteObservations(g *graph, in *input) (Reply, error) {
	given := objects(in, "deletions", readOf("observations"))
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	var requested, deleted int
	var missing []string
	var changed []*node
	for _, o := range given {
		requested += len(o.observations)
		n := g.byName[o.entity]
		if n == nil {
			missing = append(missing, o.entity)
			continue
		}
		before, unwanted := len(n.Observations), set(o.observations)
		n.Observations = slices.DeleteFunc(n.Observations, func(s string) bool { return unwanted[s] })
		deleted += before - len(n.Observations)
		changed = append(changed, n)
	}
	if err := g.save(changed); err != nil {
		return Reply{}, err
	}
	if deleted == requested {
		return done("Observations deleted successfully")
	}
	message := fmt.Sprintf("Deleted %d of %d observations.", deleted, requested)
	if len(missing) > 0 {
		message += " Entities not found: " + strings.Join(missing, ", ")
	}
	return done(message)
}

// deleteEntities hides items. Their edges are hidden with them, and would come back with
// them.
func deleteEntities(g *graph, in *input) (Reply, error) {
	names := in.texts("entityNames")
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	var missing []string
	for _, name := range names {
		if g.byName[name] == nil {
			missing = append(missing, name)
		}
	}
	gone := set(names)
	for _, n := range g.nodes {
		if gone[n.Name] {
			if err := g.w.Delete(n.id, 0); err != nil {
				return Reply{}, err
			}
		}
	}
	if len(missing) == 0 {
		return done("Entities deleted successfully")
	}
	return done(fmt.Sprintf("Deleted %d of %d entities. Not found: %s", len(names)-len(missing), len(names), strings.Join(missing, ", ")))
}

func createRelations(g *graph, in *input) (Reply, error) {
	given := objects(in, "relations", readRelation)
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	links, err := g.links()
	if err != nil {
		return Reply{}, err
	}
	there := make(map[Relation]bool)
	for _, l := range links {
		there[l.Relation] = true
	}
	made := []Relation{}
	var ends []*node
	for _, r := range given {
		for _, name := range []string{r.From, r.To} {
			n, err := g.find(name)
			if err != nil {
				return Reply{}, err
			}
			ends = append(ends, n)
		}
		if !there[r] {
			there[r] = true
			made = append(made, r)
		}
	}
	if err := g.show(ends...); err != nil {
		return Reply{}, err
	}
	for _, r := range made {
		if err := g.link(g.byName[r.From], g.byName[r.To], r.RelationType); err != nil {
			return Reply{}, err
		}
	}
	return answer("relations", made)
}

// link makes an edge, and has the entity it starts from know what its name stands for.
func (g *graph) link(from, to *node, relationType string) error {
	name := locket.EdgeName(relationType)
	if err := g.w.Link(locket.Edge{Source: from.id, Name: name, Target: to.id}); err != nil {
		return err
	}
	if name == relationType || slices.Contains(from.types, relationType) {
		return nil
	}
	from.types = append(from.types, relationType)
	_, err := g.w.Update(from.id, 0, map[string]any{"relations": from.types})
	return err
}

// deleteRelations removes edges. What their names stand for stays known: it is little, and
// other edges may have the name.
func deleteRelations(g *graph, in *input) (Reply, error) {
	given := objects(in, "relations", readRelation)
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	unwanted := set(given)
	links, err := g.links()
	if err != nil {
		return Reply{}, err
	}
	deleted := 0
	for _, l := range links {
		if !unwanted[l.Relation] {
			continue
		}
		if err := g.w.Unlink(l.edge); err != nil {
			return Reply{}, err
		}
		deleted++
	}
	if deleted == len(given) {
		return done("Relations deleted successfully")
	}
	return done(fmt.Sprintf("Deleted %d of %d relations. The rest matched nothing.", deleted, len(given)))
}
