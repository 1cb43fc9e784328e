package tree

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket/internal/store"
)

// maxNamed bounds the places that are named where a text occurs more than once.
const maxNamed = 10_000

func (t *tree) create(c Command) (string, error) {
	path, err := clean(c.Path)
	if err != nil {
		return "", err
	}
	files, err := t.below(root)
	if err != nil {
		return "", err
	}
	switch met, err := t.met(files, path); {
	case err != nil:
		return "", err
	case met:
		return "", refuse("File %s already exists", c.Path)
	case len(files) >= maxFiles:
		return "", refuse("There are %d files already, which is the most. Please delete or merge some first.", len(files))
	}
	if err := checkSize(c.Path, c.FileText); err != nil {
		return "", err
	}
	_, err = t.w.Create(store.Draft{Type: typ, Props: map[string]any{
		"name": path, "text": c.FileText, "kind": kind, "namespace": t.namespace,
	}})
	return "File created successfully at: " + c.Path, err
}

// met tells whether a path is taken, by a file or a folder. It refuses one that leads
// through a file.
func (t *tree) met(files []file, path string) (bool, error) {
	for _, f := range files {
		switch {
		case f.path == path || above(path, f.path):
			return true, t.tell(f)
		case above(f.path, path):
			if err := t.tell(f); err != nil {
				return false, err
			}
			return false, refuse("The path %s is not a directory.", f.path)
		}
	}
	return path == root, nil
}

func (t *tree) strReplace(c Command) (string, error) {
	it, text, err := t.text(c.Path)
	if err != nil {
		return "", err
	}
	switch n := strings.Count(text, c.OldStr); {
	case n == 0:
		return "", refuse("No replacement was performed, old_str `%s` did not appear verbatim in %s.", c.OldStr, c.Path)
	case n > 1:
		return "", refuse("No replacement was performed. Multiple occurrences of old_str `%s` in lines: %s. Please ensure it is unique",
			c.OldStr, strings.Join(places(text, c.OldStr), ", "))
	}
	before, after, _ := strings.Cut(text, c.OldStr)
	text = before + c.NewStr + after
	if err := t.save(it, c.Path, text); err != nil {
		return "", err
	}
	lines, at := strings.Split(text, "\n"), strings.Count(before, "\n")
	return "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n" +
		snippet(lines, max(0, at-2), min(len(lines), at+3)), nil
}

// places are the numbers of the lines where a text occurs, once for each time, and for
// times that overlap, too.
func places(text, old string) (lines []string) {
	line := 1
	for len(lines) < maxNamed {
		i := strings.Index(text, old)
		if i < 0 {
			break
		}
		line += strings.Count(text[:i], "\n")
		lines = append(lines, strconv.Itoa(line))
		r, size := utf8.DecodeRuneInString(text[i:])
		if size == 0 {
			break
		}
		if r == '\n' {
			line++
		}
		text = text[i+size:]
	}
	return lines
}

func (t *tree) insert(c Command) (string, error) {
	it, text, err := t.text(c.Path)
	if err != nil {
		return "", err
	}
	lines := splitLines(text)
	if c.InsertLine < 0 || c.InsertLine > len(lines) {
		return "", refuse("Invalid `insert_line` parameter: %d. It should be within the range [0, %d].", c.InsertLine, len(lines))
	}
	text = strings.Join(slices.Insert(lines, c.InsertLine, strings.TrimRight(c.InsertText, "\n")), "\n")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return "The file " + c.Path + " has been edited.", t.save(it, c.Path, text)
}

// splitLines is splitlines of Python's str: more than "\n" ends a line there.
func splitLines(text string) (lines []string) {
	for text != "" {
		i := strings.IndexFunc(text, endsLine)
		if i < 0 {
			return append(lines, text)
		}
		lines = append(lines, text[:i])
		_, size := utf8.DecodeRuneInString(text[i:])
		text = text[i+size:]
	}
	return lines
}

func endsLine(r rune) bool {
	switch r {
	case '\n', '\v', '\f', '\r', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}
