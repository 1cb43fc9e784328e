// Package seal encrypts: small things whole, as a box; large ones in chunks, as
// a stream of which any range can be read alone. See docs/design/seal.md.
package seal

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/locketpod/locket/internal/secret"
)

// ErrOpen is returned when a box or a stream does not open: the key or the
// associated data is another, or bytes were changed, moved or cut off. Which of
// these it was cannot be told.
var ErrOpen = errors.New("seal: wrong key or altered bytes")

// KeySize is the length of a box's key in bytes.
const KeySize = 32

// BoxOverhead is how many bytes a box is longer than what is in it.
const BoxOverhead = chacha20poly1305.NonceSizeX + commitmentSize + chacha20poly1305.Overhead

const (
	commitmentSize = 32
	boxInfo        = "locket/v1/box" // HKDF info of box keys
)

// Seal returns plaintext in a box that opens with key and the same ad only. The
// box is nonce ‖ commitment ‖ XChaCha20-Poly1305 ciphertext; the commitment
// makes it impossible to craft a box that opens with two keys.
func Seal(key *secret.Key, plaintext, ad []byte) ([]byte, error) {
	box := make([]byte, chacha20poly1305.NonceSizeX, len(plaintext)+BoxOverhead)
	_, _ = rand.Read(box) // never fails: crypto/rand aborts the program instead
	encryption, commitment, err := boxKeys(key, box)
	if err != nil {
		return nil, err
	}
	defer encryption.Wipe()
	aead, err := chacha20poly1305.NewX(encryption.Bytes())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	nonce := box
	box = append(box, commitment...)
	return aead.Seal(box, nonce, plaintext, ad), nil
}

// Open returns what is in the box, or ErrOpen. The caller wipes what it got.
func Open(key *secret.Key, box, ad []byte) ([]byte, error) {
	if len(box) < BoxOverhead {
		return nil, ErrOpen
	}
	nonce, rest := box[:chacha20poly1305.NonceSizeX], box[chacha20poly1305.NonceSizeX:]
	encryption, commitment, err := boxKeys(key, nonce)
	if err != nil {
		return nil, err
	}
	defer encryption.Wipe()
	if subtle.ConstantTimeCompare(rest[:commitmentSize], commitment) != 1 {
		return nil, ErrOpen
	}
	aead, err := chacha20poly1305.NewX(encryption.Bytes())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	plaintext, err := aead.Open(nil, nonce, rest[commitmentSize:], ad)
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

// boxKeys derives the key that encrypts one box, and the value, public, that
// commits to it.
func boxKeys(key *secret.Key, nonce []byte) (encryption *secret.Key, commitment []byte, err error) {
	if key.Len() != KeySize {
		return nil, nil, fmt.Errorf("seal: a box key has %d bytes, not %d", KeySize, key.Len())
	}
	b, err := hkdf.Key(sha256.New, key.Bytes(), nonce, boxInfo, KeySize+commitmentSize)
	if err != nil {
		return nil, nil, fmt.Errorf("seal: %w", err)
	}
	return secret.Take(b[:KeySize]), b[KeySize:], nil
}
