package locket

import "testing"

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
