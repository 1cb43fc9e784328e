package mcp

import (
	"context"
	"reflect"
)

// graphTools are those of the reference memory server of the Model Context Protocol, by
// name, input and output, over items of the pod.
func graphTools() []tool {
	text := func(help string) map[string]any { return map[string]any{"type": "string", "description": help} }
	list := func(items map[string]any) map[string]any { return map[string]any{"type": "array", "items": items} }
	object := func(properties map[string]any) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "required": sortedKeys(properties)}
	}
	entity := object(map[string]any{
		"name": text("name of the entity"), "entityType": text("its type"),
		"observations": list(text("something known of it")),
	})
	relation := object(map[string]any{
		"from": text("name of the entity where it begins"), "to": text("name of the entity where it ends"),
		"relationType": text("its type, in active voice"),
	})
	observed := object(map[string]any{"entityName": text("name of the entity"), "contents": list(text("what to add"))})
	unobserved := object(map[string]any{"entityName": text("name of the entity"), "observations": list(text("what to take away"))})
	in := func(name, help string, items map[string]any) []param {
		return []param{{name: name, shape: anyJSON, required: true, help: help, schema: list(items)}}
	}
	adds, removes, reads := hints{idempotent: true}, hints{destroys: true, idempotent: true}, hints{reads: true}
	return []tool{
		graphTool("create_entities", "Create entities", "Add entities to the knowledge graph.", adds, in("entities", "the entities", entity)),
		graphTool("create_relations", "Create relations", "Add relations between entities. Relations are in active voice.", adds, in("relations", "the relations", relation)),
		graphTool("add_observations", "Add observations", "Add observations to entities.", adds, in("observations", "what to add to which entity", observed)),
		graphTool("delete_entities", "Delete entities", "Take entities and their relations out of the graph.", removes, in("entityNames", "their names", text("name"))),
		graphTool("delete_observations", "Delete observations", "Take observations away from entities.", removes, in("deletions", "what to take from which entity", unobserved)),
		graphTool("delete_relations", "Delete relations", "Take relations out of the graph.", removes, in("relations", "the relations", relation)),
		graphTool("read_graph", "Read the graph", "Read the whole knowledge graph.", reads, nil),
		graphTool("search_nodes", "Search the graph", "Find entities by words.", reads, []param{queryParam("words")}),
		graphTool("open_nodes", "Open entities", "Read entities by name.", reads, in("names", "their names", text("name"))),
	}
}

// A graphAnswer is what the reference server answers, inside a frame.
type graphAnswer struct {
	framed
	Entities  any    `json:"entities,omitempty"`
	Relations any    `json:"relations,omitempty"`
	Result    any    `json:"result,omitempty"`
	Truncated bool   `json:"truncated,omitempty" help:"there was no room for all: search instead"`
	End       string `json:"end"`
}

func graphTool(name, title, text string, h hints, params []param) tool {
	return tool{
		name: name, title: title, text: text, hints: h, params: params, out: reflect.TypeFor[graphAnswer](),
		run: func(ctx context.Context, c Caller, a args) (answer, error) {
			got, err := call[struct {
				Result any `json:"result"`
			}](ctx, c, "graph.call", map[string]any{"tool": name, "arguments": map[string]any(a)})
			if err != nil {
				return answer{}, err
			}
			f := newFrame()
			out := graphAnswer{framed: f.notice()}
			switch v := f.value(got.Result).(type) {
			case map[string]any:
				out.Entities, out.Relations = v["entities"], v["relations"]
				delete(v, "entities")
				delete(v, "relations")
				if len(v) > 0 {
					out.Result = v
				}
			default:
				out.Result = v
			}
			out.Truncated, out.End = f.truncated, f.end()
			return answer{data: out}, nil
		},
	}
}
