package tree

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// FuzzClean: a path that is let in is one below the root, whoever reads it and however.
func FuzzClean(f *testing.F) {
	for _, path := range []string{
		"/memories", "/memories/", "/memories/a/./b//c.md", "/memories/..", "/memories/.../x", "/memories/cafe\u0301", "/memories/100%",
		"/memories/%2E%2e/x", `/memories/a\b`, "/memories/\uff0e\uff0e/x", "/memories/\u2024\u2024/x", "/memories/\u037e", "/memories/ . . /x",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, given string) {
		path, err := clean(given)
		if err != nil {
			return
		}
		parts := strings.Split(path, "/")
		if len(parts) < 2 || parts[0] != "" || parts[1] != "memories" || slices.Contains(parts[1:], "") || slices.Contains(parts, ".") || slices.Contains(parts, "..") {
			t.Errorf("%q is let in as %q", given, path)
		}
		if len(path) > maxPath || !norm.NFC.IsNormalString(path) || strings.ContainsAny(path, "\\\x00\n\r") {
			t.Errorf("%q is let in as %q", given, path)
		}
		if again, err := clean(path); again != path || err != nil {
			t.Errorf("%q is let in as %q, which is %q (%v)", given, path, again, err)
		}
	})
}
