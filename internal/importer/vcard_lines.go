package importer

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"strings"
)

// Bounds on the parameters of a line. Longer ones are dropped: they hold rich copies
// of the value, and the parsers are slow on them.
const (
	maxParams = 4 << 10 // bytes of all together
	maxParam  = 512     // bytes of one
)

// contentLines unfolds the lines of a component: a line that begins with a blank
// continues the one before it (RFC 5545 §3.1, RFC 6350 §3.2), and in vCard 2.1 and
// vCalendar 1.0 so does one after a quoted-printable line that ends in "=", and one
// of base64 that is not indented.
func contentLines(raw []byte) []string {
	var lines []string
	var cur []byte
	var quoted, base64, soft bool
	flush := func() {
		if len(cur) > 0 {
			lines = append(lines, string(cur))
		}
		cur = nil
	}
	for line := range bytes.Lines(raw) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case soft:
			cur = append(cur[:len(cur)-1], line...)
		case isFolded(line) && cur != nil:
			cur = append(cur, line[1:]...)
		case base64 && len(line) > 0 && bytes.IndexByte(line, ':') < 0:
			cur = append(cur, line...)
		default:
			flush()
			cur = append(cur, bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))...)
			head := bytes.ToUpper(lineHead(cur))
			quoted = bytes.Contains(head, []byte("QUOTED-PRINTABLE"))
			base64 = bytes.Contains(head, []byte("BASE64")) || bytes.Contains(head, []byte("ENCODING=B"))
		}
		soft = quoted && bytes.HasSuffix(cur, []byte("="))
	}
	flush()
	return lines
}

// lineHead is the name and the parameters of a line, without the value: what stands
// before the first colon that is not quoted.
func lineHead(line []byte) []byte {
	quoted := false
	for i, c := range line[:min(len(line), 2*maxParams)] {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			return line[:i]
		}
	}
	if i := bytes.IndexByte(line, ':'); i >= 0 {
		return line[:i]
	}
	return line
}

// modernLine rewrites a line of the 2.1 and 1.0 formats in the form of the later
// ones: bare parameters get their name, quoted-printable and charsets are decoded.
// ok is false for a line without name or colon. Values keep their escapes.
func modernLine(line string) (out string, ok bool) {
	head := string(lineHead([]byte(line)))
	if head == "" || len(head) == len(line) {
		return "", false
	}
	value := line[len(head)+1:]
	fields := splitParams(head)
	name := strings.TrimSpace(fields[0])
	if name == "" {
		return "", false
	}
	params := fields[1:]
	if len(head) > maxParams {
		params = nil
	}
	out = toUTF8([]byte(name))
	quoted, charset := false, ""
	for _, p := range params {
		key, val, named := strings.Cut(p, "=")
		key, val = strings.TrimSpace(key), strings.TrimSpace(val)
		if !named {
			key, val = bareParam(key)
		}
		switch {
		case key == "" || val == "" || len(val) > maxParam:
		case strings.EqualFold(key, "ENCODING") && strings.EqualFold(val, "QUOTED-PRINTABLE"):
			quoted = true
		case strings.EqualFold(key, "CHARSET"):
			charset = val
		default:
			out += ";" + key + "=" + quoteParam(toUTF8([]byte(val)))
		}
	}
	return out + ":" + decodeValue(value, quoted, charset), true
}

// bareParam names a parameter that vCard 2.1 gives by its value alone.
func bareParam(value string) (key, val string) {
	switch strings.ToUpper(value) {
	case "QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT":
		return "ENCODING", value
	case "INLINE", "URL", "CONTENT-ID", "CID":
		return "VALUE", value
	}
	return "TYPE", value
}

// quoteParam makes sure that a quote begins and ends what it should: a parameter is
// bare or quoted, or a list of such.
func quoteParam(val string) string {
	if strings.IndexByte(val, '"') < 0 {
		return val
	}
	for piece := range strings.SplitSeq(val, ",") {
		n := strings.Count(piece, `"`)
		if n != 0 && (n != 2 || piece[0] != '"' || piece[len(piece)-1] != '"') {
			return `"` + strings.ReplaceAll(val, `"`, "") + `"`
		}
	}
	return val
}

// splitParams cuts at semicolons outside quotes. The result has at least one element.
func splitParams(head string) []string {
	var out []string
	quoted, start := false, 0
	for i := range len(head) {
		switch {
		case head[i] == '"':
			quoted = !quoted
		case head[i] == ';' && !quoted:
			out = append(out, head[start:i])
			start = i + 1
		}
	}
	return append(out, head[start:])
}

// decodeValue undoes the encodings of the old formats. What cannot be decoded stays
// as it is. Line breaks that come to light are escaped, as the new formats want them.
func decodeValue(value string, quoted bool, charset string) string {
	b := []byte(value)
	if quoted {
		if d, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(b))); err == nil || len(d) > 0 {
			b = d
		}
	}
	text := ""
	if charset != "" && !strings.EqualFold(charset, "UTF-8") {
		if r, err := charsetReader(charset, bytes.NewReader(b)); err == nil {
			if d, err := io.ReadAll(r); err == nil {
				text = string(d)
			}
		}
	}
	if text == "" {
		text = toUTF8(b)
	}
	if quoted {
		text = strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(text)
	}
	return text
}

// unescape undoes the backslash escapes of RFC 6350 §3.4 and RFC 5545 §3.3.11.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n', 'N':
			b.WriteByte('\n')
		case '\\', ',', ';', ':', '"':
			b.WriteByte(s[i])
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// splitEscaped cuts at a separator that no backslash stands before, and undoes the
// escapes of the pieces.
func splitEscaped(s string, sep byte) []string {
	var out []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			out = append(out, unescape(s[start:i]))
			start = i + 1
		}
	}
	return append(out, unescape(s[start:]))
}
