package slip39_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/slip39"
)

const (
	valid128 = "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband erode duke ajar critical decision keyboard"
	valid256 = "theory painting academic academic armed sweater year military elder discuss acne wildlife boring employer fused large satoshi bundle carbon diagnose anatomy hamster leaves tracks paces beyond phantom capital marvel lips brave detect luck"
)

func words(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("words.txt")
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(string(text))
	if len(list) != 1024 || !slices.IsSorted(list) {
		t.Fatalf("%d words, or they are not sorted", len(list))
	}
	return list
}

func TestParse(t *testing.T) {
	s, err := slip39.Parse(valid256)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d %t %d, %d %d %d, %d %d", s.Identifier, s.Extendable, s.IterationExponent,
		s.Group, s.GroupThreshold, s.Groups, s.Member, s.MemberThreshold)
	if want := "29172 false 0, 0 1 1, 0 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseIsLenient(t *testing.T) {
	var cut, longer []string
	for _, w := range strings.Fields(valid128) {
		cut = append(cut, w[:4])
		longer = append(longer, w[:min(5, len(w))])
	}
	for _, text := range []string{
		strings.ToUpper(valid128),
		"\n\t" + strings.ReplaceAll(valid128, " ", " \r\n  ") + " ",
		strings.Join(cut, " "),
		strings.Join(longer, "\n"),
	} {
		s, err := slip39.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		key, err := slip39.Combine([]slip39.Share{s}, []byte("TREZOR"))
		if err != nil || fmt.Sprintf("%x", key.Bytes()) != "bb54aac4b89dc868ba37d9cc21b2cece" {
			t.Errorf("%q: other secret, %v", text, err)
		}
	}
}

func TestParseSaysWhichWord(t *testing.T) {
	for _, c := range []struct {
		position int
		typed    string
		near     string
	}{
		{2, "enlarg", "-"},        // a prefix, fine
		{2, "enlagre", "enlarge"}, // two letters swapped
		{3, "acedemic", "academic"},
		{3, "academicc", "academic"},
		{10, "kidny", "kidney"},
		{20, "kebyoard", "keyboard"},
		{1, "du", ""},
		{4, "aca", "acid"},
		{1, "xyzzyxyz", ""},
		{20, "keybxxxd", ""},
		{1, strings.Repeat("keyboard", 10), ""},
		{6, "rèsult", "result"},
		{7, "l\x00ngth", "length"},
	} {
		list := strings.Fields(valid128)
		list[c.position-1] = c.typed
		_, err := slip39.Parse(strings.Join(list, " "))
		if c.near == "-" {
			if err != nil {
				t.Errorf("%q: %v", c.typed, err)
			}
			continue
		}
		var w *slip39.WordError
		if !errors.As(err, &w) || !errors.Is(err, slip39.ErrWord) || w.Position != c.position {
			t.Errorf("%q: got %v, want word %d", c.typed, err, c.position)
			continue
		}
		if len(w.Near) > 3 || c.near == "" && len(w.Near) > 0 && c.typed != "du" || c.near != "" && (len(w.Near) == 0 || w.Near[0] != c.near) {
			t.Errorf("%q: near are %q, want %q first", c.typed, w.Near, c.near)
		}
		if strings.Contains(err.Error(), c.typed) || len(w.Near) > 0 && strings.Contains(err.Error(), w.Near[0]) {
			t.Errorf("%q: the text shows words: %v", c.typed, err)
		}
	}
}

// One wrong word is noticed and found, wherever it is; two and three are noticed.
func TestChecksum(t *testing.T) {
	all := words(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range []string{valid128, valid256} {
		n := len(strings.Fields(m))
		for i := range n {
			list := strings.Fields(m)
			for list[i] = all[r.IntN(1024)]; strings.Join(list, " ") == m; {
				list[i] = all[r.IntN(1024)]
			}
			_, err := slip39.Parse(strings.Join(list, " "))
			var w *slip39.WordError
			if !errors.Is(err, slip39.ErrChecksum) || !errors.As(err, &w) || w.Position != i+1 {
				t.Errorf("word %d wrong: %v", i+1, err)
			}
		}
		for wrong := 2; wrong <= 3; wrong++ {
			for range 20 {
				list := strings.Fields(m)
				for _, i := range r.Perm(n)[:wrong] {
					old := list[i]
					for list[i] == old {
						list[i] = all[r.IntN(1024)]
					}
				}
				if _, err := slip39.Parse(strings.Join(list, " ")); !errors.Is(err, slip39.ErrChecksum) {
					t.Errorf("%d words wrong: %v", wrong, err)
				}
			}
		}
		for i := 1; i < n; i++ {
			list := strings.Fields(m)
			list[i], list[i-1] = list[i-1], list[i]
			if _, err := slip39.Parse(strings.Join(list, " ")); list[i] != list[i-1] && !errors.Is(err, slip39.ErrChecksum) {
				t.Errorf("words %d and %d swapped: %v", i, i+1, err)
			}
		}
	}
}

func TestParseRefusesLengths(t *testing.T) {
	for n := range 40 {
		_, err := slip39.Parse(strings.Repeat("academic ", n))
		want := slip39.ErrLength
		if slices.Contains([]int{20, 22, 23, 25, 27, 28, 30, 31, 33}, n) {
			want = slip39.ErrChecksum
		}
		if !errors.Is(err, want) {
			t.Errorf("%d words: got %v, want %v", n, err, want)
		}
	}
	if _, err := slip39.Parse(strings.Repeat(" ", 4096) + valid128); !errors.Is(err, slip39.ErrLength) {
		t.Errorf("far too long: %v", err)
	}
}

func TestWipedShareIsRefused(t *testing.T) {
	s, err := slip39.Parse(valid128)
	if err != nil {
		t.Fatal(err)
	}
	s.Wipe()
	for _, bad := range []slip39.Share{s, {}} {
		if _, err := slip39.Combine([]slip39.Share{bad}, nil); !errors.Is(err, slip39.ErrShare) {
			t.Errorf("got %v", err)
		}
	}
}
