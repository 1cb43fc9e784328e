package importer

import (
	"context"
	"encoding/json"
)

const mcpService = "mcp-memory-service"

// mcpServiceFormat reads the export of mcp-memory-service. Its identity of a memory is its
// text.
func mcpServiceFormat() Format {
	return Format{
		Name: mcpService, Title: "Memory of agents (mcp-memory-service)",
		Recognise: func(name string, head []byte) int {
			if looksLike(name, head, "memories", "content", "content_hash") {
				return 90
			}
			return 0
		},
		Read: func(_ context.Context, f *File, emit func(Record) error) error {
			return readMemories(f, emit, splitMCPService, mcpServiceRecord)
		},
	}
}

func splitMCPService(b []byte) ([]json.RawMessage, error) {
	var doc struct{ Memories []json.RawMessage }
	err := json.Unmarshal(b, &doc)
	return doc.Memories, err
}

func mcpServiceRecord(raw json.RawMessage) (Record, error) {
	var r struct {
		Content  string         `json:"content"`
		Hash     string         `json:"content_hash"`
		Tags     looseList      `json:"tags"`
		Type     string         `json:"memory_type"`
		Created  any            `json:"created_at"`
		ISO      any            `json:"created_at_iso"`
		Metadata map[string]any `json:"metadata"`
	}
	if json.Unmarshal(raw, &r) != nil || r.Content == "" {
		return Record{}, errNoMemory
	}
	m := memory{
		key: textKey(mcpService, r.Content), identifier: r.Hash, text: r.Content, kind: kindOr(r.Type, "note"), tags: r.Tags,
		created: memoryTime(r.Created),
	}
	if m.created == nil {
		m.created = memoryTime(r.ISO)
	}
	m.source, _ = r.Metadata["source"].(string)
	return Record{Items: []Draft{m.draft(mcpService)}}, nil
}
