package embed

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normaliser returns what one part of a tokenizer's normaliser does.
func normaliser(p part) (func(string) string, error) {
	switch p.Type {
	case "BertNormalizer":
		return bertNormaliser(p), nil
	case "Lowercase":
		return strings.ToLower, nil
	case "StripAccents":
		return stripMarks, nil
	case "NFC":
		return norm.NFC.String, nil
	case "NFD":
		return norm.NFD.String, nil
	case "NFKD":
		return norm.NFKD.String, nil
	case "NFKC":
		return norm.NFKC.String, nil
	case "Nmt":
		return nmt, nil
	case "Precompiled": // its table is that of nmt_nfkc for all models that are known
		return func(s string) string { return norm.NFKC.String(nmt(s)) }, nil
	case "Strip":
		return strings.TrimSpace, nil
	case "Replace": // of runs of spaces, which the words have not anyway
		if strings.TrimSpace(p.Content) == "" || p.Content == metaspace {
			if p.Pattern.String == " " || p.Pattern.Regex == " {2,}" || p.Pattern.Regex == `\s+` {
				return func(s string) string { return s }, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: the normaliser %q", errTokenizer, p.Type)
}

// bertNormaliser does what p says, and what is usual where it says nothing: accents go if
// capitals do.
func bertNormaliser(p part) func(string) string {
	is := func(b *bool, usual bool) bool {
		if b == nil {
			return usual
		}
		return *b
	}
	lower := is(p.Lowercase, true)
	accents := is(p.Strip, lower)
	cleans, chinese := is(p.CleanText, true), is(p.ChineseChar, true)
	return func(s string) string {
		if cleans {
			s = clean(s)
		}
		if chinese {
			s = spaceIdeographs(s)
		}
		if accents {
			s = stripMarks(norm.NFD.String(s))
		}
		if lower {
			s = strings.ToLower(s)
		}
		return s
	}
}

// clean drops control characters and makes every white space a plain one.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == 0, r == unicode.ReplacementChar, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			return -1
		}
		return r
	}, s)
}

// nmt is what SentencePiece calls so: control characters go, and what has no width becomes
// a space.
func nmt(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r >= 0x200b && r <= 0x200f, r == 0x2581, r == 0xfeff, r == unicode.ReplacementChar:
			return ' '
		case unicode.Is(unicode.Cc, r):
			return -1
		}
		return r
	}, s)
}

func stripMarks(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, s)
}

// spaceIdeographs makes each Chinese character a word, as BERT does; kana and hangul stay
// together.
func spaceIdeographs(s string) string {
	var b strings.Builder
	for _, r := range s {
		if ideograph(r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func ideograph(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3400 && r <= 0x4dbf || r >= 0x20000 && r <= 0x2a6df ||
		r >= 0x2a700 && r <= 0x2ceaf || r >= 0xf900 && r <= 0xfaff || r >= 0x2f800 && r <= 0x2fa1f
}

// bertWords splits at white space, and makes each punctuation character a word.
func bertWords(s string) []string {
	var ws []string
	for _, f := range strings.Fields(s) {
		start := 0
		for i, r := range f {
			if !punctuation(r) {
				continue
			}
			if i > start {
				ws = append(ws, f[start:i])
			}
			start = i + len(string(r))
			ws = append(ws, f[i:start])
		}
		if start < len(f) {
			ws = append(ws, f[start:])
		}
	}
	return ws
}

// punctuation counts all ASCII symbols as such.
func punctuation(r rune) bool {
	if r < 0x80 {
		return r > ' ' && r < 0x7f && !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	}
	return unicode.IsPunct(r)
}
