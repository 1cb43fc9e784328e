package kit_test

import (
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/kit"
)

// A vector is one line of vectors/kit/codes.txt.
type vector struct {
	expect, text, what string
	fields             []string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("../../vectors/kit/codes.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for line := range strings.Lines(string(data)) {
		body, what, ok := strings.Cut(strings.TrimSpace(line), "# ")
		words := strings.Fields(body)
		if len(words) == 0 {
			continue
		}
		if !ok || len(words) < 2 {
			t.Fatalf("not a vector: %s", line)
		}
		all = append(all, vector{words[0], words[1], what, words[2:]})
	}
	if len(all) < 20 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

func TestCodeVectors(t *testing.T) {
	for _, v := range vectors(t) {
		code, err := kit.ParseCode(v.text)
		switch v.expect {
		case "ok":
			if err != nil {
				t.Errorf("%s: %v", v.what, err)
				continue
			}
			passphrase := "no"
			if code.Passphrase {
				passphrase = "yes"
			}
			got := strings.Join([]string{
				string(code.Pod), hex.EncodeToString(code.Slot[:]), strconv.FormatInt(code.Epoch, 10),
				code.Made.Format(time.DateOnly), passphrase, hex.EncodeToString(code.Share), code.Checksum(),
			}, " ")
			if want := strings.Join(v.fields, " "); got != want {
				t.Errorf("%s:\n got %s\nwant %s", v.what, got, want)
			}
		case "not-code":
			if !errors.Is(err, kit.ErrNotCode) || locket.CodeOf(err) != locket.CodeInvalid {
				t.Errorf("%s: %v", v.what, err)
			}
		case "mistyped":
			if !errors.Is(err, kit.ErrMistyped) || locket.CodeOf(err) != locket.CodeInvalid {
				t.Errorf("%s: %v", v.what, err)
			}
		case "newer":
			if locket.CodeOf(err) != locket.CodeNewer {
				t.Errorf("%s: %v", v.what, err)
			}
		default:
			t.Errorf("%s: expects %s", v.what, v.expect)
		}
		if err != nil && code.Share != nil {
			t.Errorf("%s: has a share", v.what)
		}
	}
}

func TestCodeRoundTrip(t *testing.T) {
	for _, s := range []kit.Sheet{paperKey(t), share(t, 1), share(t, 2)} {
		text := s.Code()
		if n := map[int]int{25: 108, 42: 135}[len(s.Share)]; len(text) != n {
			t.Errorf("%d characters for a share of %d bytes, want %d", len(text), len(s.Share), n)
		}
		code, err := kit.ParseCode(text)
		if err != nil {
			t.Fatal(err)
		}
		if code.Pod != s.Pod || code.Slot != s.Slot || code.Epoch != s.Epoch || code.Passphrase != s.Passphrase ||
			!code.Made.Equal(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) || hex.EncodeToString(code.Share) != hex.EncodeToString(s.Share) {
			t.Error("the code says something else than the sheet")
		}
		if code.Checksum() != s.Checksum() {
			t.Errorf("checksums %s and %s", code.Checksum(), s.Checksum())
		}
	}
}

// A person's way of typing does not matter.
func TestCodeTyped(t *testing.T) {
	s := share(t, 1)
	text := s.Code()
	var grouped strings.Builder
	for i, c := range text {
		if i%4 == 0 {
			grouped.WriteString(" \r\n\t-"[i/4%5 : i/4%5+1])
		}
		grouped.WriteRune(c)
	}
	for _, typed := range []string{strings.ToLower(text), grouped.String(), strings.ToLower(grouped.String()), "  " + text + "\n"} {
		if code, err := kit.ParseCode(typed); err != nil || code.Checksum() != s.Checksum() {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for _, typed := range []string{
		strings.ReplaceAll(text, "S", "ſ"), strings.ReplaceAll(text, "K", "\u212a"), // upper case or lower case of ASCII letters in Unicode
		strings.Repeat(" ", 1024) + text, text + "A", text + "=", text + text, text[:len(text)-1], text[1:], "",
	} {
		if _, err := kit.ParseCode(typed); !errors.Is(err, kit.ErrNotCode) {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

// Every slip of one character, and of two neighbours, is noticed.
func TestCodeSlips(t *testing.T) {
	text := share(t, 1).Code()
	start := strings.Index(text, ":") + 1
	for i := start; i < len(text); i++ {
		for _, c := range []byte("A7Q") {
			if c == text[i] {
				continue
			}
			b := []byte(text)
			b[i] = c
			if _, err := kit.ParseCode(string(b)); err == nil {
				t.Errorf("character %d: accepted", i)
			}
		}
		if i+1 < len(text) && text[i] != text[i+1] {
			b := []byte(text)
			b[i], b[i+1] = b[i+1], b[i]
			if _, err := kit.ParseCode(string(b)); err == nil {
				t.Errorf("characters %d and %d exchanged: accepted", i, i+1)
			}
		}
	}
}

// The checksum is that of the pod, slot, epoch and share, and of nothing else:
// whoever types the words knows no more.
func TestChecksum(t *testing.T) {
	first := share(t, 1)
	seen := map[string]string{first.Checksum(): "unchanged"}
	for name, change := range map[string]func(s *kit.Sheet){
		"pod":   func(s *kit.Sheet) { s.Pod = "11111111-1111-4111-8111-111111111112" },
		"slot":  func(s *kit.Sheet) { s.Slot[7]++ },
		"epoch": func(s *kit.Sheet) { s.Epoch++ },
		"share": func(s *kit.Sheet) { *s = share(t, 2) },
	} {
		s := share(t, 1)
		change(&s)
		if other, ok := seen[s.Checksum()]; ok {
			t.Errorf("%s: %s as %s", name, s.Checksum(), other)
		}
		seen[s.Checksum()] = name
	}
	s := share(t, 1)
	s.Name, s.Group, s.Made, s.Passphrase = "other", "others", s.Made.AddDate(1, 0, 0), !s.Passphrase
	if s.Checksum() != first.Checksum() {
		t.Error("changed by what the words do not say")
	}
	if got := s.Checksum(); len(got) != 9 || got[4] != '-' || strings.Trim(got, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") != "" {
		t.Errorf("got %q", got)
	}
}

func FuzzParseCode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		code, err := kit.ParseCode(text)
		if err != nil {
			if c := locket.CodeOf(err); c != locket.CodeInvalid && c != locket.CodeNewer {
				t.Fatal(err)
			}
			return
		}
		// A sheet of the same content has the same code but for its typing. Its words
		// stand for themselves: aaaa, aaab … in the order of their numbers.
		s := kit.Sheet{
			Pod: code.Pod, Slot: code.Slot, Epoch: code.Epoch, Made: code.Made, Passphrase: code.Passphrase, Share: code.Share,
			Member: 1, Count: 1, Threshold: 1, Groups: 1, GroupThreshold: 1, Words: madeUpWords(code.Share),
		}
		tidy := strings.ToUpper(strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "-", "").Replace(text))
		if got := s.Code(); got != tidy {
			t.Fatalf("%q is written again as %q", text, got)
		}
	})
}

// madeUpWords returns words whose order is that of SLIP-39 for the same share.
func madeUpWords(share []byte) []string {
	words := make([]string, len(share)*8/10)
	for i := range words {
		n := 0
		for bit := 10 * i; bit < 10*i+10; bit++ {
			n = n<<1 | int(share[bit/8]>>(7-bit%8)&1)
		}
		words[i] = string([]byte{'a', byte('a' + n/100), byte('a' + n/10%10), byte('a' + n%10)})
	}
	return words
}
