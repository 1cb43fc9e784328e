// Package agekey reads and writes the text of hybrid post-quantum keys of age
// (C2SP age, "mlkem768x25519"): recipients, age1pq1…, and identities,
// AGE-SECRET-KEY-PQ-1…. The age module parses these texts but neither makes a key of
// given bytes nor gives them out.
package agekey

import (
	"crypto/hpke"
	"errors"
	"fmt"

	"github.com/locketpod/locket/internal/secret"
)

const (
	// SeedSize is the length in bytes of what an identity holds.
	SeedSize = 32
	// PublicSize is the length in bytes of what a recipient holds.
	PublicSize = 1216

	recipientPrefix = "age1pq"
	identityPrefix  = "AGE-SECRET-KEY-PQ-"
)

var (
	// ErrRecipient is returned for text that is no hybrid recipient.
	ErrRecipient = errors.New("agekey: not a post-quantum age recipient")
	// ErrIdentity is returned for text that is no hybrid identity.
	ErrIdentity = errors.New("agekey: not a post-quantum age identity")
)

// KEM is what both halves of a key are for: X25519 and ML-KEM-768 together, as HPKE's
// MLKEM768-X25519 (KEM 0x647a).
func KEM() hpke.KEM { return hpke.MLKEM768X25519() }

// Recipient returns the text of a public key.
func Recipient(public []byte) string { return encode(recipientPrefix, public) }

// ParseRecipient returns the public key of a recipient.
func ParseRecipient(text string) ([]byte, error) {
	public, err := decode(recipientPrefix, text)
	if err == nil && len(public) != PublicSize {
		err = fmt.Errorf("%d bytes", len(public))
	}
	if err == nil {
		_, err = KEM().NewPublicKey(public)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecipient, err)
	}
	return public, nil
}

// Identity returns the text of the identity with this seed, [SeedSize] bytes. The
// caller wipes it.
func Identity(seed *secret.Key) *secret.Key {
	return secret.Take(encodeUpper(identityPrefix, seed.Bytes()))
}

// ParseIdentity returns the seed of an identity, which the caller wipes.
func ParseIdentity(text []byte) (*secret.Key, error) {
	seed, err := decodeUpper(identityPrefix, text)
	if err == nil && len(seed) != SeedSize {
		clear(seed)
		err = errors.New("wrong length")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	return secret.Take(seed), nil
}

// Public returns the public key of the identity with this seed.
func Public(seed *secret.Key) ([]byte, error) {
	k, err := KEM().NewPrivateKey(seed.Bytes())
	if err != nil {
		return nil, fmt.Errorf("agekey: %w", err)
	}
	return k.PublicKey().Bytes(), nil
}
