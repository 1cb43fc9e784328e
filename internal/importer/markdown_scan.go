package importer

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// marks are what is found in the text of a note, outside of code.
type marks struct {
	tags  []any // strings, in the order they occur, perhaps repeated
	links []ref // at most maxLinks; none within the note itself
}

// A ref is one link or embed, as it is written.
type ref struct {
	target string // without heading, block and alias
	embed  bool
}

// scanMarkdown finds the tags and links of a note. It is linear in the text.
func scanMarkdown(body string) marks {
	var m marks
	for line := range strings.SplitSeq(maskCode(body), "\n") {
		line = m.wikiLinks(line)
		m.inlineLinks(line)
		m.lineTags(line)
	}
	return m
}

func (m *marks) add(target string, embed bool) {
	target = strings.TrimSpace(target)
	if target != "" && len(m.links) < maxLinks {
		m.links = append(m.links, ref{target: target, embed: embed})
	}
}

// wikiLinks takes [[target#heading|alias]] and ![[target]] out of a line.
func (m *marks) wikiLinks(line string) string {
	var rest strings.Builder
	for {
		start := strings.Index(line, "[[")
		if start < 0 {
			break
		}
		inner, after, ok := strings.Cut(line[start+2:], "]]")
		if !ok {
			break
		}
		if again := strings.LastIndex(inner, "[["); again >= 0 {
			// "[[[[x]]" and "[[ [[x]]": the innermost pair is the link
			start += 2 + again
			inner = inner[again+2:]
		}
		before := line[:start]
		rest.WriteString(before + " ")
		line = after
		if strings.HasSuffix(before, `\`) {
			continue
		}
		target, _, _ := strings.Cut(inner, "|")
		target, _, _ = strings.Cut(strings.TrimSuffix(target, `\`), "#") // "\|" stands in tables
		if !strings.HasPrefix(target, "^") {                             // a block of the note itself
			m.add(target, strings.HasSuffix(before, "!"))
		}
	}
	return rest.String() + line
}

// inlineLink is [text](target) or ![text](<target> "title").
var inlineLink = regexp.MustCompile(`(!?)\[[^\[\]]*\]\(\s*(?:<([^<>]*)>|([^\s()]*(?:\([^\s()]*\)[^\s()]*)*))(?:\s+["'(][^)]*)?\s*\)`)

// inlineLinks notes the links of a line that lead to files of the source.
func (m *marks) inlineLinks(line string) {
	for _, g := range inlineLink.FindAllStringSubmatch(line, -1) {
		target, _, _ := strings.Cut(g[2]+g[3], "#")
		if hasScheme(target) || strings.HasPrefix(target, "//") {
			continue
		}
		if plain, err := url.PathUnescape(target); err == nil {
			target = plain
		}
		m.add(target, g[1] == "!")
	}
}

// hasScheme reports whether target is a URL with a scheme (RFC 3986 §3.1).
func hasScheme(target string) bool {
	scheme, _, ok := strings.Cut(target, ":")
	if !ok || scheme == "" {
		return false
	}
	for i, c := range []byte(scheme) {
		if !isLetter(c) && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(c))) {
			return false
		}
	}
	return true
}

// lineTags notes every #tag: at the start of a line or after white space.
func (m *marks) lineTags(line string) {
	before := ' '
	for i, r := range line {
		if r == '#' && unicode.IsSpace(before) {
			tag := line[i+1:]
			if end := strings.IndexFunc(tag, func(r rune) bool { return !tagRune(r) }); end >= 0 {
				tag = tag[:end]
			}
			if validTag(tag) {
				m.tags = append(m.tags, tag)
			}
		}
		before = r
	}
}

// tagRune reports whether a tag may contain r: letters, digits, "_", "-", "/" for
// nesting, and signs such as emoji.
func tagRune(r rune) bool {
	return r == '_' || r == '-' || r == '/' || unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit, unicode.So, unicode.Sk) ||
		r == '\u200d' // joins emoji
}

// validTag reports whether all of s can be a tag; digits alone cannot.
func validTag(s string) bool {
	digits := true
	for _, r := range s {
		if !tagRune(r) {
			return false
		}
		digits = digits && (unicode.IsDigit(r) || r == '/')
	}
	return s != "" && !digits && len(s) <= 200 && utf8.ValidString(s)
}

// maskCode returns the text with blanks in place of code: fenced blocks and spans
// between backticks (CommonMark 0.31, §4.5 and §6.1). Lines stay lines.
func maskCode(body string) string {
	var out strings.Builder
	out.Grow(len(body))
	var paragraph []string
	fence := ""
	flush := func() {
		out.WriteString(maskSpans(strings.Join(paragraph, "")))
		paragraph = paragraph[:0]
	}
	for line := range strings.Lines(body) {
		mark := fenceOf(line)
		switch {
		case fence != "":
			out.WriteString("\n")
			if closesFence(mark, fence, line) {
				fence = ""
			}
		case mark != "":
			flush()
			out.WriteString("\n")
			fence = mark
		default:
			paragraph = append(paragraph, line)
			if strings.TrimSpace(line) == "" {
				flush()
			}
		}
	}
	flush()
	return out.String()
}

// fenceOf returns the backticks or tildes, three or more, that a line begins with
// after blanks, quote marks and list marks.
func fenceOf(line string) string {
	s := strings.TrimLeft(line, " \t>-*+")
	for _, c := range []string{"`", "~"} {
		n := len(s) - len(strings.TrimLeft(s, c))
		if n < 3 {
			continue
		}
		if c == "`" && strings.Contains(s[n:], "`") {
			return "" // a span on one line
		}
		return s[:n]
	}
	return ""
}

func closesFence(mark, fence, line string) bool {
	return mark != "" && mark[0] == fence[0] && len(mark) >= len(fence) && strings.HasSuffix(strings.TrimRight(line, " \t\r\n"), mark)
}

// maxSpan is how far the end of a code span is looked for.
const maxSpan = 4096

// maskSpans blanks the code spans of a paragraph.
func maskSpans(p string) string {
	if !strings.Contains(p, "`") {
		return p
	}
	out := []byte(p)
	for i := 0; i < len(p); {
		if p[i] != '`' {
			i++
			continue
		}
		n := backticks(p[i:])
		end := spanEnd(p[i+n:min(len(p), i+n+maxSpan)], n)
		if end < 0 || i > 0 && p[i-1] == '\\' {
			i += n
			continue
		}
		for j := i; j < i+n+end; j++ {
			if out[j] != '\n' {
				out[j] = ' '
			}
		}
		i += n + end
	}
	return string(out)
}

// backticks counts the backticks that s begins with.
func backticks(s string) int { return len(s) - len(strings.TrimLeft(s, "`")) }

// spanEnd returns where the span ends whose text s begins with: after the next run
// of exactly n backticks. -1: it does not end.
func spanEnd(s string, n int) int {
	for i := 0; i < len(s); {
		if s[i] != '`' {
			i++
			continue
		}
		k := backticks(s[i:])
		if i += k; k == n {
			return i
		}
	}
	return -1
}
