package keyring

import (
	"context"

	"github.com/locketpod/locket/internal/secret"
)

const apiKeyInfo = "locket/v1/slot/apikey" // HKDF info of API-key slots

// AddAPIKey adds a slot and returns the one API key that opens it, which the
// caller wipes. The header must be saved before the key is given out.
func (h *Header) AddAPIKey(podKey *secret.Key) (SlotID, *Token, error) {
	t := &Token{Pod: h.Pod(), Slot: newSlotID(), secret: secret.Random(tokenSecretSize)}
	s := slot{ID: t.Slot, Kind: KindAPIKey}
	slotKey, err := t.stretch(h.contents.Pod)
	if err != nil {
		t.Wipe()
		return SlotID{}, nil, err
	}
	defer slotKey.Wipe()
	if _, err := h.add(podKey, slotKey, s); err != nil {
		t.Wipe()
		return SlotID{}, nil, err
	}
	return t.Slot, t, nil
}

func (t *Token) slotKey(_ context.Context, _ *KDF, pod [16]byte, s slot) (*secret.Key, error) {
	if s.Kind != KindAPIKey || s.ID != t.Slot {
		return nil, ErrWrongSecret
	}
	return t.stretch(pod)
}

// stretch needs no cost: the secret is random.
func (t *Token) stretch(pod [16]byte) (*secret.Key, error) {
	return derive(t.secret, pod[:], apiKeyInfo, KeySize)
}
