package keyring

import (
	"context"
	"errors"
	"slices"

	"github.com/locketpod/locket/internal/secret"
)

// SlotInfo is what is public about a slot.
type SlotInfo struct {
	ID         SlotID
	Kind       Kind
	Generation int64  // of the header when the slot was sealed
	Renewable  bool   // it can be sealed to another pod key without its secret
	Opens      bool   // this version knows its kind
	Device     bool   // of a password: the device secret is needed, too
	Epoch      int64  // of a recovery slot: which recovery secret; else 0
	Store      string // of a keyring slot: where its secret is kept; else ""
}

// Slots lists the slots in the order they were added, those of unknown kinds too.
func (h *Header) Slots() []SlotInfo {
	infos := make([]SlotInfo, len(h.contents.Slots))
	for i, s := range h.contents.Slots {
		infos[i] = s.info()
	}
	return infos
}

// Open returns the pod key, which the caller wipes, and the slot that gave it.
// Its error has CodeUnauthenticated and wraps ErrWrongSecret if no slot fits, and
// CodeTampered if a slot fits but the header is not what was written. kdf is used
// for passwords only.
func (h *Header) Open(ctx context.Context, kdf *KDF, c Credential) (*secret.Key, SlotID, error) {
	for _, s := range h.contents.Slots {
		podKey, err := h.openSlot(ctx, kdf, c, s)
		if errors.Is(err, ErrWrongSecret) {
			continue
		}
		return podKey, s.ID, err
	}
	if p, ok := c.(Password); ok {
		return nil, SlotID{}, h.refusePassword(ctx, kdf, p)
	}
	return nil, SlotID{}, wrongSecret()
}

func (h *Header) openSlot(ctx context.Context, kdf *KDF, c Credential, s slot) (*secret.Key, error) {
	slotKey, err := c.slotKey(ctx, kdf, h.contents.Pod, s)
	if err != nil {
		return nil, err
	}
	defer slotKey.Wipe()
	podKey, err := s.unwrap(h.contents.Pod, slotKey)
	if err != nil {
		return nil, err
	}
	if err := h.verify(podKey); err != nil {
		podKey.Wipe()
		return nil, err
	}
	return podKey, nil
}

// Remove removes a slot. The header must be saved afterwards.
func (h *Header) Remove(podKey *secret.Key, id SlotID) error {
	if err := h.verify(podKey); err != nil {
		return err
	}
	i := h.find(id)
	if i < 0 {
		return ErrNoSlot
	}
	c := h.contents
	c.Generation = h.next()
	c.Slots = slices.Delete(slices.Clone(c.Slots), i, i+1)
	if !slices.ContainsFunc(c.Slots, slot.opens) {
		return ErrLastSlot
	}
	return h.write(podKey, c)
}

func (h *Header) find(id SlotID) int {
	return slices.IndexFunc(h.contents.Slots, func(s slot) bool { return s.ID == id })
}

// add seals the pod key into s and adds it.
func (h *Header) add(podKey, slotKey *secret.Key, s slot) (SlotID, error) {
	if err := h.verify(podKey); err != nil {
		return SlotID{}, err
	}
	if len(h.contents.Slots) >= maxSlots {
		return SlotID{}, ErrTooManySlots
	}
	c := h.contents
	c.Generation = h.next()
	s.Generation = c.Generation
	if err := s.seal(c.Pod, slotKey, podKey); err != nil {
		return SlotID{}, err
	}
	c.Slots = append(slices.Clone(c.Slots), s)
	return s.ID, h.write(podKey, c)
}

func (h *Header) count(k Kind) int {
	n := 0
	for _, s := range h.contents.Slots {
		if s.Kind == k {
			n++
		}
	}
	return n
}
