package keyring

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/secret"
)

// maxPasswords bounds the argon2id runs that one wrong password can cost.
const maxPasswords = 4

// passwordDeviceInfo is the HKDF info of password slots that need the device secret.
const passwordDeviceInfo = "locket/v1/slot/password+device"

// A Password is a passphrase as the owner typed it, byte for byte. Whoever made
// the Secret and Device wipes them.
type Password struct {
	Secret *secret.Key
	Device *secret.Key // the device secret, if there is one at hand: see [NewDeviceSecret]
}

// passwordParams are the parameters of a password slot.
type passwordParams struct {
	Params
	Salt   [saltSize]byte `cbor:"salt"`
	Device bool           `cbor:"device,omitempty"` // the device secret is mixed in
}

// AddPassword adds a slot for a password, and for the device secret with it if there
// is one: then whoever has the header can't guess the password. The header must be
// saved afterwards.
func (h *Header) AddPassword(ctx context.Context, kdf *KDF, podKey *secret.Key, c Password, p Params) (SlotID, error) {
	if h.count(KindPassword) >= maxPasswords {
		return SlotID{}, ErrTooManySlots
	}
	pp := passwordParams{Params: p, Device: c.Device.Len() > 0}
	_, _ = rand.Read(pp.Salt[:]) // never fails: crypto/rand aborts the program instead
	params, err := canon.Marshal(pp)
	if err != nil {
		return SlotID{}, err
	}
	slotKey, err := c.stretch(ctx, kdf, pp)
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
	if p.Device && c.Device.Len() == 0 {
		return nil, ErrWrongSecret
	}
	key, err := c.stretch(ctx, kdf, p)
	if errors.Is(err, ErrParams) {
		return nil, tampered(err)
	}
	return key, err
}

// stretch runs argon2id, and mixes in the device secret where the slot wants it.
func (c Password) stretch(ctx context.Context, kdf *KDF, p passwordParams) (*secret.Key, error) {
	key, err := kdf.stretch(ctx, c.Secret, p.Salt[:], p.Params)
	if err != nil || !p.Device {
		return key, err
	}
	defer key.Wipe()
	return derive(key, c.Device.Bytes(), passwordDeviceInfo, KeySize)
}

// refusePassword is the answer to a password that opened nothing. It comes after at
// least one argon2id, whatever slots there are.
func (h *Header) refusePassword(ctx context.Context, kdf *KDF, c Password) error {
	tried, need := 0, false
	for _, s := range h.Slots() {
		if s.Kind != KindPassword {
			continue
		}
		if s.Device && c.Device.Len() == 0 {
			need = true
			continue
		}
		tried++
	}
	err := wrongSecret()
	if tried == 0 {
		err = kdf.decoy(ctx, c.Secret)
	}
	if need && errors.Is(err, ErrWrongSecret) {
		err = locket.Errorf(locket.CodeUnauthenticated, "the passphrase opens no such pod, or only together with its device secret; name the file of that with LOCKET_DEVICE_SECRET").
			Because(ErrWrongSecret)
	}
	return err
}
