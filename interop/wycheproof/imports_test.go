package wycheproof

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestEveryPrimitiveIsKnown fails when Locket begins to use a package of
// cryptography: its vectors belong into TestVectors, or the reason why there are
// none into this table.
func TestEveryPrimitiveIsKnown(t *testing.T) {
	known := map[string]string{
		"golang.org/x/crypto/chacha20poly1305": "chacha20_poly1305, xchacha20_poly1305",
		"crypto/aes":                           "aes_cbc_pkcs5",
		"crypto/cipher":                        "aes_cbc_pkcs5",
		"crypto/hmac":                          "hmac_sha256, hmac_sha512",
		"crypto/hkdf":                          "hkdf_sha256",
		"crypto/pbkdf2":                        "pbkdf2_hmacsha256",
		"crypto/ed25519":                       "ed25519; it has no vectors that sign, those are in vectors/journal",
		"crypto/sha256":                        "no vectors of its own; under hmac_sha256 and hkdf_sha256",
		"crypto/sha512":                        "no vectors of its own; under hmac_sha512",
		"golang.org/x/crypto/argon2":           "no vectors; that of RFC 9106 is in x/crypto's tests",
		"filippo.io/age":                       "a file format; files go to the stock age command and back in internal/e2e",
		"crypto/hpke":                          "no vectors; those of RFC 9180 and of the hybrid KEM are in the standard library's tests; keys go to age and back in internal/agekey",
		"crypto":                               "interfaces",
		"crypto/rand":                          "no vectors",
		"crypto/subtle":                        "no vectors",
		"crypto/tls":                           "a protocol, the standard library's",
		"crypto/x509":                          "reads the container of a signing key (PKCS #8); no primitive",
	}
	used := imports(t, "../..")
	for p, file := range used {
		if _, ok := known[p]; !ok {
			t.Errorf("%s imports %s, of which no vectors are run", file, p)
		}
	}
	for p := range known {
		if used[p] == "" {
			t.Errorf("nothing imports %s any more", p)
		}
	}
}

// imports returns the packages of cryptography that the program imports, each
// with a file that does.
func imports(t *testing.T, root string) map[string]string {
	t.Helper()
	used := make(map[string]string)
	err := fs.WalkDir(os.DirFS(root), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch file {
		case "bench", "interop", "tools", "e2e":
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		src, err := fs.ReadFile(os.DirFS(root), file)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				return err
			}
			if p == "crypto" || strings.HasPrefix(p, "crypto/") || strings.HasPrefix(p, "golang.org/x/crypto/") || strings.HasPrefix(p, "filippo.io/") {
				used[p] = file
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}
