package agentcfg

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A node is a JSON value and where it stands.
type node struct {
	start, end int // of the value, without spaces around it
	members    []member
	elements   []*node
}

// A member is a name and its value in an object.
type member struct {
	name  string
	start int // of the name
	value *node
}

// A jsonParser reads JSON (RFC 8259) and, if it may have comments, // and /* */ and
// commas after the last element.
type jsonParser struct {
	text     []byte
	at       int
	comments bool
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func parseJSON(text []byte, comments bool) (*node, error) {
	p := &jsonParser{text: text, comments: comments}
	if !utf8.Valid(text) {
		return nil, malformed(text, 0, "it is not UTF-8")
	}
	if bytes.HasPrefix(text, byteOrderMark) {
		p.at = len(byteOrderMark)
	}
	if err := p.space(); err != nil {
		return nil, err
	}
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if err := p.space(); err != nil {
		return nil, err
	}
	if p.at < len(text) {
		return nil, p.bad("there is something after the end")
	}
	return root, nil
}

func (p *jsonParser) bad(what string) error { return malformed(p.text, p.at, "%s", what) }

func (p *jsonParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// space skips spaces and comments.
func (p *jsonParser) space() error {
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch {
		case bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0:
			p.at++
		case p.comments && bytes.HasPrefix(rest, []byte("//")):
			n := bytes.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			p.at += n
		case p.comments && bytes.HasPrefix(rest, []byte("/*")):
			n := bytes.Index(rest[2:], []byte("*/"))
			if n < 0 {
				return p.bad("a comment does not end")
			}
			p.at += n + 4
		default:
			return nil
		}
	}
	return nil
}

func (p *jsonParser) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, p.bad("it is nested too deep")
	}
	n := &node{start: p.at}
	var err error
	switch p.peek() {
	case '{':
		err = p.list('}', func() error { return p.member(n, depth) })
	case '[':
		err = p.list(']', func() error {
			e, err := p.value(depth + 1)
			n.elements = append(n.elements, e)
			return err
		})
	default:
		err = p.scalar()
	}
	n.end = p.at
	return n, err
}

// list reads what stands between brackets: elements with commas between.
func (p *jsonParser) list(closing byte, element func() error) error {
	p.at++
	for first := true; ; first = false {
		if err := p.space(); err != nil {
			return err
		}
		if p.peek() == closing && (first || p.comments) {
			p.at++
			return nil
		}
		if err := element(); err != nil {
			return err
		}
		if err := p.space(); err != nil {
			return err
		}
		switch p.peek() {
		case ',':
			p.at++
		case closing:
			p.at++
			return nil
		default:
			return p.bad("a comma or a closing bracket is missing")
		}
	}
}

func (p *jsonParser) member(n *node, depth int) error {
	m := member{start: p.at}
	if p.peek() != '"' {
		return p.bad("a name in quotes is missing")
	}
	if err := p.scalar(); err != nil {
		return err
	}
	if err := json.Unmarshal(p.text[m.start:p.at], &m.name); err != nil {
		return p.bad("a name is not well formed")
	}
	if err := p.space(); err != nil {
		return err
	}
	if p.peek() != ':' {
		return p.bad("a colon is missing")
	}
	p.at++
	if err := p.space(); err != nil {
		return err
	}
	var err error
	m.value, err = p.value(depth + 1)
	n.members = append(n.members, m)
	return err
}

// scalar reads a string, a number or a word.
func (p *jsonParser) scalar() error {
	start := p.at
	if p.peek() == '"' {
		for p.at++; p.peek() != '"'; p.at++ {
			if p.peek() == '\\' {
				p.at++
			}
			if p.at >= len(p.text) || p.text[p.at] == '\n' {
				p.at = start
				return p.bad("a text does not end")
			}
		}
		p.at++
	} else {
		for p.at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,:{}[]\"/"), p.text[p.at]) < 0 {
			p.at++
		}
	}
	if !json.Valid(p.text[start:p.at]) {
		p.at = start
		return p.bad("this is not JSON")
	}
	return nil
}

// standard appends the value of n as JSON without spaces and comments.
func standard(b []byte, text []byte, n *node) []byte {
	switch text[n.start] {
	case '{':
		b = append(b, '{')
		for i, m := range n.members {
			if i > 0 {
				b = append(b, ',')
			}
			name, _ := json.Marshal(m.name) // a string
			b = append(append(b, name...), ':')
			b = standard(b, text, m.value)
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i, e := range n.elements {
			if i > 0 {
				b = append(b, ',')
			}
			b = standard(b, text, e)
		}
		return append(b, ']')
	}
	return append(b, text[n.start:n.end]...)
}
