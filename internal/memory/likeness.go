package memory

import (
	"maps"
	"strings"
	"unicode"
)

// shingleWords is how many words in a row are compared as one.
const shingleWords = 3

// likeness says how much two texts are alike, 0 to 1: the share of their shingles that
// both have (Jaccard), or of their words where they are too short for that. Texts of
// which one denies what the other says, or that name other numbers, are not alike
// however much else they share.
func likeness(a, b string) float64 {
	x, y := wordsOf(a), wordsOf(b)
	if !maps.Equal(marked(x), marked(y)) {
		return 0
	}
	return max(jaccard(shingles(x), shingles(y)), jaccard(set(x), set(y))*shortness(min(len(x), len(y))))
}

// shortness is how far the words of a text say what its shingles do: of long ones the
// order matters.
func shortness(words int) float64 {
	switch {
	case words <= 2*shingleWords:
		return 1
	case words >= 6*shingleWords:
		return 0
	}
	return 1 - float64(words-2*shingleWords)/float64(4*shingleWords)
}

// wordsOf splits a text into words without regard to case and punctuation.
func wordsOf(s string) []string {
	return strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(s, "n't", " not")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// marked are the words of which one more or less changes what a text says.
func marked(words []string) map[string]bool {
	out := make(map[string]bool)
	for _, w := range words {
		switch w {
		case "not", "no", "never", "without", "nicht", "kein", "keine", "nie", "ohne":
			out["not"] = true
		}
		if strings.ContainsFunc(w, unicode.IsDigit) {
			out[w] = true
		}
	}
	return out
}

func shingles(words []string) map[string]bool {
	out := make(map[string]bool)
	for i := 0; i+shingleWords <= len(words); i++ {
		out[strings.Join(words[i:i+shingleWords], " ")] = true
	}
	return out
}

func set(words []string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}

func jaccard(a, b map[string]bool) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	both := 0
	for x := range a {
		if b[x] {
			both++
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}
