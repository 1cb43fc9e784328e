package tree_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/tree"
)

// A model is the reference implementation over a map in place of a file system. Paths are
// clean, and folders exist through their files.
type model map[string]string

func (m model) dir(path string) bool {
	if path == "/memories" {
		return true
	}
	for f := range m {
		if strings.HasPrefix(f, path+"/") {
			return true
		}
	}
	return false
}

// through is a file that a path leads through.
func (m model) through(path string) string {
	for f := range m {
		if strings.HasPrefix(path, f+"/") {
			return f
		}
	}
	return ""
}

func (m model) do(c tree.Command) (string, bool) {
	switch c.Command {
	case "create":
		if f := m.through(c.Path); f != "" {
			return fmt.Sprintf("The path %s is not a directory.", f), true
		}
		if _, ok := m[c.Path]; ok || m.dir(c.Path) {
			return fmt.Sprintf("File %s already exists", c.Path), true
		}
		m[c.Path] = c.FileText
		return "File created successfully at: " + c.Path, false
	case "delete":
		if c.Path == "/memories" {
			return "Cannot delete the /memories directory itself", true
		}
		if _, ok := m[c.Path]; !ok && !m.dir(c.Path) {
			return fmt.Sprintf("The path %s does not exist", c.Path), true
		}
		maps.DeleteFunc(m, func(f, _ string) bool { return f == c.Path || strings.HasPrefix(f, c.Path+"/") })
		return "Successfully deleted " + c.Path, false
	case "rename":
		return m.rename(c)
	}
	return m.edit(c)
}

func (m model) rename(c tree.Command) (string, bool) {
	if f := m.through(c.NewPath); f != "" {
		return fmt.Sprintf("The path %s is not a directory.", f), true
	}
	if _, ok := m[c.NewPath]; ok || m.dir(c.NewPath) {
		return fmt.Sprintf("The destination %s already exists", c.NewPath), true
	}
	if c.OldPath == "/memories" {
		return "Cannot rename the /memories directory itself", true
	}
	if _, ok := m[c.OldPath]; !ok && !m.dir(c.OldPath) {
		return fmt.Sprintf("The path %s does not exist", c.OldPath), true
	}
	if strings.HasPrefix(c.NewPath, c.OldPath+"/") {
		return fmt.Sprintf("Cannot move %s into itself", c.OldPath), true
	}
	for f, text := range maps.Clone(m) {
		if f == c.OldPath || strings.HasPrefix(f, c.OldPath+"/") {
			delete(m, f)
			m[c.NewPath+strings.TrimPrefix(f, c.OldPath)] = text
		}
	}
	return fmt.Sprintf("Successfully renamed %s to %s", c.OldPath, c.NewPath), false
}

func (m model) edit(c tree.Command) (string, bool) {
	text, ok := m[c.Path]
	switch {
	case !ok && c.Command == "view" && m.dir(c.Path):
		return "", false // TestReplies has listings
	case !ok && m.dir(c.Path):
		return fmt.Sprintf("The path %s is not a file.", c.Path), true
	case !ok:
		return fmt.Sprintf("The path %s does not exist. Please provide a valid path.", c.Path), true
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	number := func(lines []string, from int) string {
		out := make([]string, len(lines))
		for i, l := range lines {
			n := fmt.Sprint(from + i)
			out[i] = strings.Repeat(" ", 6-len(n)) + n + "\t" + l
		}
		return strings.Join(out, "\n")
	}
	if c.Command == "view" {
		return "Here's the content of " + c.Path + " with line numbers:\n" + number(strings.Split(text, "\n"), 1), false
	}
	if c.Command == "insert" {
		var lines []string
		for l := range strings.Lines(strings.NewReplacer("\u2028", "\n", "\x1c", "\n", "\f", "\n").Replace(text)) {
			lines = append(lines, strings.TrimSuffix(l, "\n"))
		}
		if c.InsertLine < 0 || c.InsertLine > len(lines) {
			return fmt.Sprintf("Invalid `insert_line` parameter: %d. It should be within the range [0, %d].", c.InsertLine, len(lines)), true
		}
		inserted := c.InsertText
		for strings.HasSuffix(inserted, "\n") {
			inserted = inserted[:len(inserted)-1]
		}
		text = strings.Join(slices.Concat(lines[:c.InsertLine], []string{inserted}, lines[c.InsertLine:]), "\n")
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		m[c.Path] = text
		return "The file " + c.Path + " has been edited.", false
	}
	parts := strings.Split(text, c.OldStr)
	if len(parts) == 1 {
		return fmt.Sprintf("No replacement was performed, old_str `%s` did not appear verbatim in %s.", c.OldStr, c.Path), true
	}
	if len(parts) > 2 {
		var at []string
		for i := range text {
			if strings.HasPrefix(text[i:], c.OldStr) {
				at = append(at, fmt.Sprint(strings.Count(text[:i], "\n")+1))
			}
		}
		return fmt.Sprintf("No replacement was performed. Multiple occurrences of old_str `%s` in lines: %s. Please ensure it is unique", c.OldStr, strings.Join(at, ", ")), true
	}
	m[c.Path] = parts[0] + c.NewStr + parts[1]
	lines, at := strings.Split(m[c.Path], "\n"), strings.Count(parts[0], "\n")
	from := max(0, at-2)
	return "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n" + number(lines[from:min(len(lines), at+3)], from+1), false
}

// TestAgainstModel does random commands on both, and compares every answer and, at the
// end, every file.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 5))
			paths := []string{"/memories", "/memories/a", "/memories/a/b", "/memories/a/b/c", "/memories/a/d", "/memories/ü", "/memories/ab", "/memories/e/f/g"}
			pieces := []string{"", "x", "xx", "\n", "one\n", "two\r\n", "three", "\r", "ü", "界\n", "\u2028", "\x1c", "\f", "\t"}
			text := func(n int) (s string) {
				for range rnd.IntN(n) {
					s += pieces[rnd.IntN(len(pieces))]
				}
				return s
			}
			path := func() string { return paths[rnd.IntN(len(paths))] }
			p, m := newPod(t), model{}
			agent := p.Agent("a", everything()...)
			done := map[bool]int{}
			for range 250 {
				c := [...]tree.Command{
					view(path()), create(path(), text(9)), create(path(), text(9)), replace(path(), pieces[1+rnd.IntN(len(pieces)-1)], text(3)),
					insert(path(), rnd.IntN(6)-1, text(4)), remove(path()), rename(path(), path()),
				}[rnd.IntN(7)]
				want, fails := m.do(c)
				done[fails]++
				got := p.run(agent, "agents/a/memories", c)
				if want == "" && !fails {
					continue
				}
				if got.Text != want || got.Error != fails {
					t.Fatalf("%+v:\ngot  %v %q\nwant %v %q", c, got.Error, got.Text, fails, want)
				}
			}
			if done[true] < 40 || done[false] < 40 {
				t.Errorf("%d commands failed, %d did not: too few to tell", done[true], done[false])
			}
			left := model{}
			page, err := p.owner.Query(t.Context(), locket.Query{Type: "Memory"})
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range page.Items {
				left[it.Text("name")] = it.Text("text")
			}
			if !maps.Equal(left, m) {
				t.Errorf("got the files %q\nwant %q", left, m)
			}
		})
	}
}
