package importer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Bounds on one note. What is larger is kept as a file, or loses the rest of its
// links.
const (
	maxNote  = 4 << 20
	maxLinks = 5000
)

// markdownFormat reads Markdown as Obsidian understands it: front matter, tags,
// aliases, wiki links, embeds. Each file is one Note.
//
// A note's identity is its source and its path there. The same content at the
// same path is a duplicate; other content is a new version of the same note.
func markdownFormat() Format {
	return Format{
		Name:  "markdown",
		Title: "Notes (Markdown, Obsidian)",
		Recognise: func(p string, _ []byte) int {
			switch strings.ToLower(path.Ext(p)) {
			case ".md", ".markdown":
				return 80
			}
			return 0
		},
		Read: readNote,
	}
}

func readNote(ctx context.Context, f *File, emit func(Record) error) error {
	if f.Size > maxNote {
		return readFile(f, "too large for a note, kept as a file", emit)
	}
	raw, err := f.readAll(maxNote)
	if err != nil {
		return err
	}
	text, exact := decodeText(raw)
	matter, body := splitFrontMatter(text)
	m, understood := parseFrontMatter(matter)
	marks := scanMarkdown(body)
	for line := range strings.Lines(matter) {
		marks.wikiLinks(line)
	}

	sum := sha256.Sum256(raw)
	d := noteDraft(f, hex.EncodeToString(sum[:]), m, marks)
	d.Props["text"] = body
	d.Props["frontMatter"] = nonEmpty(matter)
	rec := Record{Done: f.Size, Items: []Draft{d}}
	if !exact {
		rec.Raw = f.Open
		rec.Note = "not plain UTF-8, converted"
	}
	if !understood {
		rec.Note = joinNotes(rec.Note, "front matter not understood")
	}
	rec.Links, err = noteLinks(ctx, f, marks.links)
	if err != nil {
		return err
	}
	return emit(rec)
}

// noteDraft sets every property of a note, with nil for those it lacks, so that a
// newer version removes what the older one had.
func noteDraft(f *File, sum string, m frontMatter, marks marks) Draft {
	file := strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path))
	name, others := file, m.aliases
	if m.title != "" && m.title != file {
		name, others = m.title, append([]any{file}, others...)
	}
	var modified any
	if t, ok := f.modified(); ok {
		modified = t
	}
	d := Draft{
		Key: "note:" + f.Tree.hash(f.Path), Aliases: []string{f.pathKey()}, Type: "Note",
		Props: map[string]any{
			"name": name, "alternateName": nonEmptyList(others), "folder": f.folder(),
			"keywords":    nonEmptyList(distinct(append(m.tags, marks.tags...))),
			"dateCreated": m.created, "dateModified": modified,
			"encodingFormat": "text/markdown", "contentSize": f.Size, "sha256": sum,
		},
		Replaces: func(there map[string]any) bool { return there["sha256"] != sum },
	}
	if m.modified != nil {
		d.Props["dateModified"] = m.modified
	}
	return d
}

// noteLinks turns the links of a note into edges: "attachment" for an embedded
// file that is no note, else "mentions". A link that leads nowhere is given a
// target that nothing has, so that the report counts it.
func noteLinks(ctx context.Context, f *File, refs []ref) ([]Link, error) {
	var links []Link
	seen := make(map[Link]bool)
	for _, r := range refs {
		to, ok, err := f.Tree.resolve(ctx, f.Path, r.target)
		if err != nil {
			return nil, err
		}
		l := Link{From: f.pathKey(), Name: "mentions", To: to.key}
		if !ok {
			l.To = "missing:" + f.Tree.hash(r.target)
		}
		if r.embed && ok && markdownFormat().Recognise(to.path, nil) == 0 {
			l.Name = "attachment"
		}
		if l.From != l.To && !seen[l] {
			seen[l] = true
			links = append(links, l)
		}
	}
	return links, nil
}

// decodeText returns raw as text without a byte order mark: UTF-8, or UTF-16 if a
// mark says so. exact is false if raw cannot be made from the text again.
func decodeText(raw []byte) (text string, exact bool) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	b, _, err := transform.Bytes(unicode.BOMOverride(encoding.Nop.NewDecoder()), raw)
	if err != nil {
		b = raw
	}
	clean := strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\x00", "")
	return clean, clean == string(raw)
}

func nonEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nonEmptyList(l []any) any {
	if len(l) == 0 {
		return nil
	}
	return l
}

// distinct removes texts that occurred before, in any case.
func distinct(l []any) []any {
	seen := make(map[string]bool)
	var out []any
	for _, v := range l {
		s := strings.ToLower(v.(string))
		if !seen[s] {
			seen[s] = true
			out = append(out, v)
		}
	}
	return out
}

func joinNotes(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
