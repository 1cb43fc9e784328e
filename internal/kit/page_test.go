package kit_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/locketpod/locket/internal/kit"
)

var update = flag.Bool("update", false, "write the golden files")

var renderings = map[string]func(w io.Writer, sheets []kit.Sheet) error{"text": kit.Text, "html": kit.HTML, "pdf": kit.PDF}

func TestTextGolden(t *testing.T) {
	for name, sheets := range map[string][]kit.Sheet{"paper-key.txt": {paperKey(t)}, "shares.txt": {share(t, 1), share(t, 2)}} {
		var out bytes.Buffer
		if err := kit.Text(&out, sheets); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s: -update writes it anew; got\n%s", name, out.Bytes())
		}
	}
}

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		change func(s *kit.Sheet)
		title  string
		needs  string
	}{
		{func(s *kit.Sheet) {}, "PAPER KEY", "this sheet alone."},
		{func(s *kit.Sheet) { s.Passphrase = true }, "PAPER KEY", "this sheet and the passphrase that was chosen with it."},
		{func(s *kit.Sheet) { s.Member, s.Count, s.Threshold = 2, 5, 3 }, "SHARE 2 OF 5", "3 of the 5 shares."},
		{
			func(s *kit.Sheet) { s.Member, s.Count, s.Threshold, s.Group = 2, 5, 5, "friends" },
			"SHARE 2 OF 5 of the group friends", "all 5 shares of “friends”.",
		},
		{
			func(s *kit.Sheet) { s.Count, s.Threshold, s.Groups, s.Group = 5, 3, 2, "friends" },
			"SHARE 1 OF 5 of the group friends", "3 of the 5 shares of “friends”.",
		},
		{
			func(s *kit.Sheet) { s.Groups, s.GroupThreshold, s.Group = 3, 2, "notary" },
			"THE ONLY SHARE of the group notary", "the only share of “notary” and enough shares of 1 other group (there are 3 groups).",
		},
		{
			func(s *kit.Sheet) {
				s.Member, s.Count, s.Threshold, s.Groups, s.GroupThreshold, s.Passphrase = 1, 3, 2, 4, 3, true
			},
			"SHARE 1 OF 3", "2 of the 3 shares, enough shares of 2 other groups (there are 4 groups) and the passphrase that was chosen with it.",
		},
	} {
		s := paperKey(t)
		c.change(&s)
		var out bytes.Buffer
		if err := kit.Text(&out, []kit.Sheet{s}); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(out.String()), " ")
		if want := c.title + " To come in you need " + c.needs + " Pod Anna's pod"; !strings.Contains(got, want) {
			t.Errorf("want %s, got\n%s", want, out.String())
		}
	}
}

// Names are the owner's; nothing in them may act, or move what stands beside them.
func TestHostileNames(t *testing.T) {
	s := share(t, 1)
	s.Name = "\u202e</title><script src=//x.example>\x00\x1b[31m\n\f\u2066 (a\\) Tj ET"
	s.Group = `"><img src=x onerror=alert(1)>` + "\xff\u2028"
	for kind, render := range renderings {
		var out bytes.Buffer
		if err := render(&out, []kit.Sheet{s}); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"\u202e", "\u2066", "\u2028", "\x1b", "\f"} {
			if kind != "pdf" && strings.Contains(out.String(), bad) {
				t.Errorf("%s has %q", kind, bad)
			}
		}
		if kind == "html" {
			checkMarkup(t, out.String())
		}
	}
}

