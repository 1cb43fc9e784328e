// Package agentcfg edits configuration files of other programs in place: JSON, also
// with comments, and TOML. It changes the bytes of what it is asked to change and no
// others, and refuses texts that are not well formed.
package agentcfg

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrMalformed says that a text is not what it should be.
var ErrMalformed = errors.New("malformed")

// ErrForm says that a text is well formed, but written in a way that is not edited.
var ErrForm = errors.New("written in a form that is not edited")

const (
	maxText  = 64 << 20 // bytes; Claude Code keeps histories in its configuration
	maxDepth = 200
)

// An Edit is one place of a text that changed, from whole lines where there are any.
type Edit struct {
	Line              int // from 1
	Removed, Inserted string
}

// Diff writes edits as lines that begin with - and +. Of the text around them it shows
// nothing: it may hold other programs' secrets.
func Diff(edits []Edit) string {
	var b strings.Builder
	for _, e := range edits {
		fmt.Fprintf(&b, "@@ line %d @@\n", e.Line)
		side(&b, "-", e.Removed)
		side(&b, "+", e.Inserted)
	}
	return b.String()
}

func side(b *strings.Builder, mark, text string) {
	text = strings.TrimRight(strings.TrimLeft(text, ",\r\n"), " \t\r\n")
	if strings.TrimSpace(text) == "" {
		return
	}
	for line := range strings.Lines(text) {
		b.WriteString(mark + strings.TrimRight(line, "\r\n") + "\n")
	}
}

// splice replaces text[start:end] and says what that was.
func splice(text []byte, start, end int, insert string) ([]byte, Edit) {
	e := Edit{Line: 1 + bytes.Count(text[:start], []byte("\n")), Removed: string(text[start:end]), Inserted: insert}
	shown := insert
	if shown == "" {
		shown = e.Removed
	}
	e.Line += strings.Count(shown[:len(shown)-len(strings.TrimLeft(shown, ",\r\n"))], "\n")
	out := make([]byte, 0, len(text)+len(insert)-(end-start))
	out = append(append(append(out, text[:start]...), insert...), text[end:]...)
	return out, e
}

// newline is the line end that text uses.
func newline(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// malformed is ErrMalformed at a place of text.
func malformed(text []byte, at int, format string, args ...any) error {
	line := 1 + bytes.Count(text[:min(at, len(text))], []byte("\n"))
	return fmt.Errorf("%w: line %d: %s", ErrMalformed, line, fmt.Sprintf(format, args...))
}
