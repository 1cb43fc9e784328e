package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// print writes a result to standard output: v as one JSON document with --json,
// else what human writes.
func (c *cli) print(v any, human func(p *printer)) error {
	w := bufio.NewWriter(c.out)
	if c.json {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			return err
		}
	} else {
		human(&printer{w: w, colour: c.colour, width: c.width})
	}
	if err := w.Flush(); err != nil {
		return locket.Errorf(locket.CodeInternal, "standard output cannot be written").Because(err)
	}
	return nil
}

// A printer writes for people. Everything from a pod goes through clean. Errors
// stay in the writer, which is flushed at the end.
type printer struct {
	w      *bufio.Writer
	colour bool
	width  int // columns of the terminal, 0: not a terminal, cut nothing
}

// Styles of a terminal (ECMA-48 §8.3.117).
const (
	bold = "1"
	dim  = "2"
	red  = "31"
)

func (p *printer) styled(style, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...)
}

// table writes rows in aligned columns under a head. On a terminal the last column is
// cut to what fits.
func (p *printer) table(head []string, rows [][]string) {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(clean(cell, false)))
		}
	}
	p.row(head, widths, bold)
	for _, row := range rows {
		p.row(row, widths, "")
	}
}

func (p *printer) row(cells []string, widths []int, style string) {
	used := 0
	var b strings.Builder
	for i, cell := range cells {
		cell = clean(cell, false)
		if i == len(cells)-1 {
			if p.width > 0 {
				cell = clip(cell, max(p.width-used, 8))
			}
		} else {
			cell = pad(cell, widths[i]+2)
		}
		used += columns(cell)
		if style != "" {
			cell = p.styled(style, cell)
		} else if i == 0 {
			cell = p.styled(dim, cell)
		}
		b.WriteString(cell)
	}
	p.line("%s", strings.TrimRight(b.String(), " "))
}

// pairs writes names and values in two columns; values of several lines are
// indented as a block.
func (p *printer) pairs(pairs [][2]string) {
	widest := 0
	for _, kv := range pairs {
		widest = max(widest, columns(kv[0]))
	}
	for _, kv := range pairs {
		value := clean(strings.TrimRight(kv[1], "\n"), true)
		value = strings.ReplaceAll(value, "\n", "\n"+strings.Repeat(" ", widest+2))
		p.line("%s%s", p.styled(dim, pad(clean(kv[0], false), widest+2)), value)
	}
}

// more says how to see the next page.
func (p *printer) more(next string) {
	if next != "" {
		p.line("%s", p.styled(dim, "more: --cursor "+next))
	}
}

// when is a time for people, in the local zone.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// count is a number of things for people; one is the word for one of them.
func count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
