package kit

import (
	"fmt"
	"io"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/text/encoding/charmap"
	"rsc.io/qr/coding"
)

// Measures in millimetres. The page is A4; what is on it lies within a Letter page
// that is centred on it or has the same upper left corner.
const (
	pdfLeft   = 20.0
	pdfTop    = 18.0
	pdfWidth  = 170.0
	pdfQR     = 58.0 // with its quiet zone
	pdfFactsX = pdfLeft + pdfQR + 10
	pdfRowH   = 5.8 // of a word
	pdfGap    = 8.0 // between the columns at the bottom
	pdfLine   = 4.2 // of running text
)

// PDF writes the sheets as a document of PDF 1.x in the standard fonts, one page of
// A4 for each. Characters that these fonts lack become "?".
func PDF(w io.Writer, sheets []Sheet) error {
	all, err := pages(sheets)
	if err != nil {
		return err
	}
	p := pdf{fpdf.New("P", "mm", "A4", "")}
	p.SetTitle("Locket recovery sheet", false)
	p.SetLang("en")
	p.SetCreationDate(sheets[0].Made.UTC())
	p.SetModificationDate(sheets[0].Made.UTC())
	p.SetCatalogSort(true)
	p.SetMargins(pdfLeft, pdfTop, pdfLeft)
	p.SetAutoPageBreak(false, 0)
	p.SetCellMargin(0)
	for _, page := range all {
		p.AddPage()
		p.sheet(page)
	}
	if err := p.Output(w); err != nil {
		return fmt.Errorf("kit: %w", err)
	}
	return nil
}

// A pdf draws; the library keeps the first error until Output.
type pdf struct{ *fpdf.Fpdf }

func (p pdf) sheet(page page) {
	y := p.head(page)
	y = p.needs(y, page.Needs)
	p.qr(pdfLeft, y, page.QR)
	p.facts(y, page)
	y = p.words(y+pdfQR+3, page.Words)
	p.steps(y, page.Steps)
	p.notes(y, page.Notes)
}

func (p pdf) head(page page) float64 {
	p.font("Helvetica", "B", 9)
	p.line(pdfLeft, pdfTop, pdfWidth, "LOCKET RECOVERY SHEET")
	p.font("Helvetica", "", 9)
	p.SetXY(pdfLeft, pdfTop)
	p.CellFormat(pdfWidth, 4, page.Number, "", 0, "R", false, 0, "")
	p.SetLineWidth(0.6)
	p.Line(pdfLeft, pdfTop+6, pdfLeft+pdfWidth, pdfTop+6)
	p.font("Helvetica", "B", 26)
	p.line(pdfLeft, pdfTop+11, pdfWidth, page.Title)
	y := pdfTop + 24
	if page.Of != "" {
		p.font("Helvetica", "", 13)
		p.line(pdfLeft, y-1, pdfWidth, "of the group "+page.Of)
		y += 7
	}
	return y
}

// needs frames what is needed and returns where the frame ends.
func (p pdf) needs(y float64, needs string) float64 {
	const pad, lineHeight = 3.2, 5.2
	p.font("Helvetica", "B", 11)
	p.SetXY(pdfLeft+pad, y+pad)
	p.MultiCell(pdfWidth-2*pad, lineHeight, latin("To come in, you need "+needs+"."), "", "L", false)
	end := p.GetY() + pad
	p.SetLineWidth(0.4)
	p.Rect(pdfLeft, y, pdfWidth, end-y, "D")
	return end + 3
}

// qr fills all modules as one shape, so that none are parted by hairlines.
func (p pdf) qr(x, y float64, c *coding.Code) {
	m := pdfQR / float64(c.Size+2*quietZone)
	p.SetFillColor(0, 0, 0)
	for r := range runs(c) {
		left, top := x+m*float64(r.x+quietZone), y+m*float64(r.y+quietZone)
		right, bottom := left+m*float64(r.n), top+m
		p.MoveTo(left, top)
		p.LineTo(right, top)
		p.LineTo(right, bottom)
		p.LineTo(left, bottom)
		p.ClosePath()
	}
	p.DrawPath("F")
}

