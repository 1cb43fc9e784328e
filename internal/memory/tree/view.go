package tree

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// maxLines is what the numbers of lines have room for.
const maxLines = 999_999

func (t *tree) view(c Command) (string, error) {
	path, err := clean(c.Path)
	if err != nil {
		return "", err
	}
	it, ok, err := t.file(path)
	switch {
	case err != nil:
		return "", err
	case ok:
		return numbered(c, newlines.Replace(it.Text("text")))
	}
	files, err := t.below(path)
	switch {
	case err != nil:
		return "", err
	case path != root && len(files) == 0:
		return "", refuse("The path %s does not exist. Please provide a valid path.", c.Path)
	}
	files = slices.DeleteFunc(files, func(f file) bool { return hidden(f.path[len(path):]) })
	return listing(c.Path, path, files), t.tell(files...)
}

// hidden tells whether a part of a path begins with a dot.
func hidden(path string) bool { return strings.Contains(path, "/.") }

// listing is a folder and what is in it down to the second level. Of a folder it tells
// the size of what is in it, the reference that of its entry in the file system.
func listing(given, path string, files []file) string {
	var total int64
	sizes := make(map[string]int64) // by path from here; of folders with a slash at the end
	for _, f := range files {
		total += f.size
		parts := strings.Split(f.path[len(path)+1:], "/")
		for i := range parts[:min(len(parts), 2)] {
			name := strings.Join(parts[:i+1], "/")
			if i < len(parts)-1 {
				name += "/"
			}
			sizes[name] += f.size
		}
	}
	names := make([][]string, 0, len(sizes))
	for name := range sizes {
		names = append(names, strings.SplitAfter(name, "/"))
	}
	slices.SortFunc(names, byName)
	var b strings.Builder
	fmt.Fprintf(&b, "Here're the files and directories up to 2 levels deep in %s, excluding hidden items:\n%s\t%s", given, formatSize(total), given)
	for _, parts := range names {
		name := strings.Join(parts, "")
		fmt.Fprintf(&b, "\n%s\t%s/%s", formatSize(sizes[name]), given, name)
	}
	return b.String()
}

// byName orders the entries of each folder by their names, without the slash.
func byName(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		return strings.Compare(strings.TrimSuffix(x, "/"), strings.TrimSuffix(y, "/"))
	})
}

func formatSize(n int64) string {
	if n == 0 {
		return "0B"
	}
	i := min((bits.Len64(uint64(n))-1)/10, 3)
	unit := int64(1) << (10 * i)
	if n%unit == 0 {
		return fmt.Sprintf("%d%c", n/unit, "BKMG"[i])
	}
	return fmt.Sprintf("%.1f%c", float64(n)/float64(unit), "BKMG"[i])
}

// numbered is the lines of a file, or those of a range, with their numbers.
func numbered(c Command, text string) (string, error) {
	lines := strings.Split(text, "\n")
	if len(lines) > maxLines {
		return "", refuse("File %s exceeds maximum line limit of 999,999 lines.", c.Path)
	}
	from, to := 0, len(lines)
	if len(c.ViewRange) == 2 {
		from = max(1, c.ViewRange[0]) - 1
		if c.ViewRange[1] != -1 {
			to = c.ViewRange[1]
		}
		if to < 0 { // as a slice of Python: from the end
			to += len(lines)
		}
		from, to = min(from, len(lines)), min(to, len(lines))
	}
	return "Here's the content of " + c.Path + " with line numbers:\n" + snippet(lines, from, to), nil
}

// snippet is the lines from one on and up to another, with their numbers.
func snippet(lines []string, from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		if i > from {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%6d\t%s", i+1, lines[i])
	}
	return b.String()
}
