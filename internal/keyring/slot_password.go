package keyring

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/secret"
)

// maxPasswords bounds the argon2id runs that one wrong password can cost.
const maxPasswords = 4

// A Password is a passphrase as the owner typed it, byte for byte. Whoever made
// the Secret wipes it.
type Password struct{ Secret *secret.Key }

// passwordParams are the parameters of a password slot.
type passwordParams struct {
	Params
	Salt [saltSize]byte `cbor:"salt"`
}

// AddPassword adds a slot for a password. The header must be saved afterwards.
func (h *Header) AddPassword(ctx context.Context, kdf *KDF, podKey, password *secret.Key, p Params) (SlotID, error) {
	if h.count(KindPassword) >= maxPasswords {
		return SlotID{}, ErrTooManySlots
	}
	pp := passwordParams{Params: p}
	_, _ = rand.Read(pp.Salt[:]) // never fails: crypto/rand aborts the program instead
	params, err := canon.Marshal(pp)
	if err != nil {
		return SlotID{}, err
	}
	slotKey, err := kdf.stretch(ctx, password, pp.Salt[:], p)
	if err != nil {
		return SlotID{}, err
	}
	defer slotKey.Wipe()
	return h.add(podKey, slotKey, slot{ID: newSlotID(), Kind: KindPassword, Params: params})
}

func (c Password) slotKey(ctx context.Context, kdf *KDF, _ [16]byte, s slot) (*secret.Key, error) {
	if s.Kind != KindPassword {
		return nil, ErrWrongSecret
	}
	var p passwordParams
	if err := canon.Unmarshal(s.Params, &p); err != nil {
		return nil, tampered(err)
	}
	key, err := kdf.stretch(ctx, c.Secret, p.Salt[:], p.Params)
	if errors.Is(err, ErrParams) {
		return nil, tampered(err)
	}
	return key, err
}
