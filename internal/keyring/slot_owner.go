package keyring

import (
	"context"
	"slices"

	"github.com/locketpod/locket/internal/secret"
)

// An Owner is the secret half of a key pair that never leaves the owner's device: the
// seed of a hybrid age identity (package agekey), 32 bytes. Whoever made the Seed wipes
// it.
type Owner struct{ Seed *secret.Key }

// AddOwner adds a slot for the holder of the secret half of public, a hybrid age
// recipient, who need not be here. The header must be saved afterwards.
func (h *Header) AddOwner(podKey *secret.Key, public []byte) (SlotID, error) {
	if err := h.verify(podKey); err != nil {
		return SlotID{}, err
	}
	if len(h.contents.Slots) >= maxSlots || h.count(KindOwner) >= maxTried {
		return SlotID{}, ErrTooManySlots
	}
	c := h.contents
	c.Generation = h.next()
	s := slot{ID: newSlotID(), Kind: KindOwner, Generation: c.Generation, Public: public}
	if err := s.sealTo(c.Pod, podKey); err != nil {
		return SlotID{}, err
	}
	c.Slots = append(slices.Clone(c.Slots), s)
	return s.ID, h.write(podKey, c)
}

func (c Owner) slotKey(_ context.Context, _ *KDF, _ [16]byte, s slot) (*secret.Key, error) {
	if s.Kind != KindOwner {
		return nil, ErrWrongSecret
	}
	return c.Seed.Clone(), nil
}
