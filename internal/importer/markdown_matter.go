package importer

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxMatter bounds front matter that is parsed; longer one is kept unread.
const maxMatter = 64 << 10

// A frontMatter is what is understood of a note's YAML front matter. The texts
// of lists are strings; times are time.Time or nil.
type frontMatter struct {
	title             string
	tags, aliases     []any
	created, modified any
}

// splitFrontMatter takes the lines between "---" at the very start and the next
// "---" off a note. Without both there is no front matter.
func splitFrontMatter(text string) (matter, body string) {
	first, rest, ok := strings.Cut(text, "\n")
	if !ok || strings.TrimRight(first, " \t\r") != "---" {
		return "", text
	}
	for at := 0; at < len(rest); {
		line, _, more := strings.Cut(rest[at:], "\n")
		end := at + len(line)
		if more {
			end++
		}
		if strings.TrimRight(line, " \t\r") == "---" {
			return rest[:at], rest[end:]
		}
		at = end
	}
	return "", text
}

// parseFrontMatter reads the keys that Obsidian and common tools know. ok is false
// if it is not a YAML mapping. YAML aliases are not followed, so that they cannot
// multiply.
func parseFrontMatter(matter string) (m frontMatter, ok bool) {
	if strings.TrimSpace(matter) == "" {
		return m, true
	}
	var doc yaml.Node
	if len(matter) > maxMatter || yaml.Unmarshal([]byte(matter), &doc) != nil {
		return m, false
	}
	if len(doc.Content) == 0 {
		return m, true // comments only
	}
	mapping := doc.Content[0]
	if mapping.Kind != yaml.MappingNode {
		return m, false
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		m.set(strings.ToLower(mapping.Content[i].Value), mapping.Content[i+1])
	}
	return m, true
}

func (m *frontMatter) set(key string, v *yaml.Node) {
	switch key {
	case "title":
		if v.Kind == yaml.ScalarNode {
			m.title = strings.TrimSpace(v.Value)
		}
	case "tags", "tag":
		for _, t := range textsOf(v, " ,") {
			if t = strings.TrimPrefix(t, "#"); validTag(t) {
				m.tags = append(m.tags, t)
			}
		}
	case "aliases", "alias":
		for _, t := range textsOf(v, ",") {
			m.aliases = append(m.aliases, t)
		}
	case "date", "created", "date created", "creation date":
		if t := timeOf(v); m.created == nil && t != nil {
			m.created = t
		}
	case "modified", "updated", "date modified", "lastmod":
		if t := timeOf(v); m.modified == nil && t != nil {
			m.modified = t
		}
	}
}

// textsOf returns the texts of a list, or of one text that separators divide.
func textsOf(v *yaml.Node, separators string) []string {
	var out []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	switch v.Kind {
	case yaml.ScalarNode:
		if v.Tag == "!!null" {
			return nil
		}
		for _, s := range strings.FieldsFunc(v.Value, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			add(s)
		}
	case yaml.SequenceNode:
		for _, e := range v.Content {
			if e.Kind == yaml.ScalarNode && e.Tag != "!!null" {
				add(e.Value)
			}
		}
	}
	return out
}

// timeOf returns a time.Time, or nil if v is none. Without a zone UTC is meant.
func timeOf(v *yaml.Node) any {
	if v.Kind != yaml.ScalarNode {
		return nil
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04",
		"2006-01-02 15:04:05 -0700", "2006-01-02", "2006/01/02",
	} {
		if t, err := time.Parse(layout, strings.TrimSpace(v.Value)); err == nil && t.Year() > 0 {
			return t.UTC()
		}
	}
	return nil
}
