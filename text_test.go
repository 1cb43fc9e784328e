package locket

import (
	"regexp"
	"strings"
	"testing"
)

func TestTextHash(t *testing.T) {
	const hello = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9" // sha256sum of "hello world"
	for _, s := range []string{"hello world", "  hello\n\tworld ", "hello\u00a0world"} {
		if got := TextHash(s); got != hello {
			t.Errorf("TextHash(%q) = %s, want %s", s, got, hello)
		}
	}
	for _, s := range []string{"Hello world", "helloworld", "hello world.", ""} {
		if TextHash(s) == hello {
			t.Errorf("TextHash(%q) is that of another text", s)
		}
	}
}

func TestEdgeName(t *testing.T) {
	for relation, want := range map[string]string{
		"works_at": "works_at",
		"WorksAt2": "WorksAt2",
		"works at": "works_at_754f97a6ccfa3538",
	} {
		if got := EdgeName(relation); got != want {
			t.Errorf("EdgeName(%q) = %s, want %s", relation, got, want)
		}
	}
	form := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
	seen := make(map[string]string)
	for _, relation := range []string{
		"", " ", "works at", "works-at", "works_at", "works at ", "arbeitet für", "正在", "1st", "_x",
		strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 66), EdgeName("works at"),
	} {
		name := EdgeName(relation)
		if other, ok := seen[name]; ok || !form.MatchString(name) {
			t.Errorf("EdgeName(%q) = %s, which %q has", relation, name, other)
		}
		seen[name] = relation
	}
}
