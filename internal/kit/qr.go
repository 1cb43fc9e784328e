package kit

import (
	"errors"
	"fmt"
	"image"
	"image/draw"
	"iter"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"rsc.io/qr/coding"
)

const quietZone = 4 // modules of white around the code, ISO/IEC 18004 §6.3.8

// encodeQR makes the QR code of text at level H: it can be read with up to 30 % of
// it damaged.
//
// The standard asks for the mask with the best looks. A better question is whether
// the code can be read: in one of a hundred, something amid the data looks like one
// of the three corners, and common readers choose that. So the first mask counts
// with which the code is read back.
func encodeQR(text string) (*coding.Code, error) {
	data := coding.Alpha(text)
	version := coding.Version(coding.MinVersion)
	for data.Bits(version) > version.DataBytes(coding.H)*8 {
		if version++; version > coding.MaxVersion {
			return nil, errors.New("kit: too much for a QR code")
		}
	}
	for mask := range coding.Mask(8) {
		plan, err := coding.NewPlan(version, coding.H, mask)
		if err != nil {
			return nil, fmt.Errorf("kit: %w", err)
		}
		c, err := plan.Encode(data)
		if err != nil {
			return nil, errors.New("kit: no QR code can be made") // the library's error has the text in it
		}
		if readsBack(c, text) {
			return c, nil
		}
	}
	return nil, errors.New("kit: no QR code is read back")
}

// readsBack tells whether the simplest reader gives text for c, small and large.
func readsBack(c *coding.Code, text string) bool {
	for _, pixels := range []int{4, 7} {
		g := drawn(c, pixels)
		got, ok := scan(gozxing.NewLuminanceSourceFromImage(g), gozxing.NewHybridBinarizer, decoder{qrcode.NewQRCodeReader().Decode, 100})
		clear(g.Pix)
		if !ok || got != text {
			return false
		}
	}
	return true
}

// drawn is c with its quiet zone, so many pixels for each module.
func drawn(c *coding.Code, pixels int) *image.Gray {
	side := (c.Size + 2*quietZone) * pixels
	g := image.NewGray(image.Rect(0, 0, side, side))
	draw.Draw(g, g.Rect, image.White, image.Point{}, draw.Src)
	for r := range runs(c) {
		x, y := (r.x+quietZone)*pixels, (r.y+quietZone)*pixels
		draw.Draw(g, image.Rect(x, y, x+r.n*pixels, y+pixels), image.Black, image.Point{}, draw.Src)
	}
	return g
}

// A run is a stretch of dark modules in one row.
type run struct{ x, y, n int }

// runs gives the dark modules of c, row by row.
func runs(c *coding.Code) iter.Seq[run] {
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
func svgPath(c *coding.Code) string {
	var b strings.Builder
	for r := range runs(c) {
		fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", r.x+quietZone, r.y+quietZone, r.n, r.n)
	}
	return b.String()
}
