package importer

import (
	"bytes"
	"context"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/locketpod/locket"
)

const basicMemory = "basic-memory"

// basicMemoryFormat reads the notes of basic-memory: Markdown whose front matter has a
// type and a permalink. Each becomes one Memory with its whole text; lines like
// "- implements [[Search Design]]" become edges of that name, other links "mentions".
func basicMemoryFormat() Format {
	return Format{
		Name: basicMemory, Title: "Memory of agents (basic-memory)",
		Recognise: func(name string, head []byte) int {
			matter, _ := splitFrontMatter(string(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))))
			if markdownFormat().Recognise(name, head) > 0 && basicType.MatchString(matter) && basicPermalink.MatchString(matter) {
				return 85
			}
			return 0
		},
		Read: readBasicMemory,
	}
}

var (
	basicType      = regexp.MustCompile(`(?m)^type: *\S`)
	basicPermalink = regexp.MustCompile(`(?m)^permalink: *\S`)

	// "- relation [[target]] (context)"; the relation may be missing
	basicRelation = regexp.MustCompile(`^\s*[-*+]\s+([^\[\]]*?)\s*\[\[([^\[\]|#]+)`)
	// "- [category] text #tag (context)", but no task
	basicObservation = regexp.MustCompile(`^\s*[-*+]\s+\[([^\[\]]{2,60})\]\s+\S`)
)

func readBasicMemory(ctx context.Context, f *File, emit func(Record) error) error {
	if f.Size > maxNote {
		return readFile(f, "too large for a note, kept as a file", emit)
	}
	raw, err := f.readAll(maxNote)
	if err != nil {
		return err
	}
	text, exact := decodeText(raw)
	matter, body := splitFrontMatter(text)
	front, understood := parseFrontMatter(matter)
	kind, permalink := basicFront(matter)
	marks := scanMarkdown(body)
	if permalink == "" {
		permalink = strings.TrimSuffix(f.Path, path.Ext(f.Path))
	}
	m := memory{
		key: basicKey(f.Tree, permalink), identifier: permalink, name: front.title, text: strings.TrimSpace(body),
		kind: kindOr(kind, "note"), created: front.created, source: f.Path,
	}
	if m.name == "" {
		m.name = strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path))
	}
	if dir := path.Dir(f.Path); dir != "." {
		m.namespace = []string{dir}
	}
	for _, t := range append(front.tags, marks.tags...) {
		m.tags = append(m.tags, t.(string))
	}
	relations := m.basicLines(body)
	rec := Record{Done: f.Size, Raw: f.Open}
	if !exact || !understood {
		rec.Note = "not plain UTF-8 with front matter; the file is kept as it is"
	}
	if rec.Links, err = basicLinks(ctx, f, m.key, relations, marks.links); err != nil {
		return err
	}
	d := m.draft(basicMemory)
	d.Aliases = []string{f.pathKey(), basicTitle(f.Tree, m.name)}
	rec.Items = []Draft{d}
	return emit(rec)
}

// A note is what its permalink says. Links may call it by its title too.
func basicKey(t *Tree, permalink string) string {
	return "memory:" + basicMemory + ":" + t.hash(permalink)
}

func basicTitle(t *Tree, title string) string {
	return "title:" + basicMemory + ":" + t.hash(fold(title))
}

func basicFront(matter string) (kind, permalink string) {
	var v struct {
		Type      yaml.Node `yaml:"type"`
		Permalink yaml.Node `yaml:"permalink"`
	}
	if len(matter) > maxMatter || yaml.Unmarshal([]byte(matter), &v) != nil {
		return "", strings.TrimSpace(strings.TrimPrefix(basicLine.FindString(matter), "permalink:"))
	}
	return v.Type.Value, v.Permalink.Value
}

var basicLine = regexp.MustCompile(`(?m)^permalink:.*$`)

// basicLines finds the relations of a note, and takes the categories of its observations
// for tags.
func (m *memory) basicLines(body string) []Link {
	var relations []Link
	for line := range strings.SplitSeq(maskCode(body), "\n") {
		if g := basicObservation.FindStringSubmatch(line); g != nil {
			m.tags = append(m.tags, g[1])
			continue
		}
		g := basicRelation.FindStringSubmatch(line)
		if g == nil || len(relations) == maxLinks {
			continue
		}
		relation := strings.Trim(g[1], ` "'`)
		if relation == "" {
			relation = "relates_to"
		}
		name := locket.EdgeName(relation)
		if name != relation && len(m.relations) < maxMemoryTags {
			m.relations = append(m.relations, relation)
		}
		relations = append(relations, Link{Name: name, To: strings.TrimSpace(g[2])})
	}
	return relations
}

// basicLinks completes the relations, and adds the other links of a note. A target is a
// file of the source, or the title or permalink of a note that a link may come before.
func basicLinks(ctx context.Context, f *File, from string, relations []Link, refs []ref) ([]Link, error) {
	for _, r := range refs {
		relations = append(relations, Link{Name: "mentions", To: r.target})
	}
	var links []Link
	related := make(map[string]bool)
	for _, l := range relations {
		to, ok, err := f.Tree.resolve(ctx, f.Path, l.To)
		if err != nil {
			return nil, err
		}
		switch permalink := strings.TrimPrefix(l.To, "memory://"); {
		case ok:
			l.To = to.key
		case strings.Contains(l.To, "/"):
			l.To = basicKey(f.Tree, permalink)
		default:
			l.To = basicTitle(f.Tree, l.To)
		}
		l.From = from
		if l.Name == "mentions" && related[l.To] || related[l.Name+"\x00"+l.To] {
			continue
		}
		related[l.To], related[l.Name+"\x00"+l.To] = true, true
		links = append(links, l)
	}
	return links, nil
}
