// Package secret holds key material that cannot be printed and can be wiped.
package secret

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// ErrNotEncodable is returned by every binary encoding of a [Key].
var ErrNotEncodable = errors.New("secret: a key cannot be encoded")

// A Key holds secret bytes: a key, a passphrase, a token. Formatting, logging
// and text encodings give "[redacted]"; binary encodings fail. The zero value
// is an empty key.
//
// A Key is passed by pointer. Its owner calls Wipe when done; whoever needs the
// bytes for longer takes a Clone and owns that.
type Key struct {
	b []byte
}

// Take makes a Key of a copy of b and wipes b.
func Take(b []byte) *Key {
	k := &Key{b: append([]byte(nil), b...)}
	clear(b)
	return k
}

// Random returns n fresh random bytes.
func Random(n int) *Key {
	k := &Key{b: make([]byte, n)}
	_, _ = rand.Read(k.b) // never fails: crypto/rand aborts the program instead
	return k
}

// Bytes returns the secret itself, not a copy: it is wiped with the Key and
// must not be kept, nor turned into a string.
func (k *Key) Bytes() []byte {
	if k == nil {
		return nil
	}
	return k.b
}

// Len returns the number of secret bytes.
func (k *Key) Len() int { return len(k.Bytes()) }

// Clone returns a copy with an owner of its own.
func (k *Key) Clone() *Key { return &Key{b: append([]byte(nil), k.Bytes()...)} }

// Wipe overwrites the bytes. The Key is empty afterwards. Wiping twice, or a
// nil Key, does nothing.
func (k *Key) Wipe() {
	if k == nil {
		return
	}
	clear(k.b)
	k.b = nil
}

// Equal compares in time that depends only on the lengths.
func (k *Key) Equal(o *Key) bool {
	return subtle.ConstantTimeCompare(k.Bytes(), o.Bytes()) == 1
}

// Format prints "[redacted]" for every verb, so that neither %x nor %v of a
// struct that holds a Key shows it.
func (Key) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

func (Key) String() string                 { return redacted }
func (Key) GoString() string               { return redacted }
func (Key) LogValue() slog.Value           { return slog.StringValue(redacted) }
func (Key) MarshalText() ([]byte, error)   { return []byte(redacted), nil }
func (Key) MarshalJSON() ([]byte, error)   { return []byte(`"` + redacted + `"`), nil }
func (Key) MarshalBinary() ([]byte, error) { return nil, ErrNotEncodable }
func (Key) GobEncode() ([]byte, error)     { return nil, ErrNotEncodable }
func (Key) MarshalCBOR() ([]byte, error)   { return nil, ErrNotEncodable }
