package keyring_test

import (
	"errors"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// testRotated rotates twice, the second time from slots that were sealed to their public
// half, and opens what comes out with the same credential.
func testRotated(t *testing.T, kdf *keyring.KDF, h *keyring.Header, podKey *secret.Key, hand keyring.Credential, id keyring.SlotID, c keyring.Credential) {
	old := parse(t, encode(t, h))
	h = old
	for round := range 2 {
		newKey := secret.Random(32)
		next, err := h.Rotate(t.Context(), kdf, podKey, newKey, hand, nil)
		if err != nil {
			t.Fatal(err)
		}
		next = parse(t, encode(t, next))
		if next.Epoch() != h.Epoch()+1 || next.Generation() != h.Generation()+1 || next.Pod() != h.Pod() {
			t.Errorf("epoch %d, generation %d after %d and %d", next.Epoch(), next.Generation(), h.Epoch(), h.Generation())
		}
		got, opened, err := next.Open(t.Context(), kdf, c)
		if err != nil || opened != id || !got.Equal(newKey) || got.Equal(podKey) {
			t.Fatalf("round %d: slot %s, %v", round, opened, err)
		}
		if n := len(next.Slots()); n != len(h.Slots()) {
			t.Errorf("%d slots of %d", n, len(h.Slots()))
		}
		refused(t, alterSlot(t, next, newKey, id, func(s *slot) {
			if len(s.Wrap) > 0 {
				s.Wrap[40] ^= 1
			} else {
				s.Sealed[40] ^= 1
			}
		}), kdf, c, locket.CodeUnauthenticated, "altered")
		h, podKey = next, newKey
	}
	if got, _, err := old.Open(t.Context(), kdf, c); err != nil || got.Equal(podKey) {
		t.Errorf("the old header: %v, or it gives the new key", err)
	}
}

func alterSlot(t *testing.T, h *keyring.Header, podKey *secret.Key, id keyring.SlotID, change func(*slot)) *keyring.Header {
	return parse(t, alter(t, h, podKey, func(b *body) {
		for i := range b.Slots {
			if b.Slots[i].ID == id {
				change(&b.Slots[i])
			}
		}
	}))
}

func TestRotateDrops(t *testing.T) {
	h, podKey := newPod(t, podA)
	kept, gone := addAPIKey(t, h, podKey), addAPIKey(t, h, podKey)
	next, err := h.Rotate(t.Context(), nil, podKey, secret.Random(32), kept, []keyring.SlotID{gone.Slot})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, next, nil, gone, locket.CodeUnauthenticated, "dropped")
	if _, _, err := next.Open(t.Context(), nil, kept); err != nil {
		t.Error(err)
	}
	if _, err := h.Rotate(t.Context(), nil, podKey, secret.Random(32), kept, []keyring.SlotID{gone.Slot, kept.Slot}); !errors.Is(err, keyring.ErrLastSlot) {
		t.Errorf("dropped all: %v", err)
	}
	if _, err := h.Rotate(t.Context(), nil, secret.Random(32), secret.Random(32), kept, nil); !errors.Is(err, keyring.ErrTampered) {
		t.Errorf("without the pod key: %v", err)
	}
}

// A header of version 1 opens, keeps its slots when it is changed, and loses none of them
// unasked when it is rotated.
func TestVersion1(t *testing.T) {
	v := vectors(t, "headers.txt")[2] // a password and an API key
	kdf := keyring.NewKDF(1)
	h := parse(t, unhex(t, v.words[0]))
	if h.Epoch() != 1 {
		t.Errorf("epoch %d", h.Epoch())
	}
	token := credential(t, v.words[1])
	podKey, _, err := h.Open(t.Context(), nil, token)
	if err != nil {
		t.Fatal(err)
	}
	addAPIKey(t, h, podKey)
	h = parse(t, encode(t, h))
	if f := unmarshal[file](t, encode(t, h)); f.V != 2 {
		t.Errorf("written as version %d", f.V)
	}
	password := keyring.Password{Secret: passphrase("correct horse")}
	for _, c := range []keyring.Credential{token, password} {
		if got, _, err := h.Open(t.Context(), kdf, c); err != nil || !got.Equal(podKey) {
			t.Fatalf("%T: %v", c, err)
		}
	}
	newKey := secret.Random(32)
	if _, err := h.Rotate(t.Context(), kdf, podKey, newKey, token, nil); !errors.Is(err, keyring.ErrNotKept) {
		t.Errorf("the password was not at hand: %v", err)
	}
	id := h.Slots()[0].ID
	next, err := h.Rotate(t.Context(), kdf, podKey, newKey, token, []keyring.SlotID{id})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := next.Open(t.Context(), nil, token); err != nil || !got.Equal(newKey) {
		t.Error(err)
	}
}

// A password that can't be guessed without the device secret says what is missing.
func TestDeviceSecretIsAskedFor(t *testing.T) {
	kdf := keyring.NewKDF(1)
	h, podKey := newPod(t, podA)
	device := keyring.NewDeviceSecret()
	if _, err := h.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("x"), Device: device}, cheap); err != nil {
		t.Fatal(err)
	}
	_, _, err := h.Open(t.Context(), kdf, keyring.Password{Secret: passphrase("x")})
	if !errors.Is(err, keyring.ErrWrongSecret) || locket.MessageOf(err) == locket.MessageOf(wrongPassword(t)) {
		t.Errorf("got %v", err)
	}
	back, err := keyring.ParseDevice(keyring.DeviceText(device).Bytes())
	if err != nil || !back.Equal(device) {
		t.Errorf("read back: %v", err)
	}
	text := keyring.DeviceText(device).Bytes()
	text[5] ^= 1
	if _, err := keyring.ParseDevice(text); err == nil {
		t.Error("mistyped, and read")
	}
}

func wrongPassword(t *testing.T) error {
	_, _, err := new(keyring.Header).Open(t.Context(), keyring.NewKDF(1), keyring.Password{Secret: passphrase("x")})
	return err
}

func BenchmarkOpenWrapped(b *testing.B) {
	h, podKey := newPod(b, podA)
	token := addAPIKey(b, h, podKey)
	h, err := h.Rotate(b.Context(), nil, podKey, secret.Random(32), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		key, _, err := h.Open(b.Context(), nil, token)
		if err != nil {
			b.Fatal(err)
		}
		key.Wipe()
	}
}
