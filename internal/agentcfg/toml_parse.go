package agentcfg

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A tomlTable is what stands from one header to the next; the first has no header.
type tomlTable struct {
	path   []string
	list   bool // [[…]]
	start  int  // of the header's line
	header int  // end of the header's line, without the line end
	keys   []tomlKey
}

// A tomlKey is a key and its value.
type tomlKey struct {
	path       []string
	start, end int // of its line, and of its value
	from       int // start of the value
	value      any // string, []any, or other values as they are written
}

// A tomlParser reads TOML 1.0.
type tomlParser struct {
	text []byte
	at   int
}

func parseTOML(text []byte) ([]tomlTable, error) {
	p := &tomlParser{text: text}
	if !utf8.Valid(text) {
		return nil, malformed(text, 0, "it is not UTF-8")
	}
	tables := []tomlTable{{}}
	seen := map[string]bool{}
	for {
		p.blank()
		if p.at >= len(text) {
			return tables, nil
		}
		t := &tables[len(tables)-1]
		if p.peek() == '[' {
			next, err := p.heading()
			if err != nil {
				return nil, err
			}
			if name := strings.Join(next.path, "\x00"); seen[name] && !next.list {
				return nil, p.bad("the table " + strings.Join(next.path, ".") + " is there twice")
			} else if seen[name] = true; next.list {
				for other := range seen { // its tables begin anew
					if strings.HasPrefix(other, name+"\x00") {
						delete(seen, other)
					}
				}
			}
			tables = append(tables, next)
		} else if err := p.pair(t); err != nil {
			return nil, err
		}
		if err := p.lineEnd(); err != nil {
			return nil, err
		}
	}
}

func (p *tomlParser) bad(what string) error { return malformed(p.text, p.at, "%s", what) }

func (p *tomlParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *tomlParser) has(prefix string) bool { return bytes.HasPrefix(p.text[p.at:], []byte(prefix)) }

func (p *tomlParser) spaces() {
	for p.peek() == ' ' || p.peek() == '\t' {
		p.at++
	}
}

// blank skips spaces, line ends and comments.
func (p *tomlParser) blank() {
	for p.at < len(p.text) {
		switch p.peek() {
		case ' ', '\t', '\r', '\n':
			p.at++
		case '#':
			for p.at < len(p.text) && p.peek() != '\n' {
				p.at++
			}
		default:
			return
		}
	}
}

// lineEnd reads what may follow on the line of a value or a header.
func (p *tomlParser) lineEnd() error {
	p.spaces()
	if p.at < len(p.text) && p.peek() != '#' && p.peek() != '\n' && !p.has("\r\n") {
		return p.bad("this belongs on a line of its own")
	}
	return nil
}

func (p *tomlParser) lineStart() int { return bytes.LastIndexByte(p.text[:p.at], '\n') + 1 }

func (p *tomlParser) heading() (t tomlTable, err error) {
	t.start = p.lineStart()
	closing := "]"
	if p.has("[[") {
		t.list, closing = true, "]]"
		p.at++
	}
	p.at++
	if t.path, err = p.keyPath(); err != nil {
		return t, err
	}
	if !p.has(closing) {
		return t, p.bad("a closing bracket is missing")
	}
	p.at += len(closing)
	t.header = p.at
	return t, nil
}

