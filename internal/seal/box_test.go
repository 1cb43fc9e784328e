package seal_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

// A vector is one line of a file in ../../vectors/seal: what to expect, then
// fields in hexadecimal, "-" for empty, then a comment.
type vector struct {
	ok     bool
	fields [][]byte
	what   string
}

func vectors(t testing.TB, file string, fields int) []vector {
	t.Helper()
	text, err := os.ReadFile("../../vectors/seal/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	for line := range strings.Lines(string(text)) {
		row, what, _ := strings.Cut(line, "#")
		words := strings.Fields(row)
		if len(words) == 0 {
			continue
		}
		if len(words) != 1+fields || words[0] != "ok" && words[0] != "refused" {
			t.Fatalf("vector %q: malformed", line)
		}
		v := vector{ok: words[0] == "ok", what: strings.TrimSpace(what)}
		for _, w := range words[1:] {
			b, err := hex.DecodeString(strings.TrimSuffix(w, "-"))
			if err != nil {
				t.Fatalf("vector %q: %v", line, err)
			}
			v.fields = append(v.fields, b)
		}
		vs = append(vs, v)
	}
	if len(vs) == 0 {
		t.Fatal("no vectors")
	}
	return vs
}

func key(b []byte) *secret.Key { return secret.Take(slices.Clone(b)) }

func TestBoxVectors(t *testing.T) {
	for _, v := range vectors(t, "box.txt", 4) {
		k, ad, plain, box := v.fields[0], v.fields[1], v.fields[2], v.fields[3]
		got, err := seal.Open(key(k), box, ad)
		if v.ok && (err != nil || !bytes.Equal(got, plain)) {
			t.Errorf("%s: got %x, %v", v.what, got, err)
		}
		if !v.ok && !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s: got %x, %v, want ErrOpen", v.what, got, err)
		}
		if v.ok && !bytes.Equal(boxByHand(t, k, box[:24], ad, plain), box) {
			t.Errorf("%s: the construction in docs/design/seal.md gives another box", v.what)
		}
	}
}

// boxByHand follows docs/design/seal.md with other means than package seal.
func boxByHand(t *testing.T, key, nonce, ad, plain []byte) []byte {
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	prk := mac(nonce, key)
	encryption := mac(prk, []byte("locket/v1/box"), []byte{1})
	commitment := mac(prk, encryption, []byte("locket/v1/box"), []byte{2})
	aead, err := chacha20poly1305.NewX(encryption)
	if err != nil {
		t.Fatal(err)
	}
	return aead.Seal(slices.Concat(nonce, commitment), nonce, plain, ad)
}

func TestBoxRoundTrip(t *testing.T) {
	k := secret.Random(seal.KeySize)
	for _, n := range []int{0, 1, 32, 1 << 16} {
		plain := bytes.Repeat([]byte{7}, n)
		box, err := seal.Seal(k, plain, []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		if len(box) != n+seal.BoxOverhead {
			t.Errorf("%d bytes: box has %d", n, len(box))
		}
		if n > 1 && bytes.Contains(box, plain) {
			t.Errorf("%d bytes: box holds the plaintext", n)
		}
		if got, err := seal.Open(k, box, []byte("ad")); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: opened to %d, %v", n, len(got), err)
		}
		if other, err := seal.Seal(k, plain, []byte("ad")); err != nil || bytes.Equal(other, box) {
			t.Errorf("%d bytes: two boxes are alike, %v", n, err)
		}
	}
}

func TestBoxRefusesEveryChange(t *testing.T) {
	k, ad := secret.Random(seal.KeySize), []byte("ad")
	box, err := seal.Seal(k, []byte("plaintext"), ad)
	if err != nil {
		t.Fatal(err)
	}
	for i := range box {
		for bit := range 8 {
			bad := slices.Clone(box)
			bad[i] ^= 1 << bit
			if _, err := seal.Open(k, bad, ad); !errors.Is(err, seal.ErrOpen) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		}
		if _, err := seal.Open(k, box[:i], ad); !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if _, err := seal.Open(secret.Random(seal.KeySize), box, ad); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("other key: %v", err)
	}
	for _, bad := range []string{"", "a", "aD", "ad "} {
		if _, err := seal.Open(k, box, []byte(bad)); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("associated data %q: %v", bad, err)
		}
	}
}

func TestBoxKeySize(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		k := secret.Random(n)
		if _, err := seal.Seal(k, nil, nil); err == nil {
			t.Errorf("sealed with a key of %d bytes", n)
		}
		if _, err := seal.Open(k, make([]byte, seal.BoxOverhead), nil); err == nil || errors.Is(err, seal.ErrOpen) {
			t.Errorf("opened with a key of %d bytes: %v", n, err)
		}
	}
}

func FuzzOpenBox(f *testing.F) {
	for _, v := range vectors(f, "box.txt", 4) {
		f.Add(v.fields[0], v.fields[3], v.fields[1])
	}
	f.Fuzz(func(t *testing.T, k, box, ad []byte) {
		if len(k) != seal.KeySize {
			return
		}
		plain, err := seal.Open(key(k), box, ad)
		if err != nil {
			if !errors.Is(err, seal.ErrOpen) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(boxByHand(t, k, box[:24], ad, plain), box) {
			t.Fatalf("%x opens but is not what sealing gives", box)
		}
	})
}
