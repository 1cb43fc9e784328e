package kit

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/makiuchi-d/gozxing"
	multi "github.com/makiuchi-d/gozxing/multi/qrcode"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/locketpod/locket"
)

const (
	maxPhotoBytes  = 20 << 20
	maxPhotoPixels = 50_000_000
)

// ErrNoQR is behind the error of ReadPhoto for a picture in which no QR code is found.
var ErrNoQR = errors.New("kit: no QR code")

// tries are the longest sides, in pixels, that a photo is made smaller to, one after
// the other: averaging takes away noise, and a code that fills the picture needs no
// more than the first.
var tries = [...]int{800, 1600, 4000}

// ReadPhoto returns the text of the QR code that is somewhere in a picture: PNG or
// JPEG, 20 MB and 50 megapixels at most.
func ReadPhoto(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPhotoBytes+1))
	defer clear(data)
	if err != nil {
		return "", fmt.Errorf("kit: %w", err)
	}
	if len(data) > maxPhotoBytes {
		return "", locket.Errorf(locket.CodeTooLarge, "the photo is larger than 20 MB; make it smaller")
	}
	img, err := decode(data)
	if err != nil {
		return "", err
	}
	full := grayOf(img)
	defer clear(full.Pix)
	last := 0
	for _, side := range tries {
		by := (max(full.Rect.Dx(), full.Rect.Dy()) + side - 1) / side
		if by == last {
			continue // the photo is small
		}
		last = by
		if text, ok := find(shrink(full, by)); ok {
			return text, nil
		}
	}
	return "", locket.Errorf(locket.CodeInvalid,
		"no QR code is found in the photo; take it from straight above, in even light, with the code filling it, or type the words").Because(ErrNoQR)
}

// decode reads a picture of one of the two formats, whose size is looked at first.
func decode(data []byte) (image.Image, error) {
	config, picture := png.DecodeConfig, png.Decode
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		config, picture = jpeg.DecodeConfig, jpeg.Decode
	default:
		return nil, locket.Errorf(locket.CodeUnsupported, "the photo is neither PNG nor JPEG; save it as one of them")
	}
	c, err := config(bytes.NewReader(data))
	if err != nil {
		return nil, damaged(err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPhotoPixels/c.Height {
		return nil, locket.Errorf(locket.CodeTooLarge, "the photo has more than 50 megapixels; make it smaller")
	}
	img, err := picture(bytes.NewReader(data))
	if err != nil {
		return nil, damaged(err)
	}
	return img, nil
}

// grayOf returns img in shades of grey, its upper left corner at 0,0. It may share
// memory with img.
func grayOf(img image.Image) *image.Gray {
	size := image.Rectangle{Max: img.Bounds().Size()}
	switch img := img.(type) {
	case *image.Gray:
		return &image.Gray{Pix: img.Pix, Stride: img.Stride, Rect: size}
	case *image.YCbCr:
		return &image.Gray{Pix: img.Y, Stride: img.YStride, Rect: size}
	}
	g := image.NewGray(size)
	draw.Draw(g, size, image.White, image.Point{}, draw.Src) // behind what is transparent
	draw.Draw(g, size, img, img.Bounds().Min, draw.Over)
	return g
}

// shrink returns a copy in which one pixel is the mean of by × by.
func shrink(g *image.Gray, by int) *image.Gray {
	small := image.NewGray(image.Rect(0, 0, max(1, g.Rect.Dx()/by), max(1, g.Rect.Dy()/by)))
	for y := range small.Rect.Dy() {
		for x := range small.Rect.Dx() {
			sum, n := 0, 0
			for dy := range min(by, g.Rect.Dy()) {
				for _, v := range g.Pix[(y*by+dy)*g.Stride+x*by:][:min(by, g.Rect.Dx())] {
					sum += int(v)
					n++
				}
			}
			small.Pix[y*small.Stride+x] = byte(sum / n)
		}
	}
	return small
}

// find looks for a QR code, with a threshold for each neighbourhood (uneven light)
// and with one for all (noise), first with the three corners that look best and
// then with whichever three fit. It wipes g.
func find(g *image.Gray) (text string, ok bool) {
	defer clear(g.Pix)
	source := gozxing.NewLuminanceSourceFromImage(g)
	for _, d := range []decoder{{qrcode.NewQRCodeReader().Decode, 500}, {firstOfMany, 30}} {
		for _, b := range []binarizer{gozxing.NewHybridBinarizer, gozxing.NewGlobalHistgramBinarizer} {
			if text, ok = scan(source, b, d); ok {
				return text, true
			}
		}
	}
	return "", false
}

type binarizer = func(gozxing.LuminanceSource) gozxing.Binarizer

// A decoder gives up after so many points that may be corners of a code: it takes
// time with the third power of their number.
type decoder struct {
	decode func(*gozxing.BinaryBitmap, map[gozxing.DecodeHintType]any) (*gozxing.Result, error)
	points int
}

// scan reads source in one way. A picture that makes the library fail in whatever
// manner is one in which it finds nothing; why does not help anybody.
func scan(source gozxing.LuminanceSource, b binarizer, d decoder) (text string, ok bool) {
	seen := 0
	giveUp := func(gozxing.ResultPoint) {
		if seen++; seen > d.points {
			panic("too many points") // there is no other way out of the library's loops
		}
	}
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	bitmap, err := gozxing.NewBinaryBitmap(b(source))
	if err != nil {
		return "", false
	}
	result, err := d.decode(bitmap, map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_TRY_HARDER:                 true,
		gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: gozxing.ResultPointCallback(giveUp),
	})
	if err != nil {
		return "", false
	}
	return result.GetText(), true
}

func firstOfMany(b *gozxing.BinaryBitmap, hints map[gozxing.DecodeHintType]any) (*gozxing.Result, error) {
	all, err := multi.NewQRCodeMultiReader().DecodeMultiple(b, hints)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNoQR
	}
	return all[0], nil
}

func damaged(err error) error {
	return locket.Errorf(locket.CodeInvalid, "the photo is damaged; take another").Because(err)
}
