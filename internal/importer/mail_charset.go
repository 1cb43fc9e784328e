package importer

import (
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// charsetReader decodes r to UTF-8 from a charset named as on the web (the WHATWG
// Encoding Standard), where ISO-8859-1 and ASCII mean Windows-1252.
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	enc, err := htmlindex.Get(strings.Trim(charset, `"' `))
	if err != nil {
		return nil, fmt.Errorf("charset %q: %w", clip(charset, 40), err)
	}
	return enc.NewDecoder().Reader(r), nil
}

func mailWords() *mime.WordDecoder { return &mime.WordDecoder{CharsetReader: charsetReader} }

// toUTF8 returns valid UTF-8 as it is and takes all else for Windows-1252.
func toUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(s)
}

// undoLatin1 repairs UTF-8 that was sent under the name of ASCII or Latin-1 and has
// been decoded as such. If encoding it again gives valid UTF-8, that is what it was,
// for true Latin-1 text hardly ever is.
func undoLatin1(text, charset string) string {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii", "iso-8859-1", "windows-1252":
	default:
		return text
	}
	if isASCII(text) {
		return text
	}
	if s, err := charmap.Windows1252.NewEncoder().String(text); err == nil && utf8.ValidString(s) {
		return s
	}
	return text
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cleanText makes a text valid UTF-8 without NUL and without blanks around it.
func cleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.TrimSpace(s)
}

// oneLine is cleanText with every run of white space made one blank.
func oneLine(s string) string { return cleanText(strings.Join(strings.Fields(s), " ")) }
