package ops

import (
	"context"

	"github.com/locketpod/locket/internal/memory/graph"
)

type graphCallIn struct {
	Tool      string         `path:"tool" help:"create_entities, create_relations, add_observations, delete_entities, delete_observations, delete_relations, read_graph, search_nodes or open_nodes"`
	Arguments map[string]any `json:"arguments,omitempty" help:"what the tool takes, as the MCP reference server memory has it"`
}

func graphCall(ctx context.Context, c *Call, in graphCallIn) (graph.Reply, error) {
	namespace, err := ownMemories(ctx, c, "graph")
	if err != nil {
		return graph.Reply{}, err
	}
	return graph.Call(ctx, c.View, namespace, in.Tool, in.Arguments)
}