func (p *tomlParser) pair(t *tomlTable) (err error) {
	k := tomlKey{start: p.lineStart()}
	if k.path, err = p.keyPath(); err != nil {
		return err
	}
	for _, other := range t.keys {
		if slices.Equal(other.path, k.path) {
			return p.bad("the key " + strings.Join(k.path, ".") + " is there twice")
		}
	}
	if p.peek() != '=' {
		return p.bad("an equals sign is missing")
	}
	p.at++
	p.spaces()
	k.from = p.at
	k.value, err = p.value(0)
	k.end = p.at
	t.keys = append(t.keys, k)
	return err
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+`)

func (p *tomlParser) keyPath() (path []string, err error) {
	for {
		p.spaces()
		var key string
		switch c := p.peek(); {
		case p.has(`"""`) || p.has(`'''`):
			return nil, p.bad("a key is missing")
		case c == '"' || c == '\'':
			if key, err = p.quoted(); err != nil {
				return nil, err
			}
		default:
			m := bareKey.Find(p.text[p.at:])
			if m == nil {
				return nil, p.bad("a key is missing")
			}
			key = string(m)
			p.at += len(m)
		}
		path = append(path, key)
		p.spaces()
		if p.peek() != '.' {
			return path, nil
		}
		p.at++
	}
}

// tomlScalar are values that are no texts, lists or inline tables.
var tomlScalar = regexp.MustCompile(`^(true|false|[+-]?(inf|nan)|0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+` +
	`|\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?|\d\d:\d\d(:\d\d(\.\d+)?)?` +
	`|[+-]?\d[\d_]*(\.\d[\d_]*)?([eE][+-]?\d[\d_]*)?)$`)

var tomlWord = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\]}#]+)`)

func (p *tomlParser) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, p.bad("it is nested too deep")
	}
	switch p.peek() {
	case '"', '\'':
		return p.quoted()
	case '[':
		return p.list(depth)
	case '{':
		start := p.at
		err := p.inlineTable(depth)
		return string(p.text[start:p.at]), err
	}
	m := tomlWord.Find(p.text[p.at:])
	if !tomlScalar.Match(m) {
		return nil, p.bad("this is not a value; texts need quotes")
	}
	p.at += len(m)
	return json.RawMessage(m), nil
}

func (p *tomlParser) list(depth int) (any, error) {
	p.at++
	out := []any{}
	for {
		p.blank()
		if p.peek() == ']' {
			p.at++
			return out, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		p.blank()
		if p.peek() == ',' {
			p.at++
		} else if p.peek() != ']' {
			return nil, p.bad("a comma or a closing bracket is missing")
		}
	}
}

func (p *tomlParser) inlineTable(depth int) error {
	p.at++
	for first := true; ; first = false {
		p.spaces()
		if p.peek() == '}' && first {
			p.at++
			return nil
		}
		if _, err := p.keyPath(); err != nil {
			return err
		}
		if p.peek() != '=' {
			return p.bad("an equals sign is missing")
		}
		p.at++
		p.spaces()
		if _, err := p.value(depth + 1); err != nil {
			return err
		}
		p.spaces()
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			return nil
		default:
			return p.bad("a comma or a closing brace is missing")
		}
	}
}

// quoted reads a text of one or several lines.
func (p *tomlParser) quoted() (string, error) {
	start, quote := p.at, string(p.peek())
	if long := strings.Repeat(quote, 3); p.has(long) {
		quote = long
	}
	p.at += len(quote)
	begin := p.at
	for !p.has(quote) {
		switch {
		case p.at >= len(p.text) || len(quote) == 1 && p.peek() == '\n':
			p.at = start
			return "", p.bad("a text does not end")
		case p.peek() == '\\' && quote[0] == '"' && p.at+1 < len(p.text):
			p.at++
		}
		p.at++
	}
	if len(quote) == 3 { // up to two quotes may belong to the text
		for range 2 {
			if p.at+3 < len(p.text) && p.text[p.at+3] == quote[0] {
				p.at++
			}
		}
	}
	body := string(p.text[begin:p.at])
	p.at += len(quote)
	if quote[0] == '\'' || !strings.Contains(body, `\`) {
		return body, nil
	}
	if len(quote) == 3 { // not compared with anything, so left as it is written
		return body, nil
	}
	text, ok := unescape(body)
	if !ok {
		p.at = start
		return "", p.bad("a text has an escape that there is none of")
	}
	return text, nil
}

// unescape reads the escapes of TOML's basic strings.
func unescape(body string) (string, bool) {
	var b strings.Builder
	for body != "" {
		before, rest, found := strings.Cut(body, `\`)
		b.WriteString(before)
		if !found {
			break
		}
		if rest == "" {
			return "", false
		}
		digits := map[byte]int{'u': 4, 'U': 8}[rest[0]]
		if i := strings.IndexByte(`btnfre"\`, rest[0]); i >= 0 {
			b.WriteByte("\b\t\n\f\r\x1b\"\\"[i])
		} else if n, err := strconv.ParseUint(rest[1:min(1+digits, len(rest))], 16, 32); digits > 0 && err == nil && n <= utf8.MaxRune {
			b.WriteRune(rune(n))
		} else {
			return "", false
		}
		body = rest[1+digits:]
	}
	return b.String(), true
}
