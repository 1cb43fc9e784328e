package mcp

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLine bounds a line of a text, in characters; longer ones are broken.
const maxLine = 2000

// clean makes a stored text inert and returns it with how many bytes of s it stands for:
// it ends before what would cost more than most bytes in JSON. In the result are only
// line feeds, tabs and characters that can be seen; others are written as ‹U+202E›. It
// can hold neither the tag of a frame nor a token of a chat template.
func clean(s string, most int) (out string, used int) {
	var b strings.Builder
	var prev rune // last character written; 0 at the beginning
	cost, column := 0, 0
	for used < len(s) {
		r, size := utf8.DecodeRuneInString(s[used:])
		next, _ := utf8.DecodeRuneInString(s[used+size:])
		text := visible(prev, r, next)
		if cost += costOf(text); cost > most {
			break
		}
		used += size
		if text == "" {
			continue
		}
		width := utf8.RuneCountInString(text)
		if column += width; text == "\n" {
			column = 0
		} else if column > maxLine {
			b.WriteByte('\n')
			column = width
		}
		b.WriteString(text)
		prev = r
	}
	return defang(b.String()), used
}

// line is clean for what stands in one line.
func line(s string, most int) string {
	start := strings.ToValidUTF8(s[:min(len(s), 4*most)], "")
	one := strings.Join(strings.Fields(start), " ")
	out, used := clean(one, most)
	out = strings.ReplaceAll(out, "\n", " ")
	if used < len(one) || len(s) > 4*most {
		out += "…"
	}
	return out
}

// visible is how a character is written between its neighbours.
func visible(prev, r, next rune) string {
	switch {
	case r == utf8.RuneError:
		return string(utf8.RuneError)
	case r == '\r':
		if next == '\n' {
			return ""
		}
		return "\n"
	case r == '\u2028' || r == '\u2029':
		return "\n"
	case r == '\n' || r == '\t':
		return string(r)
	case joins(r) && prev > unicode.MaxLatin1 && !joins(prev):
		return string(r) // of an emoji, or of a script that needs it; several in a row would hide something
	case hidden(r):
		return fmt.Sprintf("‹U+%04X›", r)
	}
	return string(r)
}

// joins reports whether r is a joiner or chooses the variant of the character before it.
func joins(r rune) bool {
	return r == '\u200c' || r == '\u200d' || r == '\ufe0e' || r == '\ufe0f'
}

// hidden reports whether r can't be seen: a control or format character, such as those
// that turn the direction of writing or that carry letters in tags, or a filler.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == '\u2800' || r >= 0xE0000 && r <= 0xE0FFF
}

// costOf is how many bytes a text takes in JSON, however it is escaped there.
func costOf(text string) int {
	switch text {
	case `"`, `\`, "\n", "\t":
		return 2
	case "<", ">", "&":
		return 6
	}
	return len(text)
}

var (
	ownTag       = regexp.MustCompile(`(?i)locket-data`)
	templateMark = regexp.MustCompile(`<\|([A-Za-z0-9_ ]{1,40})\|>`)
)

// defang takes away what could be read as the border of a frame, or by a local model's
// template as the border of a turn.
func defang(s string) string {
	s = ownTag.ReplaceAllString(s, "locket_data")
	return templateMark.ReplaceAllString(s, "< |$1| >")
}
