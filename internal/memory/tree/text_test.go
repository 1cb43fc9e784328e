package tree_test

import (
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/memory/tree"
)

const ns = "owner/memories"

// A file is made before a case.
type given struct{ path, text string }

// A case is a command and what it answers. The texts are those of the methods view,
// create, str_replace, insert, delete, rename, _validate_path and _read_file_content of
// BetaLocalFilesystemMemoryTool in src/anthropic/lib/tools/_beta_builtin_memory_tool.py
// of anthropic-sdk-python, with what they are filled in with.
type reply struct {
	name  string
	files []given
	cmd   tree.Command
	text  string
	fails bool
}

func view(path string, lines ...int) tree.Command {
	return tree.Command{Command: "view", Path: path, ViewRange: lines}
}

func create(path, text string) tree.Command {
	return tree.Command{Command: "create", Path: path, FileText: text}
}

func replace(path, from, to string) tree.Command {
	return tree.Command{Command: "str_replace", Path: path, OldStr: from, NewStr: to}
}

func insert(path string, line int, text string) tree.Command {
	return tree.Command{Command: "insert", Path: path, InsertLine: line, InsertText: text}
}

func remove(path string) tree.Command { return tree.Command{Command: "delete", Path: path} }

func rename(from, to string) tree.Command {
	return tree.Command{Command: "rename", OldPath: from, NewPath: to}
}

const (
	a = "/memories/a.md"
	b = "/memories/b/c.md"
)

var (
	one = []given{{a, "one\ntwo\nthree\nfour\nfive\nsix"}}
	two = []given{{a, "one"}, {b, "two"}}
)

func viewCases() []reply {
	const head = "Here're the files and directories up to 2 levels deep in "
	const lines = "Here's the content of /memories/a.md with line numbers:\n"
	return []reply{
		{"an empty tree", nil, view("/memories"), head + "/memories, excluding hidden items:\n0B\t/memories", false},
		{"a tree", []given{
			{"/memories/b/z/deep/x.md", strings.Repeat("x", 3<<10)},
			{"/memories/b/c.md", strings.Repeat("x", 1536)},
			{"/memories/b.md", "1"},
			{"/memories/b-.md", ""},
			{"/memories/.hidden", "x"},
			{"/memories/b/.git/x", "x"},
			{"/memories/é.md", strings.Repeat("x", 1023)},
		}, view("/memories"), head + "/memories, excluding hidden items:\n5.5K\t/memories\n4.5K\t/memories/b/\n1.5K\t/memories/b/c.md\n3K\t/memories/b/z/\n" +
			"0B\t/memories/b-.md\n1B\t/memories/b.md\n1023B\t/memories/é.md", false},
		{"a folder", two, view("/memories/b"), head + "/memories/b, excluding hidden items:\n3B\t/memories/b\n3B\t/memories/b/c.md", false},
		{"a folder with a slash", two, view("/memories/b/"), head + "/memories/b/, excluding hidden items:\n3B\t/memories/b/\n3B\t/memories/b//c.md", false},
		{"a hidden folder", []given{{"/memories/.h/a", "x"}}, view("/memories/.h"), head + "/memories/.h, excluding hidden items:\n1B\t/memories/.h\n1B\t/memories/.h/a", false},
		{"a file", one, view(a), lines + "     1\tone\n     2\ttwo\n     3\tthree\n     4\tfour\n     5\tfive\n     6\tsix", false},
		{"a file that ends its last line", []given{{a, "one\n"}}, view(a), lines + "     1\tone\n     2\t", false},
		{"an empty file", []given{{a, ""}}, view(a), lines + "     1\t", false},
		{"CRLF", []given{{a, "one\r\ntwo\rthree"}}, view(a), lines + "     1\tone\n     2\ttwo\n     3\tthree", false},
		{"a path with dots", one, view("/memories/./a.md"), "Here's the content of /memories/./a.md with line numbers:\n     1\tone\n     2\ttwo\n     3\tthree\n     4\tfour\n     5\tfive\n     6\tsix", false},
		{"a range", one, view(a, 2, 3), lines + "     2\ttwo\n     3\tthree", false},
		{"a range to the end", one, view(a, 5, -1), lines + "     5\tfive\n     6\tsix", false},
		{"a range from before the beginning", one, view(a, -3, 1), lines + "     1\tone", false},
		{"a range beyond the end", one, view(a, 6, 99), lines + "     6\tsix", false},
		{"a range after the end", one, view(a, 9, 12), lines, false},
		{"a range to two before the end", one, view(a, 3, -2), lines + "     3\tthree\n     4\tfour", false},
		{"a range to before the beginning", one, view(a, 1, -9), lines, false},
		{"half a range", []given{{a, "x"}}, view(a, 2), lines + "     1\tx", false},
		{"a missing file", nil, view(a), "The path /memories/a.md does not exist. Please provide a valid path.", true},
		{"below a file", one, view("/memories/a.md/b"), "The path /memories/a.md/b does not exist. Please provide a valid path.", true},
	}
}

