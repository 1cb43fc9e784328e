package agentcfg

import (
	"bytes"
	"encoding/json"
	"strings"
)

// spots returns where the members or elements of n start, and where the last one ends.
func spots(n *node) (starts []int, last int) {
	for _, m := range n.members {
		starts, last = append(starts, m.start), m.value.end
	}
	for _, e := range n.elements {
		starts, last = append(starts, e.start), e.end
	}
	return starts, last
}

// unit is by how much the text indents, "" if all of it is on one line.
func (d *JSON) unit() string {
	if len(d.root.members) == 0 {
		return "  "
	}
	return strings.TrimPrefix(d.indentOf(d.root), d.indentAt(d.root.start))
}

// indentOf is what stands before the first member or element of n on its line, "" if
// that is not the first thing there.
func (d *JSON) indentOf(n *node) string {
	starts, _ := spots(n)
	if len(starts) == 0 || bytes.IndexByte(d.text[n.start:starts[0]], '\n') < 0 {
		return ""
	}
	return d.indentAt(starts[0])
}

// indentAt is the spaces at the beginning of the line of a place.
func (d *JSON) indentAt(at int) string {
	line := d.text[bytes.LastIndexByte(d.text[:at], '\n')+1:]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// written is value as JSON for a line with this indent.
func (d *JSON) written(value any, indent string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	unit := d.unit()
	if unit != "" {
		e.SetIndent(indent, unit)
	}
	err := e.Encode(value)
	return strings.ReplaceAll(strings.TrimSpace(b.String()), "\n", newline(d.text)), err
}

// add puts a value after the last member or element of n; entry makes it one.
func (d *JSON) add(n *node, starts []int, last int, value any, entry func(string) string) error {
	unit, nl := d.unit(), newline(d.text)
	outer := d.indentAt(n.start)
	inner := d.indentOf(n)
	if inner == "" {
		inner = outer + unit
	}
	text, err := d.written(value, inner)
	if err != nil {
		return err
	}
	text = entry(text)
	switch {
	case len(starts) == 0 && unit == "":
		return d.splice(n.start+1, n.start+1, text)
	case len(starts) == 0:
		end := n.end - 1
		if len(bytes.TrimSpace(d.text[n.start+1:end])) == 0 {
			return d.splice(n.start+1, end, nl+inner+text+nl+outer)
		}
		return d.splice(n.start+1, n.start+1, nl+inner+text) // comments stay behind it
	case d.indentOf(n) == "":
		return d.splice(last, last, ", "+text)
	}
	at, comma := d.afterLine(last, n.end-1)
	kept := string(d.text[last:at])
	if comma {
		return d.splice(at, at, nl+inner+text+",")
	}
	if kept == "" {
		return d.splice(at, at, ","+nl+inner+text)
	}
	return d.splice(last, at, ","+kept+nl+inner+text)
}

// afterLine is the place behind a comma and comments that follow at on its line, and
// whether there is the comma.
func (d *JSON) afterLine(at, limit int) (end int, comma bool) {
	p := &jsonParser{text: d.text, at: at, comments: d.comments}
	if err := p.space(); err == nil && p.peek() == ',' && p.at < limit {
		comma = true
		at = p.at + 1
	}
	for {
		rest := d.text[at:limit]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[:i]
		}
		comment := bytes.TrimLeft(rest, " \t")
		skipped := len(rest) - len(comment)
		if bytes.HasPrefix(comment, []byte("//")) {
			return at + len(bytes.TrimRight(rest, " \t\r")), comma
		}
		n := bytes.Index(comment, []byte("*/"))
		if !bytes.HasPrefix(comment, []byte("/*")) || n < 0 {
			return at, comma
		}
		at += skipped + n + 2
	}
}

// cut takes the member or element number i out of n, with one comma and what stands
// before it on its line.
func (d *JSON) cut(n *node, i int) error {
	starts, last := spots(n)
	ends := func(i int) int {
		if n.members != nil {
			return n.members[i].value.end
		}
		return n.elements[i].end
	}
	switch {
	case len(starts) == 1:
		end := n.end - 1
		if d.hasComment(n.start+1, starts[0]) || d.hasComment(last, end) {
			after, _ := d.afterLine(last, end)
			return d.splice(starts[0], max(last, min(after, end)), "")
		}
		return d.splice(n.start+1, end, "")
	case i < len(starts)-1:
		end, _ := d.afterLine(ends(i), n.end-1)
		end += len(d.text[end:]) - len(bytes.TrimLeft(d.text[end:], " \t\r\n"))
		return d.splice(starts[i], end, "")
	}
	// The last one: the comma before it goes, and comments between stay.
	before := ends(i - 1)
	if !d.hasComment(before, starts[i]) {
		return d.splice(before, last, "")
	}
	p := &jsonParser{text: d.text, at: before, comments: true}
	if err := p.space(); err != nil {
		return err
	}
	kept := string(d.text[before:p.at]) + string(d.text[p.at+1:starts[i]])
	return d.splice(before, last, strings.TrimRight(kept, " \t\r\n"))
}

func (d *JSON) hasComment(start, end int) bool {
	return bytes.IndexByte(d.text[start:end], '/') >= 0
}
