package keyring

import (
	"context"
	"fmt"

	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/secret"
)

// HKDF infos of the slots whose secret is random and needs no stretching.
const (
	apiKeyInfo   = "locket/v1/slot/apikey"
	recoveryInfo = "locket/v1/slot/recovery"
	machineInfo  = "locket/v1/slot/keyring"
)

// SecretSize is the length in bytes of the random secrets of recovery and keyring slots.
const SecretSize = 32

// NewSecret draws such a secret, which the caller wipes.
func NewSecret() *secret.Key { return secret.Random(SecretSize) }

// maxTried bounds how many slots of one kind one secret is tried on.
const maxTried = 8

// AddAPIKey adds a slot and returns the one API key that opens it, which the
// caller wipes. The header must be saved before the key is given out.
func (h *Header) AddAPIKey(podKey *secret.Key) (SlotID, *Token, error) {
	t := &Token{Pod: h.Pod(), Slot: newSlotID(), secret: secret.Random(tokenSecretSize)}
	id, err := h.addRandom(podKey, t.secret, apiKeyInfo, slot{ID: t.Slot, Kind: KindAPIKey})
	if err != nil {
		t.Wipe()
		return SlotID{}, nil, err
	}
	return id, t, nil
}

func (t *Token) slotKey(_ context.Context, _ *KDF, pod [16]byte, s slot) (*secret.Key, error) {
	if s.Kind != KindAPIKey || s.ID != t.Slot {
		return nil, ErrWrongSecret
	}
	return derive(t.secret, pod[:], apiKeyInfo, KeySize)
}

// A Recovery is the secret that a paper key or enough shares give. Whoever made the
// Secret, of [SecretSize] bytes, wipes it.
type Recovery struct{ Secret *secret.Key }

type recoveryParams struct {
	Epoch int64 `cbor:"epoch"` // tells the recovery secrets of a pod apart: of later ones it is larger
}

// AddRecovery adds a slot for a recovery secret. The epoch, which is to be printed on
// what holds the secret, is the generation that the header gets with it: later
// ones have a larger one. The header must be saved afterwards.
func (h *Header) AddRecovery(podKey, recovery *secret.Key) (id SlotID, epoch int64, err error) {
	epoch = h.next()
	id, err = h.addFew(podKey, recovery, recoveryInfo, KindRecovery, recoveryParams{epoch})
	return id, epoch, err
}

func (c Recovery) slotKey(_ context.Context, _ *KDF, pod [16]byte, s slot) (*secret.Key, error) {
	if s.Kind != KindRecovery {
		return nil, ErrWrongSecret
	}
	return derive(c.Secret, pod[:], recoveryInfo, KeySize)
}

// A Machine is a secret that a machine keeps for itself, so that its owner's commands
// need ask nobody. Whoever made the Secret, of [SecretSize] bytes, wipes it.
type Machine struct{ Secret *secret.Key }

type machineParams struct {
	Store string `cbor:"store"` // where the secret is kept
}

// AddMachine adds a slot for a secret that is kept in the named store. The header must
// be saved afterwards.
func (h *Header) AddMachine(podKey, kept *secret.Key, store string) (SlotID, error) {
	return h.addFew(podKey, kept, machineInfo, KindKeyring, machineParams{store})
}

func (c Machine) slotKey(_ context.Context, _ *KDF, pod [16]byte, s slot) (*secret.Key, error) {
	if s.Kind != KindKeyring {
		return nil, ErrWrongSecret
	}
	return derive(c.Secret, pod[:], machineInfo, KeySize)
}

func (h *Header) addFew(podKey, random *secret.Key, info string, k Kind, params any) (SlotID, error) {
	if h.count(k) >= maxTried {
		return SlotID{}, ErrTooManySlots
	}
	p, err := canon.Marshal(params)
	if err != nil {
		return SlotID{}, err
	}
	return h.addRandom(podKey, random, info, slot{ID: newSlotID(), Kind: k, Params: p})
}

func (h *Header) addRandom(podKey, random *secret.Key, info string, s slot) (SlotID, error) {
	if random.Len() != SecretSize {
		return SlotID{}, fmt.Errorf("keyring: a secret of %d bytes, not %d", random.Len(), SecretSize)
	}
	slotKey, err := derive(random, h.contents.Pod[:], info, KeySize)
	if err != nil {
		return SlotID{}, err
	}
	defer slotKey.Wipe()
	return h.add(podKey, slotKey, s)
}
