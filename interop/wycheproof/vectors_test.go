package wycheproof

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
)

// TestVectors runs whole files. The counts are those of the pinned version: a
// vector that was not run is a failure. None of these files has vectors that are
// merely "acceptable", which an implementation may refuse or not.
func TestVectors(t *testing.T) {
	suites := []struct {
		file           string
		keySize        int // bits; the vectors of other sizes are left out; 0: none are
		valid, invalid int
		accepts        check
	}{
		{file: "chacha20_poly1305", valid: 256, invalid: 69, accepts: acceptsChunk},
		{file: "xchacha20_poly1305", valid: 246, invalid: 69, accepts: acceptsBox},
		{file: "aes_cbc_pkcs5", keySize: 256, valid: 24, invalid: 48, accepts: acceptsPage},
		{file: "hmac_sha256", valid: 66, invalid: 108, accepts: acceptsHMACSHA256},
		{file: "hmac_sha512", valid: 66, invalid: 108, accepts: acceptsHMACSHA512},
		{file: "hkdf_sha256", valid: 83, invalid: 3, accepts: acceptsHKDF},
		{file: "pbkdf2_hmacsha256", valid: 60, accepts: acceptsPBKDF2SHA256},
		{file: "pbkdf2_hmacsha512", valid: 58, accepts: acceptsPBKDF2},
		{file: "ed25519", valid: 88, invalid: 63, accepts: acceptsSignature},
	}
	for _, s := range suites {
		t.Run(s.file, func(t *testing.T) {
			valid, invalid := 0, 0
			for _, g := range load(t, s.file) {
				if s.keySize != 0 && g.KeySize != s.keySize {
					continue
				}
				for _, v := range g.Tests {
					accepted := s.accepts(t, g, v)
					switch v.Result {
					case "valid":
						valid++
					case "invalid":
						invalid++
					default:
						t.Errorf("vector %d (%s): unexpected result %q", v.ID, v.Comment, v.Result)
					}
					if want := v.Result == "valid"; accepted != want {
						t.Errorf("vector %d (%s, %v): accepted is %t, want %t", v.ID, v.Comment, v.Flags, accepted, want)
					}
				}
			}
			if valid != s.valid || invalid != s.invalid {
				t.Errorf("ran %d valid and %d invalid vectors, want %d and %d", valid, invalid, s.valid, s.invalid)
			}
		})
	}
}

// A check reports whether the primitive accepts the vector; by compare it fails
// the test if what a valid one gives is not what it should.
type check func(*testing.T, group, vector) bool

func compare(t *testing.T, v vector, got, want []byte) {
	t.Helper()
	if v.Result == "valid" && !bytes.Equal(got, want) {
		t.Errorf("vector %d (%s): got %x, want %x", v.ID, v.Comment, got, want)
	}
}

// A group is what some vectors of a file have in common.
type group struct {
	KeySize   int // bits
	TagSize   int // bits
	PublicKey struct {
		PK hexBytes
	}
	Tests []vector
}

// A vector has the fields of all the schemas that are read here.
type vector struct {
	ID      int `json:"tcId"`
	Comment string
	Flags   []string
	Result  string

	Key, IV, AAD, Msg, CT, Tag hexBytes // AEADs, CBC, MACs
	Sig                        hexBytes // signatures, with Msg
	IKM, Salt, Info, OKM       hexBytes // HKDF
	Size                       int      // of OKM, bytes
	Password, DK               hexBytes // PBKDF2, with Salt
	IterationCount             int
	DKLen                      int // bytes
}

// hexBytes is nil where the vector has no bytes.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode(nil, text)
	return err
}

func load(t *testing.T, file string) []group {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, file+"_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var suite struct{ TestGroups []group }
	if err := json.Unmarshal(data, &suite); err != nil {
		t.Fatal(err)
	}
	return suite.TestGroups
}