// checkMarkup fails for what could act or fetch.
func checkMarkup(t *testing.T, doc string) {
	t.Helper()
	known := strings.Fields("html head meta title style body section div b span h1 h2 p bdi svg path dl dt dd table tbody tr td ol li code")
	root, err := html.Parse(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(known, n.Data) {
			t.Errorf("has an element %s", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || a.Key == "style" {
				t.Errorf("%s has an attribute %s=%s", n.Data, a.Key, a.Val)
			}
		}
	}
	if strings.Contains(doc, "url(") || strings.Contains(doc, "@import") {
		t.Error("the style fetches something")
	}
}

func TestHTMLWords(t *testing.T) {
	for _, s := range []kit.Sheet{paperKey(t), share(t, 1)} {
		var out bytes.Buffer
		if err := kit.HTML(&out, []kit.Sheet{s}); err != nil {
			t.Fatal(err)
		}
		checkMarkup(t, out.String())
		root, err := html.Parse(&out)
		if err != nil {
			t.Fatal(err)
		}
		var cells []string
		for n := range root.Descendants() {
			if n.Data == "td" {
				cells = append(cells, n.FirstChild.Data)
			}
		}
		if want := numbered(s.Words); !slices.Equal(cells, want) {
			t.Errorf("got %q, want %q", cells, want)
		}
	}
}

// numbered gives 1, first word, 2, second word …
func numbered(words []string) (cells []string) {
	for i, w := range words {
		cells = append(cells, fmt.Sprint(i+1), w)
	}
	return cells
}

// A PDF is valid, has a page for each sheet, all of what a page says, and nothing
// outside of what a Letter page and an A4 page have in common.
func TestPDF(t *testing.T) {
	const hint = "install poppler-utils"
	need(t, "pdfinfo", hint)
	need(t, "pdftotext", hint)
	wide := share(t, 2)
	wide.Name = strings.Repeat("W", 100) + "日本語"
	wide.Group = strings.Repeat("M", 100)
	wide.Count, wide.Threshold, wide.Groups, wide.GroupThreshold = 16, 15, 16, 15
	sheets := []kit.Sheet{paperKey(t), share(t, 1), wide}
	sheets[0].Name = "Ödön's Café 日本"
	file := write(t, "kit.pdf", sheets, kit.PDF)

	if info := run(t, "pdfinfo", file); !regexp.MustCompile(`Pages: +3\n`).MatchString(info) || !strings.Contains(info, "(A4)") {
		t.Errorf("got\n%s", info)
	}
	if text := run(t, "pdftotext", "-l", "1", file, "-"); !strings.Contains(text, "Ödön's Café ??") {
		t.Errorf("the name is not in\n%s", text)
	}
	for i, s := range sheets {
		page := strconv.Itoa(i + 1)
		text := strings.Fields(run(t, "pdftotext", "-raw", "-f", page, "-l", page, file, "-"))
		for _, want := range append(slices.Clone(s.Words), string(s.Pod), s.Checksum(), "restore", "renew", "test", "Void") {
			if !slices.Contains(text, want) {
				t.Errorf("sheet %d: %s is not in %q", i+1, want, text)
			}
		}
	}
	const mm = 72 / 25.4
	box := regexp.MustCompile(`xMin="([0-9.]+)" yMin="([0-9.]+)" xMax="([0-9.]+)" yMax="([0-9.]+)">([^<]*)`)
	found := box.FindAllStringSubmatch(run(t, "pdftotext", "-bbox", file, "-"), -1)
	for _, m := range found {
		var at [4]float64
		for i := range at {
			f, err := strconv.ParseFloat(m[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			at[i] = f / mm
		}
		if at[0] < 18 || at[1] < 17 || at[2] > 192 || at[3] > 270 {
			t.Errorf("%s is at %.0f mm", m[5], at)
		}
	}
	if len(found) < 300 {
		t.Errorf("only %d words with a place", len(found))
	}
}

func TestRenderingsRefuse(t *testing.T) {
	bad := share(t, 1)
	bad.Words[0], bad.Words[1] = bad.Words[1], bad.Words[0]
	for kind, render := range renderings {
		for name, sheets := range map[string][]kit.Sheet{"none": nil, "too many": make([]kit.Sheet, 257), "second": {share(t, 1), bad}} {
			var out bytes.Buffer
			if err := render(&out, sheets); err == nil || out.Len() > 0 {
				t.Errorf("%s, %s: %v, %d bytes", kind, name, err, out.Len())
			}
		}
		if err := render(fullDisk{}, []kit.Sheet{share(t, 1)}); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func write(t *testing.T, name string, sheets []kit.Sheet, render func(io.Writer, []kit.Sheet) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := render(&out, sheets); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	var complaint strings.Builder
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", program, err, complaint.String())
	}
	return string(out)
}

// need skips the test if a program is missing, and fails it where everything must
// be installed.
func need(t *testing.T, program, hint string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("LOCKET_CI") == "1" {
		t.Fatalf("%s is missing: %s", program, hint)
	}
	t.Skipf("SKIPPED, NOT CHECKED: %s is missing: %s", program, hint)
}
