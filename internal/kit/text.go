package kit

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const (
	textWidth  = 76
	codeGroup  = 4  // characters of the code that stand together
	codeGroups = 13 // of a line
)

// Text writes the sheets in plain UTF-8, with a form feed between them. They have
// the text of the QR code in place of its picture.
func Text(w io.Writer, sheets []Sheet) error {
	all, err := pages(sheets)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	defer func() { clear(b.Bytes()) }()
	for i, p := range all {
		if i > 0 {
			b.WriteByte('\f')
		}
		p.Steps[3].Text = "Type the words in their order, or the code." // there is no picture
		p.text(&b, sheets[i].Code())
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("kit: %w", err)
	}
	return nil
}

func (p page) text(b *bytes.Buffer, code string) {
	rule := strings.Repeat("-", textWidth)
	fmt.Fprintf(b, "LOCKET RECOVERY SHEET%*s\n%s\n\n", textWidth-len("LOCKET RECOVERY SHEET"), p.Number, rule)
	fmt.Fprintln(b, strings.ToUpper(p.Title))
	if p.Of != "" {
		fmt.Fprintf(b, "of the group %s\n", p.Of)
	}
	fmt.Fprintln(b)
	wrapped(b, "To come in", "you need "+p.Needs+".")
	fmt.Fprintln(b)
	if p.Pod != "" {
		wrapped(b, "Pod", p.Pod)
	}
	for _, f := range p.Facts {
		wrapped(b, f.Label, f.Text)
	}
	wrapped(b, "Checksum", p.Checksum)

	fmt.Fprintf(b, "\nTHE WORDS\n\n")
	for row := range p.Words[0] {
		var line strings.Builder
		for _, col := range p.Words {
			if row < len(col) {
				fmt.Fprintf(&line, "  %2d  %-18s", col[row].N, col[row].Text)
			}
		}
		fmt.Fprintln(b, strings.TrimRight(line.String(), " "))
	}

	fmt.Fprintf(b, "\nTHE SAME AS A CODE (spaces do not matter)\n\n")
	groups, code := []string{codePrefix}, strings.TrimPrefix(code, codePrefix)
	for len(code) > 0 {
		for len(groups) < codeGroups && len(code) > 0 {
			n := min(codeGroup, len(code))
			groups, code = append(groups, code[:n]), code[n:]
		}
		fmt.Fprintf(b, "  %s\n", strings.Join(groups, " "))
		groups = nil
	}

	fmt.Fprintf(b, "\nHOW TO USE IT\n\n")
	for i, s := range p.Steps {
		wrapped(b, fmt.Sprintf("%19d.", i+1), s.text())
	}
	fmt.Fprintf(b, "\n%s\n", rule)
	for _, n := range p.Notes {
		wrapped(b, n.Label, n.text())
	}
}

func (a advice) text() string { return strings.TrimSpace(a.Text + " " + a.Command) }

// wrapped writes text in lines behind a label.
func wrapped(b *bytes.Buffer, label, text string) {
	const indent = 22
	line := fmt.Sprintf("%-*s", indent-1, label)
	used := indent - 1
	for _, w := range strings.Fields(text) {
		n := len([]rune(w))
		if used+1+n > textWidth && used >= indent {
			fmt.Fprintln(b, strings.TrimRight(line, " "))
			line, used = strings.Repeat(" ", indent-1), indent-1
		}
		line += " " + w
		used += 1 + n
	}
	fmt.Fprintln(b, strings.TrimRight(line, " "))
}
