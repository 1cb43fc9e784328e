package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"path"
	"strings"

	"github.com/inbucket/html2text"
	"github.com/jhillyerd/enmime/v2"
	"github.com/jhillyerd/enmime/v2/mediatype"
)

const (
	maxMailHTML = 512 << 10 // bytes of HTML that are turned into text

	// maxBoundaries bounds the multiparts of a message and with them how deep they
	// lie in one another: at the end of a message that closes none of them, the
	// parser's work doubles with every level.
	maxBoundaries = 12
)

var errMailParser = errors.New("the message could not be parsed")

// A parsedMail is what could be read of a message.
type parsedMail struct {
	header  textproto.MIMEHeader
	text    string
	files   []mailFile
	texts   int      // how many parts text was made of
	defects []string // what was wrong, in words
}

// A mailFile is a part that is not the text of the message.
type mailFile struct {
	name      string
	mediaType string
	content   []byte
}

// parseMail reads a message, however broken: where the structure cannot be read,
// everything below the headers is its text.
func parseMail(raw []byte) parsedMail {
	var m parsedMail
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if fixed := separateBody(raw); len(fixed) != len(raw) {
		m.flaw("no blank line between headers and body")
		raw = fixed
	}
	root, err := readParts(raw)
	if err != nil {
		m.flaw("the structure could not be read; all that follows the headers is shown as text")
		m.header, m.text = headerAndRest(raw)
		m.text = clip(m.text, maxMailText)
		return m
	}
	m.header = root.Header
	text := cleanText(m.walk(root))
	if len(text) > maxMailText {
		m.flaw("the text was cut; the raw message has all of it")
	}
	m.text = clip(text, maxMailText)
	return m
}

func (m *parsedMail) flaw(format string, args ...any) {
	m.defects = append(m.defects, fmt.Sprintf(format, args...))
}

// readParts parses the MIME structure. The parser is fed with bytes from strangers
// and has panicked on such before; a panic here would end an import of years of
// mail for one message that can be kept raw as well, so it becomes an error.
func readParts(raw []byte) (root *enmime.Part, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, fmt.Errorf("%w: %v", errMailParser, p)
		}
	}()
	boundaries := map[string]bool{}
	parser := enmime.NewParser(
		enmime.SkipMalformedParts(true),
		enmime.MultipartWOBoundaryAsSinglePart(true),
		enmime.DisableCharacterDetection(true), // where a charset is declared, it counts
		enmime.MaxStoredPartErrors(100),
		enmime.SetReadPartErrorPolicy(func(_ *enmime.Part, err error) bool {
			return enmime.IsBase64CorruptInputError(err) // keep what could be decoded
		}),
		enmime.SetCustomParseMediaType(func(s string) (string, map[string]string, []string, error) {
			mtype, params, invalid, err := mediatype.ParseWithOptions(s,
				mediatype.ParseOptions{StripMediaTypeInvalidCharacters: true})
			if b, ok := params["boundary"]; ok && !boundaries[b] {
				if len(boundaries) < maxBoundaries {
					boundaries[b] = true
				} else {
					delete(params, "boundary") // a leaf, shown as text
				}
			}
			return mtype, params, invalid, err
		}),
	)
	return parser.ReadParts(bytes.NewReader(raw))
}

// headerAndRest reads the headers by themselves, as far as they go.
func headerAndRest(raw []byte) (textproto.MIMEHeader, string) {
	r := bufio.NewReader(bytes.NewReader(raw))
	header, err := enmime.ReadHeader(r, discard{})
	if err != nil {
		return header, toUTF8(raw)
	}
	rest, err := io.ReadAll(r)
	if err != nil {
		return header, toUTF8(raw)
	}
	return header, toUTF8(rest)
}

