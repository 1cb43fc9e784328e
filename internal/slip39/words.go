package slip39

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"sync"
)

const (
	wordBits   = 10
	prefixSize = 4 // letters that tell every word from the others
	longest    = 8 // letters of a word
)

//go:embed words.txt
var wordText string

// wordList is SLIP-0039's list of 1024 words, in alphabetical order. Its licence is
// in vectors/slip39.
var wordList = sync.OnceValue(func() []string { return strings.Fields(wordText) })

// lookUp returns the index of a word in small letters, or of the one that begins
// with it if it has four letters or more.
func lookUp(typed string) (uint16, bool) {
	if len(typed) < prefixSize {
		return 0, false
	}
	i, _ := slices.BinarySearch(wordList(), typed)
	if i == len(wordList()) || !strings.HasPrefix(wordList()[i], typed) {
		return 0, false
	}
	return uint16(i), true
}

// near returns the words, up to three, that differ from the typed one in a letter
// or two, the nearest first.
func near(typed string) []string {
	if len(typed) > 2*longest {
		return nil
	}
	type candidate struct {
		word     string
		distance int
	}
	var found []candidate
	for _, w := range wordList() {
		if d := distance(typed, w); d <= 2 {
			found = append(found, candidate{w, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var words []string
	for _, c := range found[:min(3, len(found))] {
		words = append(words, c.word)
	}
	return words
}

// distance is how many letters must be changed, added, left out or swapped with
// their neighbour to make a into b (optimal string alignment).
func distance(a, b string) int {
	var before, last, row [2*longest + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
