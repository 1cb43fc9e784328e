package exporter

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/locketpod/locket"
)

// maxLinks bounds the links in the front matter of one note. All are in locket.jsonl.
const maxLinks = 1000

// note writes a Note as Markdown with YAML front matter, in the folder that it is in.
func (r *run) note(ctx context.Context, it *locket.Item) error {
	matter, err := r.frontMatter(ctx, it)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("---\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(matter); err != nil {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	b.WriteString("---\n" + it.Text("text"))
	dir := "notes"
	for i, part := range strings.Split(it.Text("folder"), "/") {
		if part != "" && i < 8 {
			dir = path.Join(dir, strings.ReplaceAll(safe(part), ".", "_"))
		}
	}
	modified, ok := it.Props["dateModified"].(time.Time)
	if !ok {
		modified = it.Updated
	}
	return r.small(r.names.unique(dir, it.Text("name"), ".md", string(it.ID)), modified, b.Bytes())
}

// frontMatter is what the note had before, with what the pod knows of it put in where
// it did not say so itself.
func (r *run) frontMatter(ctx context.Context, it *locket.Item) (*yaml.Node, error) {
	m := oldMatter(it.Text("frontMatter"))
	links, err := r.links(ctx, it.ID)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		key   string
		same  []string // other names of the key
		value any
	}{
		{"id", nil, string(it.ID)},
		{"title", nil, it.Props["name"]},
		{"created", []string{"date", "date created", "creation date"}, timeIn(it, "dateCreated", it.Created)},
		{"modified", []string{"updated", "date modified", "lastmod"}, timeIn(it, "dateModified", it.Updated)},
		{"tags", []string{"tag"}, it.Props["keywords"]},
		{"aliases", []string{"alias"}, it.Props["alternateName"]},
		{"source", nil, it.Props["url"]},
		{"links", nil, links},
	} {
		if f.value == nil || hasKey(m, append(f.same, f.key)) {
			continue
		}
		var key, value yaml.Node
		if err := key.Encode(f.key); err != nil {
			return nil, err
		}
		if err := value.Encode(f.value); err != nil {
			return nil, err
		}
		m.Content = append(m.Content, &key, &value)
	}
	return m, nil
}

func timeIn(it *locket.Item, property string, otherwise time.Time) string {
	t, ok := it.Props[property].(time.Time)
	if !ok {
		t = otherwise
	}
	return t.UTC().Format(time.RFC3339)
}

// oldMatter reads front matter; an empty mapping if it is none.
func oldMatter(text string) *yaml.Node {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) == nil && len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
		return doc.Content[0]
	}
	return &yaml.Node{Kind: yaml.MappingNode}
}

func hasKey(m *yaml.Node, names []string) bool {
	for i := 0; i+1 < len(m.Content); i += 2 {
		for _, n := range names {
			if strings.EqualFold(m.Content[i].Value, n) {
				return true
			}
		}
	}
	return false
}

// links are the edges of an item for people; nil if there are none.
func (r *run) links(ctx context.Context, id locket.ItemID) (any, error) {
	edges, err := r.x.EdgesFrom(ctx, id, maxLinks)
	if err != nil || len(edges) == 0 {
		return nil, err
	}
	var out []string
	for _, e := range edges {
		it, err := r.x.Item(ctx, e.Target)
		if err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("%s: %s (%s %s)", e.Name, it.Text("name"), it.Type, it.ID))
	}
	return out, nil
}
