package kit_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"rsc.io/qr"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/kit"
)

// picture rasterises the drawing in a sheet's HTML, n pixels for each module.
func picture(t testing.TB, s kit.Sheet, n int) *image.Gray {
	t.Helper()
	var out bytes.Buffer
	if err := kit.HTML(&out, []kit.Sheet{s}); err != nil {
		t.Fatal(err)
	}
	side := number(t, regexp.MustCompile(`viewBox="0 0 (\d+) `).FindStringSubmatch(out.String())[1])
	g := image.NewGray(image.Rect(0, 0, side*n, side*n))
	draw.Draw(g, g.Rect, image.White, image.Point{}, draw.Src)
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`).FindAllStringSubmatch(out.String(), -1)
	if len(runs) < 100 {
		t.Fatalf("only %d runs", len(runs))
	}
	for _, r := range runs {
		x, y, w := number(t, r[1]), number(t, r[2]), number(t, r[3])
		draw.Draw(g, image.Rect(x*n, y*n, (x+w)*n, (y+1)*n), image.Black, image.Point{}, draw.Src)
	}
	return g
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// turned is g on a larger sheet, turned and scaled about its middle.
func turned(g *image.Gray, degrees, scale float64) *image.Gray {
	side := int(1.6 * scale * float64(g.Rect.Dx()))
	out := image.NewGray(image.Rect(0, 0, side, side))
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	for y := range side {
		for x := range side {
			dx, dy := (float64(x)-float64(side)/2)/scale, (float64(y)-float64(side)/2)/scale
			at := image.Pt(int(dx*cos+dy*sin+float64(g.Rect.Dx())/2), int(dy*cos-dx*sin+float64(g.Rect.Dy())/2))
			out.Pix[y*out.Stride+x] = 235
			if at.In(g.Rect) {
				out.Pix[y*out.Stride+x] = g.GrayAt(at.X, at.Y).Y
			}
		}
	}
	return out
}

// noisy is g with less contrast and noise, and light that falls off to one side.
func noisy(g *image.Gray, dark, noise float64, rng *rand.Rand) *image.Gray {
	out := image.NewGray(g.Rect)
	for i, v := range g.Pix {
		light := 1 - dark*float64(i%g.Stride)/float64(g.Stride)
		out.Pix[i] = byte(min(255, max(0, light*(40+0.7*float64(v))+noise*rng.NormFloat64())))
	}
	return out
}

// blotted is g with round blots, dark and light, until that part of it is covered.
func blotted(g *image.Gray, part float64, rng *rand.Rand) *image.Gray {
	out := &image.Gray{Pix: bytes.Clone(g.Pix), Stride: g.Stride, Rect: g.Rect}
	side := g.Rect.Dx()
	covered := make([]bool, len(g.Pix))
	for n := 0; float64(n) < part*float64(len(covered)); {
		r := float64(side) * (0.01 + 0.03*rng.Float64())
		cx, cy, shade := rng.IntN(side), rng.IntN(side), byte(255*rng.IntN(2))
		for y := range side {
			for x := range side {
				if math.Hypot(float64(x-cx), float64(y-cy)) > r {
					continue
				}
				i := y*g.Stride + x
				out.Pix[i] = shade
				if !covered[i] {
					covered[i] = true
					n++
				}
			}
		}
	}
	return out
}

// photos are pictures of a sheet's code that every decoder must read.
func photos(t *testing.T, s kit.Sheet) map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	g := picture(t, s, 6)
	all := map[string][]byte{
		"2 pixels for a module":  pngOf(t, picture(t, s, 2)),
		"11 pixels for a module": pngOf(t, picture(t, s, 11)),
		"JPEG of quality 60":     jpegOf(t, g, 60),
		"noise":                  pngOf(t, noisy(g, 0, 15, rng)),
		"uneven light":           pngOf(t, noisy(g, 0.7, 3, rng)),
		"all of it":              jpegOf(t, noisy(turned(g, 97, 0.83), 0.5, 12, rng), 60),
	}
	for _, degrees := range []float64{0, 8, 30, 90, 180, 270} {
		all["turned by "+strconv.Itoa(int(degrees))] = pngOf(t, turned(g, degrees, 1))
	}
	for _, scale := range []float64{0.7, 1.3, 2.9} {
		all["scaled by "+strconv.FormatFloat(scale, 'f', 1, 64)] = jpegOf(t, turned(g, 3, scale), 80)
	}
	return all
}

func TestReadPhoto(t *testing.T) {
	for _, s := range []kit.Sheet{paperKey(t), share(t, 1)} {
		for name, data := range photos(t, s) {
			if got, err := kit.ReadPhoto(bytes.NewReader(data)); err != nil || got != s.Code() {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
}

// Kinds of picture that come from scanners, screens and telephones.
func TestReadPhotoKinds(t *testing.T) {
	s := share(t, 1)
	g := picture(t, s, 4)
	large := image.NewYCbCr(image.Rect(0, 0, 4032, 3024), image.YCbCrSubsampleRatio420)
	for i := range large.Y {
		large.Y[i] = 200
	}
	for y := range g.Rect.Dy() {
		copy(large.Y[(y+1700)*large.YStride+2900:], g.Pix[y*g.Stride:][:g.Rect.Dx()])
	}
	for i := range large.Cb {
		large.Cb[i], large.Cr[i] = 128, 128
	}
	clear16 := image.NewNRGBA64(g.Rect) // black on nothing
	two := image.NewPaletted(g.Rect, color.Palette{color.White, color.Black})
	for y := range g.Rect.Dy() {
		for x := range g.Rect.Dx() {
			if g.GrayAt(x, y).Y == 0 {
				clear16.Set(x, y, color.Black)
				two.SetColorIndex(x, y, 1)
			}
		}
	}
	for name, data := range map[string][]byte{
		"12 megapixels, the code in a corner": jpegOf(t, large, 85),
		"transparent, 16 bit":                 pngOf(t, clear16),
		"two colours":                         pngOf(t, two),
	} {
		if got, err := kit.ReadPhoto(bytes.NewReader(data)); err != nil || got != s.Code() {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestReadPhotoRefuses(t *testing.T) {
	var animation bytes.Buffer
	if err := gif.Encode(&animation, picture(t, paperKey(t), 2), nil); err != nil {
		t.Fatal(err)
	}
	good := pngOf(t, picture(t, paperKey(t), 2))
	empty := image.NewGray(image.Rect(0, 0, 3000, 40))
	for name, c := range map[string]struct {
		data []byte
		code locket.Code
	}{
		"nothing":              {nil, locket.CodeUnsupported},
		"GIF":                  {animation.Bytes(), locket.CodeUnsupported},
		"cut PNG":              {good[:len(good)/2], locket.CodeInvalid},
		"start of a JPEG":      {[]byte("\xff\xd8\xff\xe0"), locket.CodeInvalid},
		"no code":              {pngOf(t, empty), locket.CodeInvalid},
		"one pixel":            {pngOf(t, image.NewGray(image.Rect(0, 0, 1, 1))), locket.CodeInvalid},
		"51 megapixels":        {header(8500, 6000), locket.CodeTooLarge},
		"widest":               {header(math.MaxInt32, 1), locket.CodeTooLarge},
		"20 MB and one byte":   {append(good, make([]byte, 20<<20+1-len(good))...), locket.CodeTooLarge},
		"21 MB without format": {make([]byte, 21<<20), locket.CodeTooLarge},
	} {
		got, err := kit.ReadPhoto(bytes.NewReader(c.data))
		if got != "" || locket.CodeOf(err) != c.code {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if strings.HasPrefix(name, "no code") && !errors.Is(err, kit.ErrNoQR) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A picture full of what looks like corners of codes is given up, instead of trying
// every three of them: here 15 625, so 10¹¹ times.
func TestReadPhotoManyCorners(t *testing.T) {
	corner := [9]string{"#######  ", "#     #  ", "# ### #  ", "# ### #  ", "# ### #  ", "#     #  ", "#######  "}
	for _, pixels := range []int{2, 3, 40} {
		tile := 9 * pixels
		g := image.NewGray(image.Rect(0, 0, 125*18, 125*18))
		for y := range g.Rect.Dy() {
			for x := range g.Rect.Dx() {
				row := corner[y%tile/pixels]
				if i := x % tile / pixels; i >= len(row) || row[i] == ' ' {
					g.Pix[y*g.Stride+x] = 255
				}
			}
		}
		if got, err := kit.ReadPhoto(bytes.NewReader(pngOf(t, g))); !errors.Is(err, kit.ErrNoQR) {
			t.Errorf("%d: %q, %v", pixels, got, err)
		}
	}
}

// header begins a PNG that claims a size and goes on as nothing.
func header(width, height uint32) []byte {
	chunk := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	chunk = binary.BigEndian.AppendUint32(chunk, height)
	chunk = append(chunk, 8, 0, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	b = append(b, chunk...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk))
}

// Codes of any content are read, also by the simplest reader.
func TestReadPhotoAnyContent(t *testing.T) {
	for _, s := range randomSheets(100) {
		if got, err := kit.ReadPhoto(bytes.NewReader(pngOf(t, picture(t, s, 3)))); err != nil || got != s.Code() {
			t.Errorf("%q: %q, %v", s.Code(), got, err)
		}
		if got := simplest(picture(t, s, 4)); got != s.Code() {
			t.Errorf("%q: %q", s.Code(), got)
		}
	}
}

// A code in which something looks like a fourth corner, as another program might
// print one, is read too.
func TestReadPhotoFalseCorner(t *testing.T) {
	found := 0
	for _, s := range randomSheets(400) {
		c, err := qr.Encode(s.Code(), qr.H)
		if err != nil {
			t.Fatal(err)
		}
		c.Scale = 4
		img, err := png.Decode(bytes.NewReader(c.PNG())) // its Image does not scale
		if err != nil {
			t.Fatal(err)
		}
		if simplest(img) == s.Code() {
			continue
		}
		found++
		if got, err := kit.ReadPhoto(bytes.NewReader(c.PNG())); err != nil || got != s.Code() {
			t.Errorf("%q: %q, %v", s.Code(), got, err)
		}
	}
	if found == 0 {
		t.Error("there is none: nothing was tested")
	}
}

// simplest reads img as most programs do that are built upon ZXing.
func simplest(img image.Image) string {
	b, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return ""
	}
	result, err := qrcode.NewQRCodeReader().Decode(b, nil)
	if err != nil {
		return ""
	}
	return result.GetText()
}

func randomSheets(n int) []kit.Sheet {
	rng := rand.NewChaCha8([32]byte{7})
	sheets := make([]kit.Sheet, n)
	for i := range sheets {
		var id [16]byte
		s := kit.Sheet{Epoch: int64(i) + 1, Made: time.Unix(int64(i)*1e7, 0), Member: 1, Count: 1, Threshold: 1, Groups: 1, GroupThreshold: 1, Share: make([]byte, 25+i%2*17)}
		_, _ = rng.Read(id[:])
		_, _ = rng.Read(s.Slot[:])
		_, _ = rng.Read(s.Share)
		if len(s.Share) == 42 {
			s.Share[41] &= 0xc0
		}
		s.Pod, s.Words = locket.PodID(locket.FormatUUID(id)), madeUpWords(s.Share)
		sheets[i] = s
	}
	return sheets
}

// zbar reads a picture with another program. ok is false if it finds no code.
func zbar(t *testing.T, data []byte) (text string, ok bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "photo")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "zbarimg", "-q", "--nodbus", "--raw", file).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 4 {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(out), "\n"), true
}

const zbarHint = "install zbar-tools"

func TestZbarReads(t *testing.T) {
	need(t, "zbarimg", zbarHint)
	for _, s := range []kit.Sheet{paperKey(t), share(t, 1)} {
		for name, data := range photos(t, s) {
			if got, ok := zbar(t, data); !ok || got != s.Code() {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	for _, s := range randomSheets(20) {
		if got, ok := zbar(t, pngOf(t, picture(t, s, 3))); !ok || got != s.Code() {
			t.Errorf("%q: %q", s.Code(), got)
		}
	}
}

// A damaged code is read right or not at all.
func TestDamage(t *testing.T) {
	_, err := exec.LookPath("zbarimg")
	both := err == nil
	s := share(t, 1)
	g := picture(t, s, 6)
	for _, percent := range []int{1, 2, 3, 5} {
		rng := rand.New(rand.NewPCG(uint64(percent), 1))
		ours, theirs := 0, 0
		for range 20 {
			data := pngOf(t, blotted(g, float64(percent)/100, rng))
			got, err := kit.ReadPhoto(bytes.NewReader(data))
			switch {
			case err == nil && got == s.Code():
				ours++
			case !errors.Is(err, kit.ErrNoQR):
				t.Errorf("%d %%: %q, %v", percent, got, err)
			}
			if !both {
				continue
			}
			if got, ok := zbar(t, data); ok && got == s.Code() {
				theirs++
			} else if ok {
				t.Errorf("%d %%, zbar: %q", percent, got)
			}
		}
		t.Logf("%d %% covered by blots: of 20 ReadPhoto read %d, zbarimg %d (run: %t)", percent, ours, theirs, both)
		if percent == 1 && ours == 0 {
			t.Error("damage of 1 % is never read")
		}
	}
}

// The whole way: a PDF, printed, scanned and read by both decoders.
func TestPrintedAndScanned(t *testing.T) {
	need(t, "pdftoppm", "install poppler-utils")
	need(t, "zbarimg", zbarHint)
	sheets := []kit.Sheet{paperKey(t), share(t, 2)}
	file := write(t, "kit.pdf", sheets, kit.PDF)
	for _, args := range [][]string{{"-r", "100", "-png"}, {"-r", "200", "-jpeg", "-gray"}, {"-r", "300", "-png", "-mono"}} {
		for i, s := range sheets {
			page := strconv.Itoa(i + 1)
			data := []byte(run(t, "pdftoppm", append(args, "-f", page, "-l", page, file)...))
			if got, err := kit.ReadPhoto(bytes.NewReader(data)); err != nil || got != s.Code() {
				t.Errorf("%v, sheet %s: %q, %v", args, page, got, err)
			}
			if got, ok := zbar(t, data); !ok || got != s.Code() {
				t.Errorf("%v, sheet %s, zbar: %q", args, page, got)
			}
		}
	}
}
