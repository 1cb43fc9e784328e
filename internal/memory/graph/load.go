package graph

import (
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// The item of an entity.
const (
	typ  = "Memory"
	kind = "entity"
)

// A graph is the entities of a namespace as one transaction sees them. As in the reference
// it is read as a whole for every call; what of it is shown is recorded by show.
type graph struct {
	w         *store.Writer
	namespace string
	nodes     []*node // oldest first
	byName    map[string]*node
	byID      map[locket.ItemID]*node
	bytes     int // of all observations
}

// A node is an entity and its item. There may be more than one of a name, as when one was
// restored: the oldest answers for all.
type node struct {
	Entity
	id    locket.ItemID
	place int      // in the order of age
	types []string // relation types that cannot be names of edges
}

func load(w *store.Writer, namespace string) (*graph, error) {
	g := &graph{w: w, namespace: namespace, byName: make(map[string]*node), byID: make(map[locket.ItemID]*node)}
	q := locket.Query{Type: typ, Order: "created", Limit: entitiesAtOnce, Where: []locket.Condition{
		{Property: "namespace", Op: locket.OpEqual, Value: namespace},
		{Property: "kind", Op: locket.OpEqual, Value: kind},
	}}
	for {
		page, err := w.Query(q)
		if err != nil {
			return nil, err
		}
		for _, it := range page.Items {
			g.add(it)
		}
		if len(g.nodes) > maxEntities || g.bytes > maxBytes {
			return nil, locket.Errorf(locket.CodeTooLarge, "the graph has more than %d entities or %d MiB, which is more than these tools read; recall finds them", maxEntities, maxBytes>>20)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return g, nil
		}
	}
}

func (g *graph) add(it locket.Item) {
	text, some := it.Props["text"].(string)
	n := &node{id: it.ID, place: len(g.nodes), types: texts(it.Props["relations"]), Entity: Entity{Name: it.Text("name"), Observations: observations(text, some)}}
	if keywords := texts(it.Props["keywords"]); len(keywords) > 0 {
		n.EntityType = keywords[0]
	}
	g.nodes = append(g.nodes, n)
	g.byID[n.id] = n
	if g.byName[n.Name] == nil {
		g.byName[n.Name] = n
	}
	g.bytes += len(text)
}

// texts is a property with many texts.
func texts(v any) (list []string) {
	values, _ := v.([]any)
	for _, v := range values {
		s, _ := v.(string)
		list = append(list, s)
	}
	return list
}

// A link is a relation and its edge.
type link struct {
	Relation
	edge     locket.Edge
	from, to *node
}

// links are all relations, ordered by the age of the entities they start from.
func (g *graph) links() ([]link, error) {
	ids := make([]locket.ItemID, len(g.nodes))
	for i, n := range g.nodes {
		ids[i] = n.id
	}
	edges, err := g.w.Links(ids, store.Out)
	if err != nil {
		return nil, err
	}
	var all []link
	for _, e := range edges {
		from, to := g.byID[e.Source], g.byID[e.Target]
		if from != nil && to != nil {
			all = append(all, link{Relation{from.Name, to.Name, from.relationType(e.Name)}, e, from, to})
		}
	}
	return all, nil
}

// relationType is what the name of one of the edges from the node stands for.
func (n *node) relationType(edge string) string {
	for _, t := range n.types {
		if locket.EdgeName(t) == edge {
			return t
		}
	}
	return edge
}

// show records that the model learns of entities.
func (g *graph) show(nodes ...*node) error {
	slices.SortFunc(nodes, func(a, b *node) int { return a.place - b.place })
	for _, n := range slices.Compact(nodes) {
		if _, err := g.w.Get(n.id); err != nil {
			return err
		}
	}
	return nil
}
