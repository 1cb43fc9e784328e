package store

import (
	"strings"
	"unicode"

	"github.com/locketpod/locket"
)

// maxIndexed bounds how much of one property's text is searchable.
const maxIndexed = 1 << 20

// between stands between the properties of one column, as a term that nobody searches
// for: a phrase never goes on from one property into the next, which not everybody
// may see.
const between = "\n\ue000\n"

// terms are the texts of one item by role, as they go into the search index.
type terms struct {
	title, body, sender, recipient, folder string
}

func (t terms) empty() bool { return t == terms{} }

// termsOf collects the searchable texts of stored properties. It depends on
// nothing else: a row is taken out of the index by giving its terms again.
func termsOf(t *locket.Type, props map[string]any) terms {
	var parts [5][]string
	for _, p := range t.Properties { // in declared order, so that it is always the same
		i := roleColumn(p.Role)
		if i < 0 {
			continue
		}
		for _, v := range each(props[p.Name]) {
			if s, ok := v.(string); ok {
				parts[i] = append(parts[i], clipText(s))
			}
		}
	}
	join := func(i int) string { return spaced(strings.Join(parts[i], between)) }
	return terms{title: join(0), body: join(1), sender: join(2), recipient: join(3), folder: join(4)}
}

func clipText(s string) string {
	if len(s) > maxIndexed {
		return strings.ToValidUTF8(s[:maxIndexed], "")
	}
	return s
}

func roleColumn(r locket.Role) int {
	switch r {
	case locket.RoleTitle:
		return 0
	case locket.RoleBody:
		return 1
	case locket.RoleSender:
		return 2
	case locket.RoleRecipient:
		return 3
	case locket.RoleFolder:
		return 4
	}
	return -1
}

// spaced puts spaces round the characters of scripts that are written without
// them, so that each becomes a term of its own and a word of them a phrase.
func spaced(s string) string {
	if !strings.ContainsFunc(s, unspaced) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) * 2)
	for _, r := range s {
		if unspaced(r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unspaced reports characters of Chinese, Japanese, Korean, Thai, Lao, Khmer and
// Burmese writing.
func unspaced(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

func (t *tx) indexTerms(n int64, x terms) error {
	if x.empty() {
		return nil
	}
	return t.exec(`INSERT INTO search(rowid, title, body, sender, recipient, folder) VALUES(?, ?, ?, ?, ?, ?)`,
		n, x.title, x.body, x.sender, x.recipient, x.folder)
}

// reindex replaces the terms of a row.
func (t *tx) reindex(n int64, old, x terms) error {
	if old == x {
		return nil
	}
	if !old.empty() {
		err := t.exec(`INSERT INTO search(search, rowid, title, body, sender, recipient, folder) VALUES('delete', ?, ?, ?, ?, ?, ?)`,
			n, old.title, old.body, old.sender, old.recipient, old.folder)
		if err != nil {
			return err
		}
	}
	return t.indexTerms(n, x)
}
