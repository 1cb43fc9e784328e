package graph

import (
	"slices"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/locketpod/locket"
)

func readGraph(g *graph, _ *input) (Reply, error) {
	return g.part(func(*node) bool { return true })
}

func searchNodes(g *graph, in *input) (Reply, error) {
	query := in.text("query")
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	if len(utf16.Encode([]rune(query))) > maxQuery {
		return Reply{}, locket.Errorf(locket.CodeTooLarge, "query: at most %d characters are allowed", maxQuery)
	}
	lower := cases.Lower(language.Und) // as toLowerCase of ECMAScript, which has the whole mapping of Unicode
	query = lower.String(query)
	has := func(s string) bool { return strings.Contains(lower.String(s), query) }
	return g.part(func(n *node) bool {
		return has(n.Name) || has(n.EntityType) || slices.ContainsFunc(n.Observations, has)
	})
}

func openNodes(g *graph, in *input) (Reply, error) {
	names := set(in.texts("names"))
	if err := in.wrong; err != nil {
		return Reply{}, err
	}
	return g.part(func(n *node) bool { return names[n.Name] })
}

// part answers with the entities that keep accepts, and the relations from and to them.
func (g *graph) part(keep func(*node) bool) (Reply, error) {
	var shown []*node
	names := make(map[string]bool)
	entities, relations := []Entity{}, []Relation{}
	for _, n := range g.nodes {
		if keep(n) {
			shown, entities = append(shown, n), append(entities, n.Entity)
			names[n.Name] = true
		}
	}
	if len(shown) > 0 {
		links, err := g.links()
		if err != nil {
			return Reply{}, err
		}
		for _, l := range links {
			if names[l.From] || names[l.To] {
				shown, relations = append(shown, l.from, l.to), append(relations, l.Relation)
			}
		}
	}
	if err := g.show(shown...); err != nil {
		return Reply{}, err
	}
	text, err := pretty(struct {
		Entities  []Entity   `json:"entities"`
		Relations []Relation `json:"relations"`
	}{entities, relations})
	return Reply{Result: map[string]any{"entities": entities, "relations": relations}, Text: text}, err
}

func set[T comparable](list []T) map[T]bool {
	m := make(map[T]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}
