package journal_test

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"io"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// noteOf signs any text with the pod's key, under the name of its first line.
func noteOf(t *testing.T, text string) []byte {
	t.Helper()
	name := "x"
	for i, c := range text {
		if c == '\n' && i > 0 {
			name = text[:i]
			break
		}
	}
	key := append([]byte{1}, public(podSigner())...)
	v, err := note.NewEd25519VerifierKey(name, public(podSigner()))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(v)
	if err != nil {
		t.Fatal(err)
	}
	seed := base64.StdEncoding.EncodeToString(append(key[:1:1], podSigner().Seed()...))
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, verifier.KeyHash(), seed))
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// A spySigner keeps what it was to sign.
type spySigner [][]byte

func (s *spySigner) Public() crypto.PublicKey { return podSigner().Public() }

func (s *spySigner) Sign(_ io.Reader, msg []byte, o crypto.SignerOpts) ([]byte, error) {
	*s = append(*s, append([]byte(nil), msg...))
	return podSigner().Sign(nil, msg, o)
}