func (p pdf) facts(y float64, page page) {
	facts := page.Facts
	if page.Pod != "" {
		facts = append([]fact{{"Pod", page.Pod}}, facts...)
	}
	const step = 9.4
	const width = pdfLeft + pdfWidth - pdfFactsX
	y += (pdfQR - step*float64(len(facts)) - 11) / 2
	for _, f := range facts {
		p.label(pdfFactsX, y, f.Label)
		style := ""
		if f.Label == "Pod" {
			style = "B"
		}
		p.font("Helvetica", style, 11)
		p.line(pdfFactsX, y+3.2, width, f.Text)
		y += step
	}
	p.label(pdfFactsX, y, "Checksum")
	p.font("Courier", "B", 19)
	p.line(pdfFactsX, y+4, width, page.Checksum)
}

// words draws the table and returns where it ends.
func (p pdf) words(y float64, columns [][]word) float64 {
	y = p.heading(pdfLeft, y, "THE WORDS")
	const width = pdfWidth / wordColumn
	height := pdfRowH * float64(len(columns[0]))
	for i, col := range columns {
		x := pdfLeft + width*float64(i)
		for row, w := range col {
			top := y + pdfRowH*float64(row)
			if row > 0 {
				p.SetDrawColor(190, 190, 190)
				p.SetLineWidth(0.15)
				p.Line(x, top, x+width, top)
				p.SetDrawColor(0, 0, 0)
			}
			p.font("Helvetica", "", 8)
			p.SetXY(x, top)
			p.CellFormat(9, pdfRowH, fmt.Sprint(w.N), "", 0, "RM", false, 0, "")
			p.font("Courier", "B", 12)
			p.SetXY(x+13, top)
			p.CellFormat(width-13, pdfRowH, w.Text, "", 0, "LM", false, 0, "")
		}
	}
	p.SetLineWidth(0.4)
	p.Rect(pdfLeft, y, pdfWidth, height, "D")
	for i := 1; i < len(columns); i++ {
		x := pdfLeft + width*float64(i)
		p.SetLineWidth(0.2)
		p.Line(x, y, x, y+height)
	}
	return y + height + 5
}

func (p pdf) steps(y float64, steps []advice) {
	const width = (pdfWidth-pdfGap)/2 - 6
	y = p.heading(pdfLeft, y, "HOW TO USE IT")
	for i, s := range steps {
		p.font("Helvetica", "", 9.5)
		p.SetXY(pdfLeft, y)
		p.Cell(6, pdfLine, fmt.Sprintf("%d.", i+1))
		y = p.advice(pdfLeft+6, y, width, s)
	}
}

func (p pdf) notes(y float64, notes []advice) {
	const width = (pdfWidth - pdfGap) / 2
	y = p.heading(pdfLeft+width+pdfGap, y, "KEEP IN MIND")
	for _, n := range notes {
		y = p.advice(pdfLeft+width+pdfGap, y, width, n)
	}
}

// advice writes a in lines of width and returns where the next one begins.
func (p pdf) advice(x, y, width float64, a advice) float64 {
	page, _ := p.GetPageSize()
	p.SetLeftMargin(x) // Write keeps within the margins
	p.SetRightMargin(page - x - width)
	defer p.SetMargins(pdfLeft, pdfTop, pdfLeft)
	p.SetXY(x, y)
	if a.Label != "" {
		p.font("Helvetica", "B", 9.5)
		p.Write(pdfLine, latin(a.Label+": "))
	}
	p.font("Helvetica", "", 9.5)
	p.Write(pdfLine, latin(a.Text))
	if a.Command != "" {
		p.Write(pdfLine, " ")
		p.font("Courier", "B", 9.5)
		p.Write(pdfLine, latin(a.Command))
	}
	return p.GetY() + pdfLine + 1
}

func (p pdf) font(family, style string, size float64) { p.SetFont(family, style, size) }

func (p pdf) label(x, y float64, text string) {
	p.font("Helvetica", "", 8)
	p.line(x, y, 60, text)
}

func (p pdf) heading(x, y float64, text string) float64 {
	p.font("Helvetica", "B", 9)
	p.line(x, y, 60, text)
	return y + 5.5
}

// line writes one line, smaller if it would be wider than width.
func (p pdf) line(x, y, width float64, text string) {
	text = latin(text)
	points, height := p.GetFontSize()
	if w := p.GetStringWidth(text); w > width {
		p.SetFontSize(points * width / w)
	}
	p.SetXY(x, y)
	p.CellFormat(width, height*1.15, text, "", 0, "LM", false, 0, "")
}

// latin returns text in the encoding of the standard fonts, Windows-1252.
func latin(text string) string {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		c, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			c = '?'
		}
		b = append(b, c)
	}
	return string(b)
}
