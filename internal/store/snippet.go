package store

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/locketpod/locket"
)

const (
	snippetRunes = 160     // length of a snippet
	snippetLead  = 40      // how much of it stands before the match
	snippetScan  = 1 << 18 // bytes of a text that are looked through
)

// snippet returns the text round the first place where one of the words stands,
// or the beginning of the body. White space is folded.
func snippet(t *locket.Type, it locket.Item, words []string) string {
	folded := make([][]rune, 0, len(words))
	for _, w := range words {
		if r, _ := fold(w); len(r) > 0 {
			folded = append(folded, r)
		}
	}
	first := ""
	for _, p := range t.Properties {
		if p.Role != locket.RoleBody || p.Many {
			continue
		}
		text := it.Text(p.Name)
		if len(text) > snippetScan {
			text = strings.ToValidUTF8(text[:snippetScan], "")
		}
		text = strings.Join(strings.Fields(text), " ")
		if first == "" {
			first = text
		}
		if at := find(text, folded); at >= 0 {
			return window(text, at)
		}
	}
	return window(first, 0)
}

// fold drops case and accents. at holds, for each rune that stays, the position
// in runes where it stood.
func fold(s string) (out []rune, at []int) {
	out, at = make([]rune, 0, len(s)), make([]int, 0, len(s))
	i := -1
	for _, r := range s {
		i++
		if r < utf8.RuneSelf {
			out, at = append(out, unicode.ToLower(r)), append(at, i)
			continue
		}
		for _, d := range norm.NFD.String(string(unicode.ToLower(r))) {
			if !unicode.Is(unicode.Mn, d) {
				out = append(out, d)
				at = append(at, i)
			}
		}
	}
	return out, at
}

// find returns the position in runes of the first of the words that begins where
// a word of text begins, or -1. A word's ending may differ, as the index's
// stemming allows: its first two thirds must fit.
func find(text string, words [][]rune) int {
	folded, at := fold(text)
	for i := range folded {
		if i > 0 && !unspaced(folded[i]) && (unicode.IsLetter(folded[i-1]) || unicode.IsNumber(folded[i-1])) {
			continue
		}
		for _, w := range words {
			need := len(w) - len(w)/3
			if i+need <= len(folded) && slices.Equal(folded[i:i+need], w[:need]) {
				return at[i]
			}
		}
	}
	return -1
}

func window(text string, at int) string {
	r := []rune(text)
	from := max(0, at-snippetLead)
	to := min(len(r), from+snippetRunes)
	s := string(r[from:to])
	if from > 0 {
		s = "…" + s
	}
	if to < len(r) {
		s += "…"
	}
	return s
}
