package keyring

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

const (
	tokenPrefix     = "lk_"
	tokenSecretSize = 32
	checksumSize    = 4
	tokenSize       = 16 + len(SlotID{}) + tokenSecretSize + checksumSize // decoded; a multiple of 5, so base32 needs no padding
	redactedToken   = tokenPrefix + "…[redacted]"
)

var (
	// ErrNotToken is behind the error of ParseToken for text that is no API key.
	ErrNotToken = errors.New("keyring: not an API key")
	// ErrMistyped is behind the error of ParseToken for an API key with a wrong checksum.
	ErrMistyped = errors.New("keyring: mistyped API key")
)

// tokenEncoding is the alphabet of RFC 4648 §6 in lower case.
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// A Token is an API key: it names its pod and its slot and holds the secret that
// opens it. Its text is "lk_" and base32 of pod id (16 bytes) ‖ slot id (8) ‖
// secret (32) ‖ checksum (4). Formatting, logging and encoding it give no secret.
type Token struct {
	Pod    locket.PodID
	Slot   SlotID
	secret *secret.Key
}

// ParseToken reads the text of an API key, strictly. Its error has
// CodeUnauthenticated and wraps ErrNotToken or ErrMistyped. The caller wipes text,
// and the Token when done.
func ParseToken(text []byte) (*Token, error) {
	digits, ok := bytes.CutPrefix(text, []byte(tokenPrefix))
	if !ok || len(digits) != tokenEncoding.EncodedLen(tokenSize) || bytes.ContainsAny(digits, "\r\n") {
		return nil, notToken()
	}
	var raw [tokenSize]byte
	defer clear(raw[:])
	if _, err := tokenEncoding.Decode(raw[:], digits); err != nil {
		return nil, notToken()
	}
	body, sum := raw[:tokenSize-checksumSize], raw[tokenSize-checksumSize:]
	if subtle.ConstantTimeCompare(checksum(body), sum) != 1 {
		return nil, locket.Errorf(locket.CodeUnauthenticated, "the API key is mistyped: its checksum does not fit; copy it again").
			Because(ErrMistyped)
	}
	t := &Token{Pod: podID([16]byte(body[:16])), Slot: SlotID(body[16:24])}
	t.secret = secret.Take(body[24:])
	return t, nil
}

// Text returns the API key as its holder keeps it; the caller wipes it.
func (t *Token) Text() *secret.Key {
	pod, _ := locket.ParseUUID(string(t.Pod)) // a Token is only made of a pod id that parses
	raw := make([]byte, 0, tokenSize)
	raw = append(raw, pod[:]...)
	raw = append(raw, t.Slot[:]...)
	raw = append(raw, t.secret.Bytes()...)
	raw = append(raw, checksum(raw)...)
	defer clear(raw)
	text := make([]byte, 0, len(tokenPrefix)+tokenEncoding.EncodedLen(tokenSize))
	return secret.Take(tokenEncoding.AppendEncode(append(text, tokenPrefix...), raw))
}

// Wipe overwrites the secret. A wiped Token opens nothing.
func (t *Token) Wipe() { t.secret.Wipe() }

// checksum tells a typing error from a key that is not valid (any more). It is
// no authentication.
func checksum(body []byte) []byte {
	h := sha256.New()
	h.Write([]byte(tokenPrefix))
	h.Write(body)
	return h.Sum(nil)[:checksumSize]
}

func notToken() error {
	return locket.Errorf(locket.CodeUnauthenticated, "this is no API key: one begins with %s and has %d characters",
		tokenPrefix, len(tokenPrefix)+tokenEncoding.EncodedLen(tokenSize)).Because(ErrNotToken)
}

// Format prints "lk_…[redacted]" for every verb.
func (Token) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redactedToken)) }

func (Token) String() string               { return redactedToken }
func (Token) LogValue() slog.Value         { return slog.StringValue(redactedToken) }
func (Token) MarshalText() ([]byte, error) { return []byte(redactedToken), nil }
