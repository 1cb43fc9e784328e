package recall

import (
	"strings"
	"unicode"

	"github.com/kljensen/snowball/english"
	"golang.org/x/text/unicode/norm"
)

// maxTokens bounds how much of one text is looked at word by word.
const maxTokens = 2000

// A token is one word of a text. Its stem is not kept: most texts are looked at for a few
// words, and a stem costs a microsecond.
type token struct {
	raw  string // lower case, without accents
	big  bool   // it begins with a capital letter
	head bool   // it begins a sentence, so that a capital letter says little
}

// tokens cuts a text into words, about as the index of the store does: letters and
// digits, lower case, no accents, stems.
func tokens(text string) []token {
	var list []token
	head := true
	for text != "" && len(list) < maxTokens {
		start := strings.IndexFunc(text, wordRune)
		if start < 0 {
			break
		}
		head = head || strings.ContainsAny(text[:start], ".!?\n:")
		text = text[start:]
		end := strings.IndexFunc(text, func(r rune) bool { return !wordRune(r) })
		if end < 0 {
			end = len(text)
		}
		word := text[:end]
		text = text[end:]
		if raw := fold(word); raw != "" {
			first, _ := firstRune(word)
			list = append(list, token{raw: raw, big: unicode.IsUpper(first), head: head})
		}
		head = false
	}
	return list
}

func firstRune(s string) (rune, bool) {
	for _, r := range s {
		return r, true
	}
	return 0, false
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
}

// fold is a word in lower case and without accents.
func fold(word string) string {
	word = strings.ToLower(word)
	if !strings.ContainsFunc(word, func(r rune) bool { return r >= 0x80 }) {
		return word
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(word))
}

// stem is what a word has in common with its other forms.
func stem(word string) string {
	if base, ok := irregular[word]; ok {
		word = base
	}
	if len(word) < 3 {
		return word
	}
	return english.Stem(word, true)
}
