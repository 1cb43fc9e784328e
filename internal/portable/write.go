package portable

import (
	"encoding/json"
	"fmt"
	"io"
)

// A Writer writes the lines. It counts them.
type Writer struct {
	lines *json.Encoder
	count Counts
}

// NewWriter writes the first line.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	out := &Writer{lines: json.NewEncoder(w)}
	out.lines.SetEscapeHTML(false)
	h.Format, h.Version = Format, Version
	return out, out.encode(h)
}

// Add writes a line.
func (w *Writer) Add(l *Line) error {
	w.count.Add(l)
	return w.encode(l)
}

// Close writes the last line and returns what it says.
func (w *Writer) Close() (Counts, error) {
	if w.count.ByType == nil {
		w.count.ByType = map[string]int64{}
	}
	return w.count, w.encode(Line{End: &w.count})
}

func (w *Writer) encode(v any) error {
	if err := w.lines.Encode(v); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return nil
}
