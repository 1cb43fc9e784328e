package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

const mcpMemory = "mcp-memory"

// mcpMemoryFormat reads the file of the reference memory server of MCP, a graph: each line
// is an entity or a relation. An entity becomes a Memory as the graph tools keep it, with
// an observation on each line of its text; a relation becomes an edge.
func mcpMemoryFormat() Format {
	return Format{
		Name: mcpMemory, Title: "Memory of agents (MCP memory server)",
		Recognise: func(name string, head []byte) int {
			entity := looksLike(name, head, "entityType", "observations", "name")
			relation := looksLike(name, head, "relationType", "from", "to")
			if (entity || relation) && !looksLike(name, head, "entities") {
				return 90
			}
			return 0
		},
		Read: readMCPMemory,
	}
}

type graphLine struct {
	Kind         string        `json:"type"`
	OtherKind    string        `json:"_type"` // of a server that is a variant
	Name         string        `json:"name"`
	EntityType   string        `json:"entityType"`
	Observations []observation `json:"observations"`
	From         string        `json:"from"`
	To           string        `json:"to"`
	RelationType string        `json:"relationType"`
}

// An observation is a text, or in variants an object with one.
type observation struct {
	text string
	at   any
}

func (o *observation) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &o.text) == nil {
		return nil
	}
	var v struct {
		Text      *string `json:"text"`
		Content   *string `json:"content"`
		Timestamp any     `json:"timestamp"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch {
	case v.Text != nil:
		o.text = *v.Text
	case v.Content != nil:
		o.text = *v.Content
	default:
		return errNoMemory
	}
	o.at = memoryTime(v.Timestamp)
	return nil
}

// A graphFile is all of a file: a relation may stand before its entities, and belongs to
// the record of the one that it starts from.
type graphFile struct {
	file     *File
	entities map[string]*memory
	links    map[string][]Link
}

func readMCPMemory(ctx context.Context, f *File, emit func(Record) error) error {
	if f.Size > maxMemories {
		return readFile(f, "too large to be read for memories, kept as a file", emit)
	}
	b, err := f.readAll(maxMemories)
	if err != nil {
		return err
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	g := graphFile{file: f, entities: make(map[string]*memory), links: make(map[string][]Link)}
	lines := 0
	for raw := range bytes.Lines(b) {
		if l, err := parseGraphLine(raw); err == nil && l.Kind == "entity" {
			g.add(l)
		}
	}
	for raw := range bytes.Lines(b) {
		if l, err := parseGraphLine(raw); err == nil && l.Kind == "relation" {
			g.link(l)
		}
	}
	var done int64
	for raw := range bytes.Lines(b) {
		if err := ctx.Err(); err != nil {
			return err
		}
		lines++
		done += int64(len(raw))
		rec, ok := g.record(raw)
		if !ok {
			continue
		}
		rec.Where, rec.Done, rec.Raw = fmt.Sprintf("line %d", lines), done, opener(raw)
		if err := emit(rec); err != nil {
			return err
		}
	}
	return nil
}

func parseGraphLine(raw []byte) (graphLine, error) {
	var l graphLine
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, err
	}
	if l.Kind == "" {
		l.Kind = l.OtherKind
	}
	switch {
	case l.Kind == "entity" && l.Name != "", l.Kind == "relation" && l.From != "" && l.To != "" && l.RelationType != "":
		return l, nil
	}
	return l, errNoMemory
}

// observed is the form in which the graph tools keep an observation on a line.
var observed = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// add takes an entity. One that comes twice has the observations of both.
func (g *graphFile) add(l graphLine) {
	m := g.entities[l.Name]
	if m == nil {
		m = &memory{key: g.key(l.Name), name: l.Name, kind: "entity", tags: []string{l.EntityType}}
		g.entities[l.Name] = m
	}
	there := strings.Split(m.text, "\n")
	for _, o := range l.Observations {
		if at, ok := o.at.(interface{ IsZero() bool }); ok && !at.IsZero() && m.created == nil {
			m.created = o.at
		}
		line := observed.Replace(o.text)
		if line == "" || slices.Contains(there, line) {
			continue
		}
		there = append(there, line)
		if m.text != "" {
			m.text += "\n"
		}
		m.text += line
	}
}

func (g *graphFile) key(entity string) string {
	return memoryKey(g.file, mcpMemory, "entity\x00"+entity)
}

func (g *graphFile) link(l graphLine) {
	m := g.entities[l.From]
	if m == nil || g.entities[l.To] == nil {
		return // rejected when its line is reached
	}
	name := locket.EdgeName(l.RelationType)
	if name != l.RelationType {
		m.relations = append(m.relations, l.RelationType)
	}
	g.links[l.From] = append(g.links[l.From], Link{From: m.key, Name: name, To: g.key(l.To)})
}

// record is what a line becomes; none if it is empty or a relation between entities.
func (g *graphFile) record(raw []byte) (Record, bool) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return Record{}, false
	}
	l, err := parseGraphLine(raw)
	switch {
	case err != nil:
		return Record{Err: errors.New("neither an entity nor a relation")}, true
	case l.Kind == "entity":
		rec := Record{Items: []Draft{g.entities[l.Name].draft(mcpMemory)}, Links: g.links[l.Name]}
		delete(g.links, l.Name)
		return rec, true
	case g.entities[l.From] == nil || g.entities[l.To] == nil:
		return Record{Err: errors.New("a relation of an entity that is not in the file")}, true
	}
	return Record{}, false
}
