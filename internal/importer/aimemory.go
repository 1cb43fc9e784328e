package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/locketpod/locket"
)

const aiMemory = "ai-memory"

// aiMemoryFormat reads the export of ai-memory: memories, and links between them.
func aiMemoryFormat() Format {
	return Format{
		Name: aiMemory, Title: "Memory of agents (ai-memory)",
		Recognise: func(name string, head []byte) int {
			memories := looksLike(name, head, "memories", "access_count") || looksLike(name, head, "memories", "namespace", "tier", "content")
			links := looksLike(name, head, "links", "source_id", "target_id", "relation") // which stand before them
			if (memories || links) && !bytes.Contains(head, []byte(`"content_hash"`)) {
				return 88
			}
			return 0
		},
		Read: func(_ context.Context, f *File, emit func(Record) error) error {
			r := aiReader{file: f}
			return readMemories(f, emit, r.split, r.record)
		},
	}
}

// An aiReader knows the links of a file by the memory that they start from.
type aiReader struct {
	file  *File
	links map[string][]aiLink
}

type aiLink struct {
	Source   string `json:"source_id"`
	Target   string `json:"target_id"`
	Relation string `json:"relation"`
}

// split returns the memories, and the links that no memory of the file has.
func (r *aiReader) split(b []byte) ([]json.RawMessage, error) {
	var doc struct{ Memories, Links []json.RawMessage }
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(doc.Memories))
	for _, raw := range doc.Memories {
		var m struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &m) == nil {
			there[m.ID] = true
		}
	}
	r.links = make(map[string][]aiLink)
	for _, raw := range doc.Links {
		var l aiLink
		if json.Unmarshal(raw, &l) != nil || !there[l.Source] || !there[l.Target] || l.Relation == "" {
			doc.Memories = append(doc.Memories, raw)
			continue
		}
		r.links[l.Source] = append(r.links[l.Source], l)
	}
	return doc.Memories, nil
}

func (r *aiReader) record(raw json.RawMessage) (Record, error) {
	var v struct {
		aiLink
		ID         string         `json:"id"`
		Title      string         `json:"title"`
		Content    string         `json:"content"`
		Kind       string         `json:"memory_kind"`
		Tier       string         `json:"tier"`
		Namespace  string         `json:"namespace"`
		Tags       looseList      `json:"tags"`
		Priority   *float64       `json:"priority"`
		Confidence *float64       `json:"confidence"`
		Source     string         `json:"source"`
		URI        string         `json:"source_uri"`
		Created    any            `json:"created_at"`
		Expires    any            `json:"expires_at"`
		Metadata   map[string]any `json:"metadata"`
	}
	switch err := json.Unmarshal(raw, &v); {
	case err == nil && v.aiLink.Source != "" && v.Content == "":
		return Record{}, errors.New("a link of a memory that is not in the file")
	case err != nil || v.Content == "":
		return Record{}, errNoMemory
	}
	m := memory{
		key: r.key(v.ID, v.Content), identifier: v.ID, name: v.Title, text: v.Content,
		kind: kindOr(v.Kind, "observation"), tier: map[string]string{"short": "working", "mid": "session", "long": "long"}[v.Tier],
		tags: v.Tags, source: v.URI, created: memoryTime(v.Created), expires: memoryTime(v.Expires),
		importance: share(v.Priority, 10), confidence: share(v.Confidence, 1),
	}
	if v.Namespace != "" {
		m.namespace = []string{v.Namespace}
	}
	if m.source == "" {
		m.source = v.Source
	}
	m.sender, _ = v.Metadata["agent_id"].(string)
	var links []Link
	for _, l := range r.links[v.ID] {
		name := aiEdge(l.Relation)
		if name == locket.EdgeName(l.Relation) && name != l.Relation {
			m.relations = append(m.relations, l.Relation)
		}
		links = append(links, Link{From: m.key, Name: name, To: r.key(l.Target, "")})
	}
	return Record{Items: []Draft{m.draft(aiMemory)}, Links: links}, nil
}

func (r *aiReader) key(id, text string) string {
	if id == "" {
		return textKey(aiMemory, text)
	}
	return memoryKey(r.file, aiMemory, id)
}

// aiEdge is the name of the edge that says the same here.
func aiEdge(relation string) string {
	switch relation {
	case "derived_from", "derives_from", "reflects_on":
		return "derivedFrom"
	case "related_to":
		return "relatedTo"
	}
	return locket.EdgeName(relation)
}
