package slip39

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// mnemonics are those of all vectors.
func mnemonics(t testing.TB) (all []string) {
	t.Helper()
	data, err := os.ReadFile("../../vectors/slip39/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors [][]any
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		for _, m := range v[1].([]any) {
			all = append(all, m.(string))
		}
	}
	return all
}

// Every field and bit of a share that parses is in the words that it gives.
func TestMnemonicIsTheInverseOfParse(t *testing.T) {
	read := 0
	for _, m := range mnemonics(t) {
		s, err := Parse(m)
		if err != nil {
			continue
		}
		read++
		if got := s.mnemonic(); got != m {
			t.Errorf("got %q, want %q", got, m)
		}
	}
	if read < 50 {
		t.Errorf("only %d mnemonics were read", read)
	}
}

func TestShareIsRedacted(t *testing.T) {
	s, err := Parse(mnemonics(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	b := s.Value.Bytes()[2:6]
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d"} {
		for _, arg := range []any{s, &s, []Share{s}} {
			out := fmt.Sprintf(verb, arg)
			for _, form := range []string{fmt.Sprintf("%x", b), fmt.Sprintf("%d %d %d", b[0], b[1], b[2]), fmt.Sprintf("%#x, %#x", b[0], b[1])} {
				if strings.Contains(out, form) {
					t.Errorf("%s shows %s", verb, out)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range mnemonics(f) {
		f.Add(m)
		f.Add(strings.ToUpper(m))
	}
	f.Add("")
	f.Add("acad acad\tacad\n")
	f.Add("\u212aidney \x00 a b c")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrWord) && !errors.Is(err, ErrLength) && !errors.Is(err, ErrChecksum) && !errors.Is(err, ErrShare) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := Parse(s.mnemonic())
		if err != nil || !again.alike(s) || again.Group != s.Group || again.Member != s.Member || !again.Value.Equal(s.Value) {
			t.Errorf("%q gives %q, which gives another share: %v", text, s.mnemonic(), err)
		}
		for i, w := range strings.Fields(s.mnemonic()) {
			if typed := strings.ToLower(strings.Fields(text)[i]); !strings.HasPrefix(w, typed) {
				t.Errorf("word %d, %q, was read as %q", i+1, typed, w)
			}
		}
	})
}
