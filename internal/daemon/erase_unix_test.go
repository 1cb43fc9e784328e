//go:build unix

package daemon

import "testing"

func TestWithErasing(t *testing.T) {
	const all = "clobberfree=1,asyncpreemptoff=1,gcshrinkstackoff=1"
	for had, want := range map[string]string{
		"":                             all,
		all:                            all,
		"clobberfree=1":                all,
		"clobberfree=0":                "clobberfree=0,asyncpreemptoff=1,gcshrinkstackoff=1",
		"gctrace=1,gcshrinkstackoff=0": "gctrace=1,gcshrinkstackoff=0,clobberfree=1,asyncpreemptoff=1",
	} {
		if got := withErasing(had); got != want {
			t.Errorf("%q: got %q, want %q", had, got, want)
		}
		if again := withErasing(withErasing(had)); again != withErasing(had) {
			t.Errorf("%q: the program would start again for ever", had)
		}
	}
}
