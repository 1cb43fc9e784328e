package keyring

import (
	"context"
	"errors"
	"slices"

	"github.com/locketpod/locket/internal/secret"
)

// ErrNotKept is returned by Rotate if a slot to be kept can't be.
var ErrNotKept = errors.New("keyring: a slot can't be sealed anew without its secret")

// Rotate returns the header of the pod under newKey, a random key of [KeySize] bytes; h
// stays as it is. The slots are those of h but for the ones in drop, with the
// same ids and the same secrets. c, which may be nil, is the credential at hand; every
// other slot is sealed to its public half. One that has none, of version 1, is
// ErrNotKept unless c opens it or it is dropped.
func (h *Header) Rotate(ctx context.Context, kdf *KDF, podKey, newKey *secret.Key, c Credential, drop []SlotID) (*Header, error) {
	if err := h.verify(podKey); err != nil {
		return nil, err
	}
	to := contents{Pod: h.contents.Pod, Generation: h.next(), Epoch: h.Epoch() + 1}
	for _, s := range h.contents.Slots {
		if slices.Contains(drop, s.ID) {
			continue
		}
		sealed, err := h.reseal(ctx, kdf, podKey, newKey, c, s, to.Generation)
		if err != nil {
			return nil, err
		}
		to.Slots = append(to.Slots, sealed)
	}
	if !slices.ContainsFunc(to.Slots, slot.opens) {
		return nil, ErrLastSlot
	}
	next := &Header{}
	return next, next.write(newKey, to)
}

// reseal returns s with another pod key in it.
func (h *Header) reseal(ctx context.Context, kdf *KDF, podKey, newKey *secret.Key, c Credential, s slot, generation int64) (slot, error) {
	fresh := s
	fresh.Generation, fresh.Wrap = generation, nil
	if c != nil && s.Kind != KindOwner {
		slotKey, err := c.slotKey(ctx, kdf, h.contents.Pod, s)
		if err == nil {
			defer slotKey.Wipe()
			same, err := s.unwrap(h.contents.Pod, slotKey)
			if err == nil {
				defer same.Wipe()
				err := fresh.seal(h.contents.Pod, slotKey, newKey)
				return fresh, err
			}
		}
	}
	if len(s.Public) == 0 {
		return s, ErrNotKept
	}
	err := fresh.sealTo(h.contents.Pod, newKey)
	return fresh, err
}
