package exporter

import (
	"strings"
	"unicode/utf8"

	"github.com/locketpod/locket"
)

// contentLines are lines of vCard (RFC 6350 §3) and iCalendar (RFC 5545 §3.1), which
// fold and escape alike.
type contentLines struct{ b strings.Builder }

// raw adds a line whose value is in its form already, folded at 75 bytes.
func (l *contentLines) raw(line string) {
	line = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, line)
	for limit := 75; len(line) > limit; limit = 74 {
		at := limit
		for !utf8.RuneStart(line[at]) {
			at--
		}
		l.b.WriteString(line[:at] + "\r\n ")
		line = line[at:]
	}
	l.b.WriteString(line + "\r\n")
}

// text adds a property of an item, if it has it.
func (l *contentLines) text(name, value string) {
	if value != "" {
		l.raw(name + ":" + escaped(value))
	}
}

// list adds the values of a property in one line.
func (l *contentLines) list(name string, values []string) {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = escaped(v)
	}
	if len(out) > 0 {
		l.raw(name + ":" + strings.Join(out, ","))
	}
}

func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
}

// textsIn are the values of a list of texts.
func textsIn(it *locket.Item, property string) []string {
	list, _ := it.Props[property].([]any)
	var out []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
