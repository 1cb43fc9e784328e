// Package graph is the knowledge graph of the MCP reference server "memory" over items:
// the same nine tools, with the same inputs and answers; see docs/design/graph.md.
package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Bounds on a graph.
const (
	maxEntities = 10_000
	maxBytes    = 16 << 20 // of all observations
	maxName     = 1024     // bytes of a name or type
	maxQuery    = 2048     // UTF-16 code units, as in the reference

	entitiesAtOnce = 200 // read at once
)

// An Entity is a node, by its name.
type Entity struct {
	Name         string   `json:"name"`
	EntityType   string   `json:"entityType"`
	Observations []string `json:"observations"`
}

// A Relation is an edge between two entities.
type Relation struct {
	From         string `json:"from"`
	To           string `json:"to"`
	RelationType string `json:"relationType"`
}

// A Reply is what a tool answers: structured content, and the text for the model. Error
// marks a text that goes back as an error of the tool; there is no Result then.
type Reply struct {
	Result map[string]any `json:"result,omitempty"`
	Text   string         `json:"text"`
	Error  bool           `json:"error"`
}

// A refusal is an answer that is an error of the tool.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// A tool is one of the nine.
type tool struct {
	name string
	call func(g *graph, in *input) (Reply, error)
}

func tools() []tool {
	return []tool{
		{"create_entities", createEntities},
		{"create_relations", createRelations},
		{"add_observations", addObservations},
		{"delete_entities", deleteEntities},
		{"delete_observations", deleteObservations},
		{"delete_relations", deleteRelations},
		{"read_graph", readGraph},
		{"search_nodes", searchNodes},
		{"open_nodes", openNodes},
	}
}

// Tools are the names of the tools.
func Tools() []string {
	var names []string
	for _, t := range tools() {
		names = append(names, t.name)
	}
	return names
}

// Call calls a tool on the graph of a namespace. Arguments are as decoded from JSON. The
// error is for what is no answer to the model, as a policy that does not permit it.
func Call(ctx context.Context, v *store.View, namespace, name string, arguments map[string]any) (Reply, error) {
	var call func(*graph, *input) (Reply, error)
	for _, t := range tools() {
		if t.name == name {
			call = t.call
		}
	}
	if call == nil {
		return Reply{}, locket.Errorf(locket.CodeNotFound, "there is no such tool; tools are %s", strings.Join(Tools(), ", "))
	}
	var reply Reply
	_, err := v.Write(ctx, func(w *store.Writer) error {
		g, err := load(w, namespace)
		if err != nil {
			return err
		}
		reply, err = call(g, &input{members: arguments})
		if text, ok := errors.AsType[refusal](err); ok {
			// Nothing was written; what was read is to be recorded.
			reply, err = Reply{Text: string(text), Error: true}, nil
		}
		return err
	})
	if err != nil {
		return Reply{}, err
	}
	return reply, nil
}
