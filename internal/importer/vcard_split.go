package importer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// maxComponent bounds one card or calendar component, photos included.
const maxComponent = 16 << 20

// A component is a BEGIN…END block of a vCard or iCalendar file, or what stands
// outside of any, which has no name.
type component struct {
	name   string // upper case: "VCARD", "VEVENT"
	at     int64  // offset of its first byte
	end    int64
	raw    []byte // nil if it is larger than maxComponent
	closed bool   // it has its END
}

// A componentReader cuts a file into components, holding one at a time. Broken
// components do not take their neighbours with them: one of the starts begins a new
// component even where the one before it was not ended.
type componentReader struct {
	r       *bufio.Reader
	starts  func(name string) bool // of components that never lie in one another
	wrapper string                 // name of the component around all others, e.g. "VCALENDAR"; "" if none
	offset  int64
	held    []byte // a line read that belongs to the next component
	err     error
}

// next returns the next component; the end of the file is io.EOF. The lines of the
// wrapper itself come as components without a name.
func (c *componentReader) next() (component, error) {
	if c.err != nil && c.held == nil {
		return component{}, c.err
	}
	comp := component{at: c.offset - int64(len(c.held))}
	var depth int
	var agent bool
	for {
		line := c.line()
		if line == nil {
			if comp.end == comp.at || comp.end == 0 {
				return component{}, c.err
			}
			return comp, nil
		}
		verb, name := blockLine(line)
		size := c.offset - comp.at
		switch {
		case verb == "BEGIN" && name != c.wrapper && comp.name == "":
			if comp.end > comp.at {
				return c.unread(comp, line), nil
			}
			comp.name, depth = name, 1
		case comp.name != "" && (verb == "BEGIN" && !agent && c.starts(name) || verb != "" && name == c.wrapper && c.wrapper != ""):
			return c.unread(comp, line), nil
		case verb == "BEGIN" && name == comp.name:
			depth++
		case verb == "END" && name == comp.name && comp.name != "":
			depth--
		}
		if len(bytes.TrimSpace(line)) > 0 {
			agent = isAgent(line)
		}
		comp.end = c.offset
		if size <= maxComponent {
			comp.raw = append(comp.raw, line...)
		} else {
			comp.raw = nil
		}
		if comp.name != "" && depth == 0 {
			comp.closed = true
			return comp, nil
		}
	}
}

func (c *componentReader) unread(comp component, line []byte) component {
	c.held = bytes.Clone(line)
	return comp
}

// line returns the next line or piece of a line of 64 KiB, nil at the end.
func (c *componentReader) line() []byte {
	if line := c.held; line != nil {
		c.held = nil
		return line
	}
	if c.err != nil {
		return nil
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		c.err = err
	}
	c.offset += int64(len(line))
	if len(line) == 0 {
		return nil
	}
	return line
}

func newComponentReader(r io.Reader, wrapper string, starts func(string) bool) *componentReader {
	return &componentReader{r: bufio.NewReaderSize(r, 64<<10), wrapper: wrapper, starts: starts}
}

// blockLine reads "BEGIN:name" and "END:name". verb is "" for any other line.
func blockLine(line []byte) (verb, name string) {
	if len(line) > 100 {
		return "", ""
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(line), "\ufeff"))
	v, n, ok := strings.Cut(text, ":")
	if v = strings.ToUpper(strings.TrimSpace(v)); !ok || v != "BEGIN" && v != "END" {
		return "", ""
	}
	return v, strings.ToUpper(strings.TrimSpace(n))
}

// isAgent says whether the line announces a card within a card, as vCard 2.1 has it.
func isAgent(line []byte) bool {
	return len(line) >= 6 && bytes.EqualFold(line[:5], []byte("AGENT")) && (line[5] == ':' || line[5] == ';')
}
