package kit

import (
	"bytes"
	_ "embed" // the template
	"fmt"
	"html/template"
	"io"

	"rsc.io/qr/coding"
)

//go:embed sheet.html
var htmlSource string

var htmlTemplate = template.Must(template.New("sheet").Funcs(template.FuncMap{
	"side": func(c *coding.Code) int { return c.Size + 2*quietZone },
	"path": svgPath,
}).Parse(htmlSource))

// HTML writes the sheets as one document that needs nothing else: no script, no
// network, the QR codes drawn in place. A browser prints one page for each, on A4
// or Letter.
func HTML(w io.Writer, sheets []Sheet) error {
	all, err := pages(sheets)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	defer func() { clear(b.Bytes()) }()
	if err := htmlTemplate.Execute(&b, all); err != nil {
		return fmt.Errorf("kit: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("kit: %w", err)
	}
	return nil
}
