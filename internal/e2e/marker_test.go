package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// newMarker returns n random lower-case letters, one word to a search index. No
// program contains them, and hardly any file by chance if n is 16 or more.
func newMarker(t *testing.T, n int) string {
	t.Helper()
	b := make([]byte, n)
	for i := range b {
		r, err := rand.Int(rand.Reader, big.NewInt(26))
		if err != nil {
			t.Fatal(err)
		}
		b[i] = 'a' + byte(r.Int64())
	}
	return string(b)
}

// forms returns the ways in which a text or key may stand in a file.
func forms(secret string) map[string][]byte {
	f := map[string][]byte{
		"as it is": []byte(secret),
		"hex":      []byte(hex.EncodeToString([]byte(secret))),
		"HEX":      []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))),
	}
	for _, r := range utf16.Encode([]rune(secret)) {
		f["UTF-16LE"] = append(f["UTF-16LE"], byte(r), byte(r>>8))
		f["UTF-16BE"] = append(f["UTF-16BE"], byte(r>>8), byte(r))
	}
	for lead := range 5 { // base32, as keys are written
		text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte("....."[:lead] + secret))
		first, last := (lead*8+4)/5, (lead+len(secret))*8/5
		f[fmt.Sprint("BASE32 ", lead)] = []byte(text[first:last])
		f[fmt.Sprint("base32 ", lead)] = []byte(strings.ToLower(text[first:last]))
	}
	for lead := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := e.EncodeToString([]byte("..."[:lead] + secret))
			first, last := (lead*8+5)/6, (lead+len(secret))*8/6 // digits that depend on secret alone
			f[fmt.Sprint(name, lead)] = []byte(text[first:last])
		}
	}
	return f
}

// needles are the forms of each secret, by its name.
type needles map[string]map[string][]byte

func needlesOf(secrets map[string]string) needles {
	n := make(needles)
	for name, secret := range secrets {
		n[name] = forms(secret)
	}
	return n
}

// find returns which secrets are in b, and in what form.
func (n needles) find(b []byte) map[string]string {
	found := make(map[string]string)
	for name, forms := range n {
		for form, pattern := range forms {
			if bytes.Contains(b, pattern) {
				found[name] = form
			}
		}
	}
	return found
}

// leaks says which of the secrets, called by their names, are found in b or in
// the name it has.
func leaks(name string, b []byte, secrets map[string]string) []string {
	var found []string
	for what, secret := range secrets {
		for form, pattern := range forms(secret) {
			if bytes.Contains(b, pattern) || strings.Contains(name, string(pattern)) {
				found = append(found, fmt.Sprintf("%s, %s, in %s", what, form, name))
			}
		}
	}
	return found
}

// leaksUnder searches all files below the paths, and their names.
func leaksUnder(t *testing.T, secrets map[string]string, paths ...string) (found []string, files int) {
	t.Helper()
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			found = append(found, leaks(path, b, secrets)...)
			files++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found, files
}
