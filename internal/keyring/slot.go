package keyring

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/canon"
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
	KindOwner    Kind = "owner"    // a key pair of which the owner's device has the secret half
	KindRecovery Kind = "recovery" // a random secret on paper, whole or in shares
	KindKeyring  Kind = "keyring"  // a random secret in the machine's key store
)

// A Credential is what opens slots of one kind: a [Password], an API key
// ([*Token]), an [Owner]'s key, a [Recovery] secret or one of a [Machine]. A new kind
// of slot is a new type with this method.
type Credential interface {
	// slotKey derives the key that seals s, or would if the secret were right. It
	// returns ErrWrongSecret if s is not for this credential, so that the next slot
	// is tried; any other error is final.
	slotKey(ctx context.Context, kdf *KDF, pod [16]byte, s slot) (*secret.Key, error)
}

var (
	_ Credential = Password{}
	_ Credential = (*Token)(nil)
	_ Credential = Owner{}
	_ Credential = Recovery{}
	_ Credential = Machine{}
)

// A slot is the pod key, sealed for one credential. All kinds have this form, so
// that those of later versions survive in the hands of this one.
//
// The credential's key seals the box itself, or, where Wrap is set, opens Wrap, which
// holds the key of the box and was made for Public without the credential: so every
// slot follows when the pod key is changed. Slots of version 1 have neither.
type slot struct {
	ID         SlotID `cbor:"id"`
	Kind       Kind   `cbor:"kind"`
	Generation int64  `cbor:"gen"`              // of the header when the slot was sealed
	Params     []byte `cbor:"params"`           // public parameters of the kind, in its own form
	Public     []byte `cbor:"public,omitempty"` // half of the credential's key pair
	Wrap       []byte `cbor:"wrap,omitempty"`   // HPKE, to Public, with the key of the box
	Sealed     []byte `cbor:"sealed"`           // box with the pod key
}

const maxParamsSize = 4 << 10 // longest params and longest box of a slot, in bytes

func (s slot) check(version int64) error {
	if s.Kind == "" || len(s.Kind) > 32 || s.Generation < 1 || len(s.Params) > maxParamsSize || len(s.Sealed) > maxParamsSize ||
		len(s.Public) != 0 && len(s.Public) != agekey.PublicSize || len(s.Wrap) > maxParamsSize ||
		len(s.Wrap) > 0 && len(s.Public) == 0 || version == 1 && len(s.Public) > 0 {
		return fmt.Errorf("slot %s: malformed", s.ID)
	}
	return nil
}

func (s slot) opens() bool {
	switch s.Kind {
	case KindPassword, KindAPIKey, KindOwner, KindRecovery, KindKeyring:
		return true
	}
	return false
}

func (s slot) info() SlotInfo {
	i := SlotInfo{ID: s.ID, Kind: s.Kind, Generation: s.Generation, Renewable: len(s.Public) > 0, Opens: s.opens()}
	switch s.Kind {
	case KindPassword:
		var p passwordParams
		i.Device = canon.Unmarshal(s.Params, &p) == nil && p.Device
	case KindRecovery:
		var p recoveryParams
		if canon.Unmarshal(s.Params, &p) == nil {
			i.Epoch = p.Epoch
		}
	case KindKeyring:
		var p machineParams
		if canon.Unmarshal(s.Params, &p) == nil {
			i.Store = p.Store
		}
	}
	return i
}

func newSlotID() SlotID {
	var id SlotID
	_, _ = rand.Read(id[:]) // never fails: crypto/rand aborts the program instead
	return id
}

// ad is all that a slot's box is bound to. A slot of version 1 keeps its form until it
// is sealed again.
func (s slot) ad(pod [16]byte) ([]byte, error) {
	version := int64(HeaderVersion)
	if len(s.Public) == 0 {
		version = 1
	}
	return canon.Marshal(struct {
		Version    int64    `cbor:"v"`
		Pod        [16]byte `cbor:"pod"`
		ID         SlotID   `cbor:"id"`
		Kind       Kind     `cbor:"kind"`
		Generation int64    `cbor:"gen"`
		Params     []byte   `cbor:"params"`
		Public     []byte   `cbor:"public,omitempty"`
		Wrap       []byte   `cbor:"wrap,omitempty"`
	}{version, pod, s.ID, s.Kind, s.Generation, s.Params, s.Public, s.Wrap})
}
