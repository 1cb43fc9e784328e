package keyring

import (
	"bytes"
	"fmt"
	"log/slog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

const (
	grantPrefix   = "lg_"
	redactedGrant = grantPrefix + "…[redacted]"
	maxGrantTerms = 128 // longest encoding of grantTerms, bytes: 125 and some to spare

	minGrantSize = 16 + len(epoch{}) + seal.BoxOverhead + KeySize // without the checksum
	maxGrantSize = minGrantSize + maxGrantTerms
)

var grantForm = textForm{prefix: grantPrefix, name: "grant", min: minGrantSize, max: maxGrantSize}

// An epoch names the life of one process. It is random and public.
type epoch [8]byte

// A GrantToken is a sealed [Grant]: whoever holds it can use it. Its text is "lg_"
// and base32 of pod id (16 bytes) ‖ epoch (8) ‖ box ‖ checksum (4). Formatting,
// logging and encoding it do not show it.
type GrantToken struct {
	Pod   locket.PodID
	epoch epoch
	box   *secret.Key
}

// IsGrant reports whether text has the prefix of a grant, so that ParseGrant is to
// read it and not ParseToken.
func IsGrant(text []byte) bool { return bytes.HasPrefix(text, []byte(grantPrefix)) }

// ParseGrant reads the text of a grant, strictly. Its error has
// CodeUnauthenticated and wraps ErrNotToken or ErrMistyped. The caller wipes text,
// and the GrantToken when done.
func ParseGrant(text []byte) (*GrantToken, error) {
	body, err := grantForm.parse(text)
	if err != nil {
		return nil, err
	}
	t := &GrantToken{Pod: podID([16]byte(body[:16])), epoch: epoch(body[16:24])}
	t.box = secret.Take(body[24:])
	return t, nil
}

// Text returns the grant as its holder keeps it; the caller wipes it.
func (t *GrantToken) Text() *secret.Key {
	pod, _ := locket.ParseUUID(string(t.Pod)) // a GrantToken is only made of a pod id that parses
	return grantForm.write(pod[:], t.epoch[:], t.box.Bytes())
}

// Wipe overwrites what was sealed. A wiped GrantToken opens nothing.
func (t *GrantToken) Wipe() { t.box.Wipe() }

// Format prints "lg_…[redacted]" for every verb.
func (GrantToken) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redactedGrant)) }

func (GrantToken) String() string               { return redactedGrant }
func (GrantToken) LogValue() slog.Value         { return slog.StringValue(redactedGrant) }
func (GrantToken) MarshalText() ([]byte, error) { return []byte(redactedGrant), nil }