func writeCases() []reply {
	const edited = "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n"
	missing := "The path /memories/a.md does not exist. Please provide a valid path."
	return []reply{
		{"create", nil, create(a, "x"), "File created successfully at: /memories/a.md", false},
		{"create over a file", one, create(a, "x"), "File /memories/a.md already exists", true},
		{"create over a folder", two, create("/memories/b", "x"), "File /memories/b already exists", true},
		{"create the root", nil, create("/memories", "x"), "File /memories already exists", true},

		{"replace", one, replace(a, "three\nfo", "3\n4"), edited + "     1\tone\n     2\ttwo\n     3\t3\n     4\t4ur\n     5\tfive", false},
		{"replace at the beginning", one, replace(a, "one", "1\n1"), edited + "     1\t1\n     2\t1\n     3\ttwo", false},
		{"replace at the end", one, replace(a, "\nsix", ""), edited + "     3\tthree\n     4\tfour\n     5\tfive", false},
		{"replace in CRLF", []given{{a, "one\r\ntwo"}}, replace(a, "e\nt", "e-t"), edited + "     1\tone-two", false},
		{"replace what is not there", one, replace(a, "seven", "7"), "No replacement was performed, old_str `seven` did not appear verbatim in /memories/a.md.", true},
		{"replace what is there twice", one, replace(a, "o", "0"), "No replacement was performed. Multiple occurrences of old_str `o` in lines: 1, 2, 4. Please ensure it is unique", true},
		{"replace twice in one line", []given{{a, "x\nabab"}}, replace(a, "ab", ""), "No replacement was performed. Multiple occurrences of old_str `ab` in lines: 2, 2. Please ensure it is unique", true},
		{"replace what overlaps itself", []given{{a, "aaa"}}, replace(a, "aa", "b"), edited + "     1\tba", false},
		{"replace what overlaps itself twice", []given{{a, "aaaaa"}}, replace(a, "aa", "b"), "No replacement was performed. Multiple occurrences of old_str `aa` in lines: 1, 1, 1, 1. Please ensure it is unique", true},
		{"replace nothing", []given{{a, "é\nx"}}, replace(a, "", "b"), "No replacement was performed. Multiple occurrences of old_str `` in lines: 1, 1, 2, 2. Please ensure it is unique", true},
		{"replace nothing in nothing", []given{{a, ""}}, replace(a, "", "b"), edited + "     1\tb", false},
		{"replace a missing file", nil, replace(a, "x", "y"), missing, true},
		{"replace a folder", two, replace("/memories/b", "x", "y"), "The path /memories/b is not a file.", true},
		{"replace the root", nil, replace("/memories", "x", "y"), "The path /memories is not a file.", true},

		{"insert", one, insert(a, 1, "x\n"), "The file /memories/a.md has been edited.", false},
		{"insert too low", one, insert(a, -1, "x"), "Invalid `insert_line` parameter: -1. It should be within the range [0, 6].", true},
		{"insert too high", one, insert(a, 7, "x"), "Invalid `insert_line` parameter: 7. It should be within the range [0, 6].", true},
		{"insert into an empty file", []given{{a, ""}}, insert(a, 1, "x"), "Invalid `insert_line` parameter: 1. It should be within the range [0, 0].", true},
		{"insert where the last line ends", []given{{a, "one\n"}}, insert(a, 2, "x"), "Invalid `insert_line` parameter: 2. It should be within the range [0, 1].", true},
		{"insert into a missing file", nil, insert(a, 0, "x"), missing, true},
		{"insert into a folder", two, insert("/memories/b", 0, "x"), "The path /memories/b is not a file.", true},

		{"delete", one, remove(a), "Successfully deleted /memories/a.md", false},
		{"delete a folder", two, remove("/memories/b"), "Successfully deleted /memories/b", false},
		{"delete what is missing", nil, remove(a), "The path /memories/a.md does not exist", true},
		{"delete the root", one, remove("/memories"), "Cannot delete the /memories directory itself", true},
		{"delete the root with a slash", one, remove("/memories/"), "Cannot delete the /memories directory itself", true},

		{"rename", one, rename(a, "/memories/x/y.md"), "Successfully renamed /memories/a.md to /memories/x/y.md", false},
		{"rename a folder", two, rename("/memories/b", "/memories/d"), "Successfully renamed /memories/b to /memories/d", false},
		{"rename to a file", two, rename(b, a), "The destination /memories/a.md already exists", true},
		{"rename to a folder", two, rename(a, "/memories/b"), "The destination /memories/b already exists", true},
		{"rename to itself", one, rename(a, a), "The destination /memories/a.md already exists", true},
		{"rename to the root", one, rename(a, "/memories"), "The destination /memories already exists", true},
		{"rename what is missing", nil, rename(a, b), "The path /memories/a.md does not exist", true},
		{"rename what is missing to what is there", one, rename(b, a), "The destination /memories/a.md already exists", true},
	}
}

