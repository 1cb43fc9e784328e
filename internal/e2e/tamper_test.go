package e2e_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// TestFlippedBytes changes one byte of one file at a time. What is read is an error
// that says so, or the right data, where nothing reads that byte and doctor finds the
// damage. In the write-ahead log a changed byte ends the log before its commit, which
// the format cannot tell from a crash: what is read is then a state that there was.
func TestFlippedBytes(t *testing.T) {
	v := newVictim(t)
	database, blob := v.shut["pod.db"], v.shut[v.blob]
	thin := rounds(1, 1, 21)
	for _, tt := range []struct {
		file    string
		files   map[string][]byte
		offsets []int
		allowed []string
	}{
		{"header", v.shut, every(0, len(v.shut["header"]), 0), []string{"tampered", "unauthenticated", "newer"}},
		{v.blob, v.shut, append(every(0, 200, 0), append(every(len(blob)-200, len(blob), 0), every(0, len(blob), 500)...)...), []string{"tampered"}},
		{"pod.db", v.shut, append(every(0, page, 0), every(page, len(database), 1000)...), []string{"tampered", "noticed"}},
		{"pod.db-wal", v.hot, every(0, len(v.hot["pod.db-wal"]), 500), []string{"older"}},
	} {
		name := filepath.Base(tt.file)
		counts := make(map[string]int)
		for i := 0; i < len(tt.offsets); i += thin {
			at := tt.offsets[i]
			b := bytes.Clone(tt.files[tt.file])
			b[at] ^= []byte{0x01, 0xff}[i%2]
			got := v.outcome(t, name, with(tt.files, tt.file, b))
			if counts[got]++; !slices.Contains(tt.allowed, got) {
				t.Errorf("byte %d of %s changed: %s", at, name, got)
			}
		}
		t.Logf("%s: %d bytes, %v", name, len(tt.files[tt.file]), counts)
	}
	for what, files := range map[string]map[string][]byte{"shut": v.shut, "hot": v.hot} {
		if got := v.outcome(t, what, files); got != "same" {
			t.Errorf("the files of the %s pod as they were: %s", what, got)
		}
	}
}

// every returns n offsets evenly from a part of a file, or all of them if n is 0.
func every(from, to, n int) (offsets []int) {
	if n == 0 {
		n = to - from
	}
	for i := range n {
		offsets = append(offsets, from+i*(to-from)/n)
	}
	return offsets
}

// A change puts another content in place of one file.
type change struct {
	what, file string
	content    []byte // nil: removed
}

// TestReplacedFiles cuts files, takes files and pages out, swaps pages, and puts
// files of another pod in place.
func TestReplacedFiles(t *testing.T) {
	v, other := newVictim(t), newVictim(t)
	changes := append(v.cuts(), v.moves()...)
	changes = append(changes,
		change{"another pod's header", "header", other.shut["header"]},
		change{"another pod's database", "pod.db", other.shut["pod.db"]},
		change{"another pod's blob", v.blob, other.shut[other.blob]},
		change{"another pod's log", "pod.db-wal", other.hot["pod.db-wal"]},
		change{"no header", "header", nil},
		change{"no database", "pod.db", nil},
		change{"no blob", v.blob, nil})
	counts := make(map[string]int)
	for _, c := range changes {
		got := v.outcome(t, c.what, with(v.shut, c.file, c.content))
		if counts[got]++; got != "tampered" && got != "unauthenticated" && got != "noticed" {
			t.Errorf("%s (%d bytes): %s", c.what, len(c.content), got)
		}
	}
	t.Log(counts)
}

func (v *victim) cuts() (all []change) {
	for _, file := range []string{"header", "pod.db", v.blob} {
		b := v.shut[file]
		for _, n := range []int{0, 1, page - 1, page, len(b) / 2, len(b) - 1} {
			if n < len(b) {
				all = append(all, change{file + " cut", file, b[:n:n]})
			}
		}
	}
	return all
}

func (v *victim) moves() (all []change) {
	pages := slices.Collect(slices.Chunk(v.shut["pod.db"], page))
	for i := range len(pages) - 1 {
		swapped := slices.Clone(pages)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		removed := slices.Delete(slices.Clone(pages), i, i+1)
		all = append(all,
			change{fmt.Sprintf("page %d removed", i+1), "pod.db", bytes.Join(removed, nil)},
			change{fmt.Sprintf("page %d swapped with the next", i+1), "pod.db", bytes.Join(swapped, nil)})
	}
	return all
}