// walk gathers the files below a part and returns its text.
func (m *parsedMail) walk(p *enmime.Part) string {
	for _, e := range p.Errors {
		if e.Name != enmime.ErrorPlainTextFromHTML && e.Name != enmime.ErrorMissingContentType {
			m.flaw("%s", strings.ToLower(e.Name))
		}
	}
	if p.FirstChild == nil {
		return m.leaf(p)
	}
	var plain, all []string
	for c := p.FirstChild; c != nil; c = c.NextSibling {
		text := m.walk(c)
		if strings.TrimSpace(text) == "" {
			continue
		}
		all = append(all, text)
		if c.ContentType != "text/html" {
			plain = append(plain, text)
		}
	}
	if p.ContentType == "multipart/alternative" {
		// The same thing several times: the plainest is the text.
		if len(plain) > 0 {
			return plain[0]
		}
		return first(all)
	}
	return strings.Join(all, "\n\n")
}

func (m *parsedMail) leaf(p *enmime.Part) string {
	if !isMailText(p) {
		if len(m.files) == maxMailFiles {
			m.flaw("more than %d attachments; the rest is in the raw message", maxMailFiles)
		}
		if len(m.files) < maxMailFiles {
			m.files = append(m.files, mailFile{name: fileName(p), mediaType: p.ContentType, content: p.Content})
		}
		return ""
	}
	m.texts++
	text := undoLatin1(toUTF8(p.Content), p.Charset)
	if p.ContentType == "text/html" {
		return m.htmlText(text)
	}
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// isMailText says whether a leaf is to be read and not to be saved. A multipart
// that has no parts is text too: its boundary was wrong.
func isMailText(p *enmime.Part) bool {
	switch {
	case p.Disposition == "attachment" || p.FileName != "":
		return false
	case p.ContentType == "" || p.ContentType == "text/plain" || p.ContentType == "text/html":
		return true
	default:
		return strings.HasPrefix(p.ContentType, "multipart/")
	}
}

// htmlText renders HTML as text. Like the MIME parser, the HTML one is kept behind
// a border that no panic crosses.
func (m *parsedMail) htmlText(s string) (text string) {
	defer func() {
		if p := recover(); p != nil {
			m.flaw("the HTML could not be turned into text")
			text = s
		}
	}()
	if len(s) > maxMailHTML {
		m.flaw("only the first %d bytes of the HTML were turned into text", maxMailHTML)
	}
	text, err := html2text.FromString(clip(s, maxMailHTML), html2text.Options{TextOnly: true})
	if err != nil {
		m.flaw("the HTML could not be turned into text")
		return clip(s, maxMailHTML)
	}
	return text
}

// fileName names an attachment: as the sender did, else after its place in the
// message. It is a bare name without control characters of at most 200 bytes.
func fileName(p *enmime.Part) string {
	name := p.FileName
	if name == "" {
		name = p.Header.Get("Content-Location")
	}
	if name == "" && p.ContentType == "message/rfc822" {
		header, _ := headerAndRest(p.Content[:min(len(p.Content), 64<<10)])
		inner := parsedMail{header: header}
		if subject := inner.value("Subject"); subject != "" {
			name = strings.ReplaceAll(subject, "/", "-") + ".eml"
		}
	}
	name = path.Base(strings.ReplaceAll(toUTF8([]byte(name)), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if name = cleanText(name); name == "" || name == "." || name == "/" || name == ".." {
		name = "part-" + p.PartID + extensionOf(p.ContentType)
	}
	if len(name) > 200 {
		ext := clip(path.Ext(name), 20)
		name = clip(name, 200-len(ext)) + ext
	}
	return name
}

// extensionOf is a fixed list and not package mime's, which asks the system: a name
// is part of the key of its file and must be the same on every machine.
func extensionOf(mediaType string) string {
	switch mediaType {
	case "image/jpeg":
		return ".jpg"
	case "image/png":
		return ".png"
	case "image/gif":
		return ".gif"
	case "application/pdf":
		return ".pdf"
	case "text/calendar":
		return ".ics"
	case "text/vcard", "text/x-vcard":
		return ".vcf"
	case "message/rfc822":
		return ".eml"
	case "message/delivery-status", "text/rfc822-headers":
		return ".txt"
	case "application/pgp-signature":
		return ".asc"
	}
	return ""
}
