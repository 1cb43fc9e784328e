// Package keyring unwraps a pod's key.
//
// A pod has one key of 32 random bytes, never stored bare, and any number of
// slots. Each slot holds that key sealed to one credential: a password or an API
// key. Opening any slot opens the pod; adding or removing one rewraps nothing
// else. The slots stand in the pod's header, a public file with random ids only,
// authenticated by a key derived from the pod key.
//
// # Compatibility
//
// Header version 1 is readable by every later version; slots of kinds that this
// version does not know are kept as they are. See docs/design/slots.md.
package keyring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// KeySize is the length of a pod key in bytes.
const KeySize = 32

var (
	// ErrWrongSecret is behind the error of Open when no slot fits the credential.
	ErrWrongSecret = errors.New("keyring: wrong secret")
	// ErrTampered is behind every error about a header that is not what was written.
	ErrTampered = errors.New("keyring: header altered")
	// ErrNoSlot is returned by Remove for an id that no slot has.
	ErrNoSlot = errors.New("keyring: no such slot")
	// ErrLastSlot is returned by Remove and Save when the pod could never be opened again.
	ErrLastSlot = errors.New("keyring: a pod keeps at least one slot")
	// ErrTooManySlots is returned when a header has no room for one more slot.
	ErrTooManySlots = errors.New("keyring: too many slots")
	// ErrParams is returned for argon2id parameters below the floor or above the ceiling.
	ErrParams = errors.New("keyring: argon2id parameters out of bounds")
)

// A Purpose names what a key derived from the pod key is for.
type Purpose string

// The purposes.
const (
	PurposeDatabase  Purpose = "database"   // raw key of the SQLCipher file
	PurposeSigning   Purpose = "signing"    // Ed25519 seed of the pod itself
	PurposeHeaderMAC Purpose = "header-mac" // HMAC-SHA256 key of the header
	PurposeCursors   Purpose = "cursors"    // seals the places in lists that are given out
	PurposeBackup    Purpose = "backup"     // seed of the age identity of backups
	PurposeWitness   Purpose = "witness"    // seals what is remembered of the pod outside it
)

// PurposeCheckpoint names what a key derived from an API key is for: it seals what is
// remembered of the pod behind a server, and names the file.
const PurposeCheckpoint Purpose = "checkpoint"

// Derive returns the key of n bytes for a purpose: HKDF-SHA256 of the pod key
// without salt, info "locket/v1/" and the purpose. The caller wipes it.
func Derive(podKey *secret.Key, p Purpose, n int) (*secret.Key, error) {
	return derive(podKey, nil, "locket/v1/"+string(p), n)
}

func derive(from *secret.Key, salt []byte, info string, n int) (*secret.Key, error) {
	if from.Len() != KeySize {
		return nil, fmt.Errorf("keyring: derive %s: a key has %d bytes, not %d", info, KeySize, from.Len())
	}
	b, err := hkdf.Key(sha256.New, from.Bytes(), salt, info, n)
	if err != nil {
		return nil, fmt.Errorf("keyring: derive %s: %w", info, err)
	}
	return secret.Take(b), nil
}

// wrongSecret is the one answer to a credential that opens nothing, be it the
// credential, the slot or the pod that does not exist.
func wrongSecret() error {
	return locket.Errorf(locket.CodeUnauthenticated, "the passphrase or API key opens no such pod; check it and the pod's name").Because(ErrWrongSecret)
}

func tampered(cause error) error {
	return locket.Errorf(locket.CodeTampered, "the pod's header is not what Locket wrote; restore it from a backup").
		Because(fmt.Errorf("%w: %w", ErrTampered, cause))
}
