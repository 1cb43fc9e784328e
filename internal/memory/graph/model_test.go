package graph_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/locketpod/locket/internal/memory/graph"
)

// A model is KnowledgeGraphManager and the nine tools of src/memory/index.ts of
// modelcontextprotocol/servers, over a value in place of a file, for ASCII.
type model struct {
	entities  []graph.Entity
	relations []graph.Relation
}

func (m *model) entity(name string) *graph.Entity {
	for i := range m.entities {
		if m.entities[i].Name == name {
			return &m.entities[i]
		}
	}
	return nil
}

func (m *model) createEntities(given []graph.Entity) (made []graph.Entity) {
	made = []graph.Entity{}
	for _, e := range given {
		if m.entity(e.Name) == nil {
			e.Observations = slices.Clone(e.Observations)
			m.entities, made = append(m.entities, e), append(made, e)
		}
	}
	return made
}

func (m *model) createRelations(given []graph.Relation) (made []graph.Relation, fails string) {
	made = []graph.Relation{}
	for _, r := range given {
		for _, name := range []string{r.From, r.To} {
			if m.entity(name) == nil {
				return nil, fmt.Sprintf("Entity with name %s not found", name)
			}
		}
	}
	for _, r := range given {
		if !slices.Contains(m.relations, r) {
			m.relations, made = append(m.relations, r), append(made, r)
		}
	}
	return made, ""
}

// An of is observations of an entity, as add_observations and delete_observations take
// them.
type of struct {
	name string
	list []string
}

func (m *model) addObservations(given []of) (added []of, fails string) {
	for _, o := range given {
		if m.entity(o.name) == nil {
			return nil, fmt.Sprintf("Entity with name %s not found", o.name)
		}
	}
	for _, o := range given {
		e := m.entity(o.name)
		fresh := []string{}
		for _, s := range o.list {
			if !slices.Contains(e.Observations, s) {
				fresh = append(fresh, s)
			}
		}
		e.Observations = append(e.Observations, fresh...)
		added = append(added, of{o.name, fresh})
	}
	return added, ""
}

func (m *model) deleteEntities(names []string) string {
	var missing []string
	for _, name := range names {
		if m.entity(name) == nil {
			missing = append(missing, name)
		}
	}
	m.entities = slices.DeleteFunc(m.entities, func(e graph.Entity) bool { return slices.Contains(names, e.Name) })
	m.relations = slices.DeleteFunc(m.relations, func(r graph.Relation) bool { return slices.Contains(names, r.From) || slices.Contains(names, r.To) })
	if missing == nil {
		return "Entities deleted successfully"
	}
	return fmt.Sprintf("Deleted %d of %d entities. Not found: %s", len(names)-len(missing), len(names), strings.Join(missing, ", "))
}

func (m *model) deleteObservations(given []of) string {
	var requested, deleted int
	var missing []string
	for _, o := range given {
		requested += len(o.list)
		e := m.entity(o.name)
		if e == nil {
			missing = append(missing, o.name)
			continue
		}
		before := len(e.Observations)
		e.Observations = slices.DeleteFunc(e.Observations, func(s string) bool { return slices.Contains(o.list, s) })
		deleted += before - len(e.Observations)
	}
	switch {
	case deleted == requested:
		return "Observations deleted successfully"
	case missing == nil:
		return fmt.Sprintf("Deleted %d of %d observations.", deleted, requested)
	}
	return fmt.Sprintf("Deleted %d of %d observations. Entities not found: %s", deleted, requested, strings.Join(missing, ", "))
}

func (m *model) deleteRelations(given []graph.Relation) string {
	before := len(m.relations)
	m.relations = slices.DeleteFunc(m.relations, func(r graph.Relation) bool { return slices.Contains(given, r) })
	if deleted := before - len(m.relations); deleted != len(given) {
		return fmt.Sprintf("Deleted %d of %d relations. The rest matched nothing.", deleted, len(given))
	}
	return "Relations deleted successfully"
}

// part is the entities that fit and the relations that touch them, by the text of these.
func (m *model) part(fits func(graph.Entity) bool) (entities []graph.Entity, relations []string) {
	entities, relations = []graph.Entity{}, []string{}
	names := map[string]bool{}
	for _, e := range m.entities {
		if fits(e) {
			entities, names[e.Name] = append(entities, e), true
		}
	}
	for _, r := range m.relations {
		if names[r.From] || names[r.To] {
			relations = append(relations, fmt.Sprintf("%q", r))
		}
	}
	slices.Sort(relations)
	return entities, relations
}

func (m *model) searchNodes(query string) ([]graph.Entity, []string) {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(query)) }
	return m.part(func(e graph.Entity) bool {
		return has(e.Name) || has(e.EntityType) || slices.ContainsFunc(e.Observations, has)
	})
}
