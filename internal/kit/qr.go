package kit

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"rsc.io/qr"
)

const quietZone = 4 // modules of white around the code, ISO/IEC 18004 §6.3.8

// encodeQR makes the QR code of text at level H: it can be read with up to 30 % of
// it damaged.
func encodeQR(text string) (*qr.Code, error) {
	c, err := qr.Encode(text, qr.H)
	if err != nil {
		return nil, errors.New("kit: no QR code can be made") // the library's error has the text in it
	}
	return c, nil
}

// A run is a stretch of dark modules in one row.
type run struct{ x, y, n int }

// runs gives the dark modules of c, row by row.
func runs(c *qr.Code) iter.Seq[run] {
	return func(yield func(run) bool) {
		for y := range c.Size {
			for x := 0; x < c.Size; x++ {
				n := 0
				for c.Black(x+n, y) {
					n++
				}
				if n > 0 && !yield(run{x, y, n}) {
					return
				}
				x += n
			}
		}
	}
}

// svgPath draws the dark modules, the quiet zone's corner at 0,0.
func svgPath(c *qr.Code) string {
	var b strings.Builder
	for r := range runs(c) {
		fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", r.x+quietZone, r.y+quietZone, r.n, r.n)
	}
	return b.String()
}
