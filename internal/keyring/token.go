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
	tokenSize       = 16 + len(SlotID{}) + tokenSecretSize // without the checksum
	checksumSize    = 4
	redactedToken   = tokenPrefix + "…[redacted]"
)

var (
	// ErrNotToken is behind the error of ParseToken and ParseGrant for other text.
	ErrNotToken = errors.New("keyring: not a token")
	// ErrMistyped is behind the error of ParseToken and ParseGrant for a wrong checksum.
	ErrMistyped = errors.New("keyring: mistyped token")
)

var tokenForm = textForm{prefix: tokenPrefix, name: "API key", min: tokenSize, max: tokenSize}

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
	body, err := tokenForm.parse(text)
	if err != nil {
		return nil, err
	}
	t := &Token{Pod: podID([16]byte(body[:16])), Slot: SlotID(body[16:24])}
	t.secret = secret.Take(body[24:])
	return t, nil
}

// Text returns the API key as its holder keeps it; the caller wipes it.
func (t *Token) Text() *secret.Key {
	pod, _ := locket.ParseUUID(string(t.Pod)) // a Token is only made of a pod id that parses
	return tokenForm.write(pod[:], t.Slot[:], t.secret.Bytes())
}

// Derive returns n bytes for a purpose outside the pod, where the API key is all there
// is to derive from: HKDF-SHA256 of its secret, salt the pod id, info
// "locket/v1/apikey/", the purpose, a line feed and what it is about. The caller wipes
// them.
func (t *Token) Derive(p Purpose, about string, n int) (*secret.Key, error) {
	pod, _ := locket.ParseUUID(string(t.Pod)) // a Token is only made of a pod id that parses
	return derive(t.secret, pod[:], "locket/v1/apikey/"+string(p)+"\n"+about, n)
}

// Wipe overwrites the secret. A wiped Token opens nothing.
func (t *Token) Wipe() { t.secret.Wipe() }

// Format prints "lk_…[redacted]" for every verb.
func (Token) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redactedToken)) }

func (Token) String() string               { return redactedToken }
func (Token) LogValue() slog.Value         { return slog.StringValue(redactedToken) }
func (Token) MarshalText() ([]byte, error) { return []byte(redactedToken), nil }

// A textForm is how one kind of token is written: a prefix, then base32 of a body
// and its checksum.
type textForm struct {
	prefix, name string
	min, max     int // length of the body in bytes
}

// tokenEncoding is the alphabet of RFC 4648 §6 in lower case.
var tokenEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// parse returns the body, which the caller wipes, of the one text that write gives
// for it. Its error has CodeUnauthenticated and wraps ErrNotToken or ErrMistyped.
func (f textForm) parse(text []byte) ([]byte, error) {
	digits, ok := bytes.CutPrefix(text, []byte(f.prefix))
	if !ok || len(digits) < tokenEncoding.EncodedLen(f.min+checksumSize) || len(digits) > tokenEncoding.EncodedLen(f.max+checksumSize) {
		return nil, f.notToken()
	}
	raw := make([]byte, tokenEncoding.DecodedLen(len(digits)))
	n, err := tokenEncoding.Decode(raw, digits)
	// The decoder skips line breaks and does not look at bits to spare.
	again := tokenEncoding.AppendEncode(nil, raw[:n])
	defer clear(again)
	if err != nil || !bytes.Equal(again, digits) {
		clear(raw)
		return nil, f.notToken()
	}
	body, sum := raw[:n-checksumSize], raw[n-checksumSize:n]
	if subtle.ConstantTimeCompare(f.checksum(body), sum) != 1 {
		clear(raw)
		return nil, locket.Errorf(locket.CodeUnauthenticated, "the %s is mistyped: its checksum does not fit; copy it again", f.name).
			Because(ErrMistyped)
	}
	return body, nil
}

// write returns the text of the body that the parts make up; the caller wipes it.
func (f textForm) write(parts ...[]byte) *secret.Key {
	raw := make([]byte, 0, f.max+checksumSize)
	for _, p := range parts {
		raw = append(raw, p...)
	}
	raw = append(raw, f.checksum(raw)...)
	defer clear(raw)
	text := make([]byte, 0, len(f.prefix)+tokenEncoding.EncodedLen(len(raw)))
	return secret.Take(tokenEncoding.AppendEncode(append(text, f.prefix...), raw))
}

// checksum tells a typing error from a token that is not valid (any more). It is
// no authentication.
func (f textForm) checksum(body []byte) []byte {
	h := sha256.New()
	h.Write([]byte(f.prefix))
	h.Write(body)
	return h.Sum(nil)[:checksumSize]
}

func (f textForm) notToken() error {
	return locket.Errorf(locket.CodeUnauthenticated, "this is no %s: one begins with %s; copy it whole", f.name, f.prefix).Because(ErrNotToken)
}
