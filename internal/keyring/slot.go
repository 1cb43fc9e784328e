package keyring

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

// A SlotID names a slot within its pod. It is random and public.
type SlotID [8]byte

// String returns 16 hexadecimal digits.
func (id SlotID) String() string { return hex.EncodeToString(id[:]) }

// A Kind is the kind of a slot.
type Kind string

// The kinds that this version opens.
const (
	KindPassword Kind = "password"
	KindAPIKey   Kind = "apikey"
)

// A Credential is what opens slots of one kind: a [Password] or an API key
// ([*Token]). A new kind of slot is a new type with this method.
type Credential interface {
	// slotKey derives the key that seals s, or would if the secret were right. It
	// returns ErrWrongSecret if s is not for this credential, so that the next slot
	// is tried; any other error is final.
	slotKey(ctx context.Context, kdf *KDF, pod [16]byte, s slot) (*secret.Key, error)
}

var (
	_ Credential = Password{}
	_ Credential = (*Token)(nil)
)

// A slot is the pod key, sealed for one credential. All kinds have this form, so
// that those of later versions survive in the hands of this one.
type slot struct {
	ID         SlotID `cbor:"id"`
	Kind       Kind   `cbor:"kind"`
	Generation int64  `cbor:"gen"`    // of the header when the slot was made
	Params     []byte `cbor:"params"` // public parameters of the kind, in its own form
	Sealed     []byte `cbor:"sealed"` // box with the pod key
}

const maxParamsSize = 4 << 10 // longest params and longest box of a slot, in bytes

func (s slot) check() error {
	if s.Kind == "" || len(s.Kind) > 32 || s.Generation < 1 || len(s.Params) > maxParamsSize || len(s.Sealed) > maxParamsSize {
		return fmt.Errorf("slot %s: malformed", s.ID)
	}
	return nil
}

func newSlotID() SlotID {
	var id SlotID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
	return id
}

// ad is all that a slot's box is bound to.
func (s slot) ad(pod [16]byte) ([]byte, error) {
	return canon.Marshal(struct {
		Version    int64    `cbor:"v"`
		Pod        [16]byte `cbor:"pod"`
		ID         SlotID   `cbor:"id"`
		Kind       Kind     `cbor:"kind"`
		Generation int64    `cbor:"gen"`
		Params     []byte   `cbor:"params"`
	}{headerVersion, pod, s.ID, s.Kind, s.Generation, s.Params})
}

// wrap seals the pod key into s.
func (s *slot) wrap(pod [16]byte, slotKey, podKey *secret.Key) error {
	ad, err := s.ad(pod)
	if err != nil {
		return err
	}
	s.Sealed, err = seal.Seal(slotKey, podKey.Bytes(), ad)
	return err
}

// unwrap returns the pod key, or ErrWrongSecret.
func (s slot) unwrap(pod [16]byte, slotKey *secret.Key) (*secret.Key, error) {
	ad, err := s.ad(pod)
	if err != nil {
		return nil, err
	}
	b, err := seal.Open(slotKey, s.Sealed, ad)
	if errors.Is(err, seal.ErrOpen) {
		return nil, ErrWrongSecret
	}
	if err != nil {
		return nil, err
	}
	podKey := secret.Take(b)
	if podKey.Len() != KeySize {
		podKey.Wipe()
		return nil, ErrWrongSecret
	}
	return podKey, nil
}
