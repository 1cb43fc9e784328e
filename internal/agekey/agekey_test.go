package agekey

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/locketpod/locket/internal/secret"
)

// The valid and invalid strings of BIP 173, "Test vectors", that are within this
// package's form.
func TestBIP173(t *testing.T) {
	for _, s := range []string{
		"a12uel5l",
		"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
		"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
		"11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
		"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
		"?1ezyfcl",
	} {
		i := strings.LastIndexByte(s, '1')
		values := make([]byte, 0, len(s))
		for _, c := range []byte(s[i+1:]) {
			values = append(values, byte(bytes.IndexByte(digits, c)))
		}
		if polymod([]byte(s[:i]), values) != 1 {
			t.Errorf("%s: checksum refused", s)
		}
	}
	for _, s := range []string{"a12uel5m", "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3x", "split1cheo2y9e2w"} {
		prefix, _, _ := strings.Cut(s, "1")
		if _, err := decode(prefix, s); err == nil {
			t.Errorf("%s: accepted", s)
		}
	}
}

func TestIsWhatAgeReads(t *testing.T) {
	seed := secret.Random(SeedSize)
	identity, err := age.ParseHybridIdentity(string(Identity(seed).Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	public, err := Public(seed)
	if err != nil {
		t.Fatal(err)
	}
	if got := Recipient(public); got != identity.Recipient().String() {
		t.Fatalf("recipient %.40s…, age has %.40s…", got, identity.Recipient())
	}
	var file bytes.Buffer
	r, err := age.ParseHybridRecipient(Recipient(public))
	if err != nil {
		t.Fatal(err)
	}
	w, err := age.Encrypt(&file, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plain, err := age.Decrypt(&file, identity)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(plain); err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
}

func TestReadsWhatAgeMakes(t *testing.T) {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := ParseIdentity([]byte(identity.String()))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParseRecipient(identity.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	if own, err := Public(seed); err != nil || !bytes.Equal(own, public) {
		t.Fatalf("the two halves do not belong together: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	seed := secret.Random(SeedSize)
	identity := string(Identity(seed).Bytes())
	public, _ := Public(seed)
	recipient := Recipient(public)
	for name, text := range map[string]string{
		"empty":          "",
		"another prefix": strings.Replace(identity, "-PQ-", "-", 1),
		"lower case":     strings.ToLower(identity),
		"mixed case":     identity[:30] + strings.ToLower(identity[30:]),
		"cut":            identity[:len(identity)-1],
		"mistyped":       identity[:len(identity)-1] + string(digits[0]),
		"short":          string(encodeUpper(identityPrefix, seed.Bytes()[:31])),
		"space":          identity + " ",
	} {
		if _, err := ParseIdentity([]byte(text)); !errors.Is(err, ErrIdentity) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"empty":      "",
		"upper case": strings.ToUpper(recipient),
		"cut":        recipient[:len(recipient)-1],
		"x25519":     "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
		"short":      encode(recipientPrefix, public[:1215]),
		"no key":     encode(recipientPrefix, bytes.Repeat([]byte{0xff}, PublicSize)),
	} {
		if _, err := ParseRecipient(text); !errors.Is(err, ErrRecipient) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
