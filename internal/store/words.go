package store

import (
	"strings"
	"unicode"

	"github.com/locketpod/locket"
)

// words is a search text, understood. No text is an error: what is no known
// filter is a word to look for.
type words struct {
	match   []string // FTS5 expressions, all of which must match
	exclude []string // FTS5 expressions, none of which may match
	show    []string // the plain words, for finding a snippet
	types   []string
	notType []string
	has     []string
	notHas  []string
	trust   []locket.Trust
	after   int64 // microseconds since 1970, inclusive; 0: none
	before  int64 // exclusive; 0: none
}

// Bounds on a search text.
const (
	maxSearchText  = 4096
	maxSearchTerms = 64
)

// parseWords reads a search text: bare words, "phrases", -not, and the filters
// type: from: to: before: after: has: in:. A word that ends in * matches all
// that begin so.
func parseWords(text string) words {
	var w words
	if len(text) > maxSearchText {
		text = strings.ToValidUTF8(text[:maxSearchText], "")
	}
	for n := 0; text != "" && n < maxSearchTerms; n++ {
		var t token
		if t, text = nextToken(text); t.value != "" || t.filter != "" {
			w.add(t)
		}
	}
	return w
}

// A token is one piece of a search text: [-][filter:]value.
type token struct {
	not    bool
	filter string // lower case, without the colon; "" for a plain word
	value  string
	prefix bool // value was followed by *
}

func nextToken(s string) (token, string) {
	var t token
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	if rest, ok := strings.CutPrefix(s, "-"); ok && rest != "" && !unicode.IsSpace(rune(rest[0])) {
		t.not, s = true, rest
	}
	if name, rest, ok := strings.Cut(s, ":"); ok && isFilter(name) {
		t.filter, s = strings.ToLower(name), rest
	}
	if rest, ok := strings.CutPrefix(s, `"`); ok {
		t.value, s, _ = strings.Cut(rest, `"`)
		return t, s
	}
	end := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
	if end < 0 {
		end = len(s)
	}
	t.value, t.prefix = strings.CutSuffix(s[:end], "*")
	return t, s[end:]
}

func isFilter(name string) bool {
	switch strings.ToLower(name) {
	case "type", "from", "to", "before", "after", "has", "in", "trust":
		return true
	}
	return false
}

func (w *words) add(t token) {
	switch t.filter {
	case "type":
		if t.not {
			w.notType = append(w.notType, t.value)
		} else {
			w.types = append(w.types, t.value)
		}
		return
	case "has":
		if t.not {
			w.notHas = append(w.notHas, t.value)
		} else {
			w.has = append(w.has, t.value)
		}
		return
	case "trust":
		if level := locket.Trust(strings.ToLower(t.value)); !t.not && trustPlace(level) >= 0 {
			w.trust = append(w.trust, level)
			return
		}
		t.value, t.filter = t.filter+" "+t.value, "" // no level: words after all
	case "before", "after":
		if from, to, ok := locket.ParseSpan(t.value); ok && !t.not {
			if t.filter == "before" {
				w.before = micros(from)
			} else {
				w.after = micros(to)
			}
			return
		}
		t.value = t.filter + " " + t.value // no date: words after all
		t.filter = ""
	}
	w.addTerm(t)
}

func (w *words) addTerm(t token) {
	e := phrase(t.value, t.prefix)
	if e == "" {
		return
	}
	switch t.filter {
	case "from":
		e = "sender : " + e
	case "to":
		e = "recipient : " + e
	case "in":
		e = "folder : " + e
	}
	if t.not {
		w.exclude = append(w.exclude, e)
		return
	}
	w.match = append(w.match, e)
	if t.filter == "" {
		w.show = append(w.show, t.value)
	}
}

// phrase quotes a text for FTS5, "" if it holds nothing that is indexed.
func phrase(s string, prefix bool) string {
	s = strings.NewReplacer("\x00", " ", "\ue000", " ").Replace(s)
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r) }) {
		return ""
	}
	q := `"` + strings.ReplaceAll(spaced(s), `"`, `""`) + `"`
	if prefix {
		q += " *"
	}
	return q
}

// expression is the whole of match as one FTS5 expression.
func (w *words) expression() string { return "(" + strings.Join(w.match, ") AND (") + ")" }
