package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
)

const mem0 = "mem0"

var mem0Head = regexp.MustCompile(`"memory"\s*:\s*"`)

// mem0Format reads what mem0 answers and exports: a list of memories, alone or as results.
func mem0Format() Format {
	return Format{
		Name: mem0, Title: "Memory of agents (mem0)",
		Recognise: func(name string, head []byte) int {
			scoped := looksLike(name, head, "user_id") || looksLike(name, head, "agent_id") || looksLike(name, head, "run_id")
			if scoped && mem0Head.Match(head) {
				return 85
			}
			return 0
		},
		Read: func(_ context.Context, f *File, emit func(Record) error) error {
			return readMemories(f, emit, splitMem0, func(raw json.RawMessage) (Record, error) { return mem0Record(f, raw) })
		},
	}
}

func splitMem0(b []byte) ([]json.RawMessage, error) {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '[' {
		var list []json.RawMessage
		return list, json.Unmarshal(b, &list)
	}
	var doc struct{ Results, Memories, Relations []json.RawMessage }
	err := json.Unmarshal(b, &doc)
	return append(append(doc.Results, doc.Memories...), doc.Relations...), err
}

func mem0Record(f *File, raw json.RawMessage) (Record, error) {
	var r struct {
		ID           string    `json:"id"`
		Memory       string    `json:"memory"`
		User         string    `json:"user_id"`
		Agent        string    `json:"agent_id"`
		Run          string    `json:"run_id"`
		Actor        string    `json:"actor_id"`
		Categories   looseList `json:"categories"`
		Created      any       `json:"created_at"`
		Expires      any       `json:"expiration_date"`
		Relationship string    `json:"relationship"`
		Metadata     map[string]any
	}
	switch err := json.Unmarshal(raw, &r); {
	case err == nil && r.Relationship != "":
		return Record{}, errors.New("a relation between names, not of memories")
	case err != nil || r.Memory == "":
		return Record{}, errNoMemory
	}
	m := memory{
		identifier: r.ID, text: r.Memory, kind: "fact", tags: r.Categories, sender: r.Actor, thread: r.Run,
		created: memoryTime(r.Created), expires: memoryTime(r.Expires),
	}
	m.key = textKey(mem0, m.text)
	if r.ID != "" {
		m.key = memoryKey(f, mem0, r.ID)
	}
	for _, scope := range []string{r.Agent, r.User} {
		if scope != "" {
			m.namespace = []string{scope}
			break
		}
	}
	m.source, _ = r.Metadata["source"].(string)
	return Record{Items: []Draft{m.draft(mem0)}}, nil
}