// ownCases are answers that the reference does not have: there an exception of the file
// system is told, or nothing is amiss.
func ownCases() []reply {
	long := "/memories/" + strings.Repeat("x", 1015)
	return []reply{
		{"no command", nil, tree.Command{}, "Unknown command: ", true},
		{"an unknown command", nil, tree.Command{Command: "undo\n"}, "Unknown command: undo\uFFFD", true},
		{"below a file", one, create("/memories/a.md/b/c", "x"), "The path /memories/a.md is not a directory.", true},
		{"rename below a file", two, rename(b, "/memories/a.md/b"), "The path /memories/a.md is not a directory.", true},
		{"rename into itself", two, rename("/memories/b", "/memories/b/d"), "Cannot move /memories/b into itself", true},
		{"rename the root", two, rename("/memories", "/memories/d"), "Cannot rename the /memories directory itself", true},
		{"a long path", nil, create(long, "x"), "Path is 1025 bytes long; at most 1024 are allowed. Please choose a shorter one.", true},
		{"a path that gets long", []given{{"/memories/b/" + strings.Repeat("x", 1000), "x"}}, rename("/memories/b", "/memories/"+strings.Repeat("b", 20)), "Path is 1031 bytes long; at most 1024 are allowed. Please choose a shorter one.", true},
		{"a large file", nil, create(a, strings.Repeat("x", 102401)), "File /memories/a.md would be 102401 bytes long; at most 102400 are allowed. Please keep it in several files.", true},
		{"a file that gets large", []given{{a, strings.Repeat("x", 102400)}}, insert(a, 0, "y"), "File /memories/a.md would be 102403 bytes long; at most 102400 are allowed. Please keep it in several files.", true},
	}
}

func TestReplies(t *testing.T) {
	for group, cases := range map[string][]reply{"view": viewCases(), "write": writeCases(), "own": ownCases()} {
		for _, c := range cases {
			t.Run(group+" "+c.name, func(t *testing.T) {
				t.Parallel()
				p := newPod(t)
				for _, f := range c.files {
					if r := p.run(p.owner, ns, create(f.path, f.text)); r.Error {
						t.Fatal(r.Text)
					}
				}
				if got := p.run(p.owner, ns, c.cmd); got.Text != c.text || got.Error != c.fails {
					t.Errorf("got %v %q\nwant %v %q", got.Error, got.Text, c.fails, c.text)
				}
			})
		}
	}
}

// TestTraversal tries paths that lead elsewhere, or might where somebody decodes them
// once more, with every command.
func TestTraversal(t *testing.T) {
	const from, out = "Path must start with /memories, got: ", " would escape /memories directory"
	p := newPod(t)
	p.run(p.owner, ns, create("/memories/a/b.md", "x"))
	for path, want := range map[string]string{
		"":                                from,
		"/":                               from + "/",
		"a.md":                            from + "a.md",
		"memories/a.md":                   from + "memories/a.md",
		"/etc/passwd":                     from + "/etc/passwd",
		"/Memories/a.md":                  from + "/Memories/a.md",
		"/memoriesx":                      from + "/memoriesx",
		"/memories\x00/a":                 from + "/memories\uFFFD/a",
		`\memories\a`:                     from + `\memories\a`,
		"//memories/a":                    from + "//memories/a",
		"/memories/..":                    "Path /memories/.." + out,
		"/memories/../../../etc/passwd":   "Path /memories/../../../etc/passwd" + out,
		"/memories/a/../b.md":             "Path /memories/a/../b.md" + out,
		"/memories/a/..":                  "Path /memories/a/.." + out,
		"/memories/%2e%2e/secrets":        "Path /memories/%2e%2e/secrets" + out,
		"/memories/%2E./secrets":          "Path /memories/%2E./secrets" + out,
		"/memories/..%2fsecrets":          "Path /memories/..%2fsecrets" + out,
		"/memories/%252e%252e/secrets":    "Path /memories/%252e%252e/secrets" + out,
		`/memories/..\..\secrets`:         `Path /memories/..\..\secrets` + out,
		"/memories/a%5c..%5cb":            "Path /memories/a%5c..%5cb" + out,
		"/memories/a\x00.md":              "Path /memories/a\uFFFD.md" + out,
		"/memories/a\nb.md":               "Path /memories/a\uFFFDb.md" + out,
		"/memories/a\u0085b.md":           "Path /memories/a\uFFFDb.md" + out,
		"/memories/a\u2028b.md":           "Path /memories/a\uFFFDb.md" + out,
		"/memories/\x1b[31mred":           "Path /memories/\uFFFD[31mred" + out,
		"/memories/" + "\xff\xfe" + ".md": "Path /memories/\uFFFD.md" + out,
	} {
		for _, c := range []tree.Command{
			view(path), create(path, "x"), replace(path, "x", "y"), insert(path, 0, "y"), remove(path),
			rename(path, "/memories/new.md"), rename("/memories/a/b.md", path),
		} {
			if got := p.run(p.owner, ns, c); got.Text != want || !got.Error {
				t.Errorf("%s %q: got %v %q, want %q", c.Command, path, got.Error, got.Text, want)
			}
		}
	}
	if got := p.run(p.owner, ns, view("/memories")); !strings.HasSuffix(got.Text, "\n1B\t/memories\n1B\t/memories/a/\n1B\t/memories/a/b.md") {
		t.Errorf("something was changed: %s", got.Text)
	}
}
