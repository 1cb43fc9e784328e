package importer

import (
	"context"
	"slices"
	"strings"
)

// WikiLinks returns the targets of the wiki links and embeds in a note, and the
// tags in its text.
func WikiLinks(note string) (links, embeds, tags []string) {
	matter, body := splitFrontMatter(note)
	var m marks
	for line := range strings.SplitSeq(matter+maskCode(body), "\n") {
		m.wikiLinks(line)
	}
	for _, l := range m.links {
		if l.embed {
			embeds = append(embeds, l.target)
		} else {
			links = append(links, l.target)
		}
	}
	for _, t := range scanMarkdown(body).tags {
		tags = append(tags, t.(string))
	}
	return links, embeds, tags
}

// Fate tells why a file is refused, and whether it is ignored.
func Fate(f *File) (refused string, ignored bool) { return f.refused, f.ignored }

// Missing returns those targets that lead to no file of a tree, sorted.
func Missing(ctx context.Context, t *Tree, targets []string) []string {
	var missing []string
	for _, target := range targets {
		if _, ok, err := t.resolve(ctx, "x.md", target); err != nil || !ok {
			missing = append(missing, target)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}
