package keyring_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// A kind is one kind of slot under the tests that all kinds must pass.
type kind struct {
	name keyring.Kind
	// add adds a slot and returns what opens it.
	add func(t *testing.T, h *keyring.Header, podKey *secret.Key) (keyring.SlotID, keyring.Credential)
	// wrong returns credentials of this kind that do not open the slot.
	wrong func(t *testing.T, right keyring.Credential) []keyring.Credential
	// step thins out the bytes that are flipped one by one, for costly kinds.
	step int
}

func kinds(kdf *keyring.KDF) []kind {
	return []kind{
		{
			keyring.KindPassword,
			func(t *testing.T, h *keyring.Header, podKey *secret.Key) (keyring.SlotID, keyring.Credential) {
				id, err := h.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("correct horse")}, cheap)
				if err != nil {
					t.Fatal(err)
				}
				return id, keyring.Password{Secret: passphrase("correct horse")}
			},
			func(*testing.T, keyring.Credential) []keyring.Credential {
				return []keyring.Credential{
					keyring.Password{Secret: passphrase("correct horsf")},
					keyring.Password{Secret: passphrase("correct horse ")},
					keyring.Password{Secret: passphrase("")},
					keyring.Password{},
				}
			}, 41,
		},
		{
			keyring.KindAPIKey,
			func(t *testing.T, h *keyring.Header, podKey *secret.Key) (keyring.SlotID, keyring.Credential) {
				token := addAPIKey(t, h, podKey)
				return token.Slot, token
			},
			func(t *testing.T, right keyring.Credential) []keyring.Credential {
				h, podKey := newPod(t, right.(*keyring.Token).Pod)
				otherPod, otherSlot := addAPIKey(t, h, podKey), addAPIKey(t, h, podKey)
				otherSecret := addAPIKey(t, h, podKey)
				otherSecret.Slot = right.(*keyring.Token).Slot
				otherPod.Slot, otherPod.Pod = right.(*keyring.Token).Slot, podB
				return []keyring.Credential{otherPod, otherSlot, otherSecret}
			}, 5,
		},
		{
			keyring.KindPassword,
			func(t *testing.T, h *keyring.Header, podKey *secret.Key) (keyring.SlotID, keyring.Credential) {
				c := keyring.Password{Secret: passphrase("correct horse"), Device: keyring.NewDeviceSecret()}
				id, err := h.AddPassword(t.Context(), kdf, podKey, c, cheap)
				if err != nil {
					t.Fatal(err)
				}
				return id, c
			},
			func(t *testing.T, right keyring.Credential) []keyring.Credential {
				c := right.(keyring.Password)
				return []keyring.Credential{
					keyring.Password{Secret: c.Secret},
					keyring.Password{Secret: c.Secret, Device: keyring.NewDeviceSecret()},
					keyring.Password{Secret: passphrase("x"), Device: c.Device},
				}
			}, 61,
		},
		{
			keyring.KindOwner,
			func(t *testing.T, h *keyring.Header, podKey *secret.Key) (keyring.SlotID, keyring.Credential) {
				seed := secret.Random(32)
				id, err := h.AddOwner(podKey, public(t, seed))
				if err != nil {
					t.Fatal(err)
				}
				return id, keyring.Owner{Seed: seed}
			},
			func(*testing.T, keyring.Credential) []keyring.Credential {
				return []keyring.Credential{keyring.Owner{Seed: secret.Random(32)}, keyring.Recovery{Secret: secret.Random(32)}}
			}, 11,
		},
		{
			keyring.KindRecovery,
			func(t *testing.T, h *keyring.Header, podKey *secret.Key) (keyring.SlotID, keyring.Credential) {
				c := keyring.Recovery{Secret: secret.Random(32)}
				id, epoch, err := h.AddRecovery(podKey, c.Secret)
				if err != nil || epoch != h.Generation() {
					t.Fatal(epoch, err)
				}
				return id, c
			},
			func(_ *testing.T, right keyring.Credential) []keyring.Credential {
				return []keyring.Credential{
					keyring.Recovery{Secret: secret.Random(32)},
					keyring.Machine{Secret: right.(keyring.Recovery).Secret},
				}
			}, 5,
		},
		{
			keyring.KindKeyring,
			func(t *testing.T, h *keyring.Header, podKey *secret.Key) (keyring.SlotID, keyring.Credential) {
				c := keyring.Machine{Secret: secret.Random(32)}
				id, err := h.AddMachine(podKey, c.Secret, "kernel")
				if err != nil {
					t.Fatal(err)
				}
				return id, c
			},
			func(_ *testing.T, right keyring.Credential) []keyring.Credential {
				return []keyring.Credential{
					keyring.Machine{Secret: secret.Random(32)},
					keyring.Recovery{Secret: right.(keyring.Machine).Secret},
				}
			}, 5,
		},
	}
}

// public returns the public half of an owner's key.
func public(t *testing.T, seed *secret.Key) []byte {
	t.Helper()
	b, err := agekey.Public(seed)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameSlot compares what all kinds have.
func sameSlot(a, b keyring.SlotInfo) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.Generation == b.Generation && a.Renewable == b.Renewable && a.Opens == b.Opens
}

func TestSlotKinds(t *testing.T) {
	kdf := keyring.NewKDF(2)
	for _, k := range kinds(kdf) {
		t.Run(string(k.name), func(t *testing.T) {
			h, podKey := newPod(t, podA)
			addAPIKey(t, h, podKey) // a neighbour before
			id, c := k.add(t, h, podKey)
			addAPIKey(t, h, podKey) // and after
			before := unmarshal[body](t, unmarshal[file](t, encode(t, h)).Body).Slots[1]
			t.Run("opens", func(t *testing.T) {
				got, gotID, err := parse(t, encode(t, h)).Open(t.Context(), kdf, c)
				if err != nil || !got.Equal(podKey) || gotID != id {
					t.Errorf("got %s, %v, want %s", gotID, err, id)
				}
			})
			t.Run("names its kind", func(t *testing.T) {
				if got, want := h.Slots()[1], (keyring.SlotInfo{ID: id, Kind: k.name, Generation: 2, Renewable: true, Opens: true}); !sameSlot(got, want) {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
			t.Run("refuses the wrong secret", func(t *testing.T) {
				for i, wrong := range k.wrong(t, c) {
					refused(t, h, kdf, wrong, locket.CodeUnauthenticated, i)
				}
			})
			t.Run("is bound to all its fields", func(t *testing.T) { testBinding(t, kdf, h, podKey, c) })
			t.Run("is bound to its pod", func(t *testing.T) {
				other, otherKey := newPod(t, podB)
				addAPIKey(t, other, otherKey)
				moved := alter(t, other, otherKey, func(b *body) { b.Slots = append(b.Slots, before); b.Gen = 9 })
				refused(t, parse(t, moved), kdf, c, locket.CodeUnauthenticated, "moved")
			})
			t.Run("never opens when a byte is flipped", func(t *testing.T) { testFlips(t, kdf, k) })
			t.Run("stays as it is when others come and go", func(t *testing.T) {
				if err := h.Remove(podKey, h.Slots()[0].ID); err != nil {
					t.Fatal(err)
				}
				after := unmarshal[body](t, unmarshal[file](t, encode(t, h)).Body).Slots[0]
				if !reflect.DeepEqual(after, before) {
					t.Errorf("got %+v, want %+v", after, before)
				}
				if got, _, err := h.Open(t.Context(), kdf, c); err != nil || !got.Equal(podKey) {
					t.Errorf("got %v", err)
				}
			})
			t.Run("follows a rotation without its secret", func(t *testing.T) { testRotated(t, kdf, h, podKey, nil, id, c) })
			t.Run("follows a rotation with its secret", func(t *testing.T) { testRotated(t, kdf, h, podKey, c, id, c) })
			t.Run("opens nothing once removed", func(t *testing.T) {
				if err := h.Remove(podKey, id); err != nil {
					t.Fatal(err)
				}
				refused(t, h, keyring.NewKDF(1), c, locket.CodeUnauthenticated, "removed")
			})
		})
	}
}

// refused fails unless opening fails with the code and gives no key.
func refused(t *testing.T, h *keyring.Header, kdf *keyring.KDF, c keyring.Credential, want locket.Code, what any) {
	t.Helper()
	key, _, err := h.Open(t.Context(), kdf, c)
	if locket.CodeOf(err) != want || key != nil {
		t.Errorf("%v: got %v (%s), want %s", what, err, locket.CodeOf(err), want)
	}
	sentinel := map[locket.Code]error{locket.CodeUnauthenticated: keyring.ErrWrongSecret, locket.CodeTampered: keyring.ErrTampered}[want]
	if !errors.Is(err, sentinel) {
		t.Errorf("%v: %v does not wrap %v", what, err, sentinel)
	}
}

// testBinding alters the slot and makes the header's MAC fit again, so that only
// the slot's own associated data is left to notice.
func testBinding(t *testing.T, kdf *keyring.KDF, h *keyring.Header, podKey *secret.Key, c keyring.Credential) {
	otherPublic := public(t, secret.Random(32))
	for what, change := range map[string]func(*slot){
		"generation": func(s *slot) { s.Gen = 1 },
		"box":        func(s *slot) { s.Sealed[len(s.Sealed)-1] ^= 1 },
		"commitment": func(s *slot) { s.Sealed[30] ^= 1 },
		"box cut":    func(s *slot) { s.Sealed = s.Sealed[:20] },
		"no box":     func(s *slot) { s.Sealed = nil },
		"id":         func(s *slot) { s.ID[0] ^= 1 },
		"kind":       func(s *slot) { s.Kind = "future" },
		"public":     func(s *slot) { s.Public = otherPublic },
		"wrap":       func(s *slot) { s.Wrap = append(bytes.Clone(s.Wrap), 1) },
	} {
		credential := c
		if token, ok := c.(*keyring.Token); ok && what == "id" { // let it name the altered id
			follows := *token
			follows.Slot[0] ^= 1
			credential = &follows
		}
		bad := parse(t, alter(t, h, podKey, func(b *body) { change(&b.Slots[1]) }))
		refused(t, bad, kdf, credential, locket.CodeUnauthenticated, what)
	}
	bad := parse(t, alter(t, h, podKey, func(b *body) { b.Slots[1].Params = append(b.Slots[1].Params, 0) }))
	if key, _, err := bad.Open(t.Context(), kdf, c); err == nil || key != nil {
		t.Errorf("parameters: got %v", err)
	}
}

// testFlips flips one bit of each byte of a header.
func testFlips(t *testing.T, kdf *keyring.KDF, k kind) {
	h, podKey := newPod(t, podA)
	_, c := k.add(t, h, podKey)
	good := encode(t, h)
	step := k.step
	if testing.Short() {
		step *= 5
	}
	for i := 0; i < len(good); i += step {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		h, err := keyring.Parse(bad)
		var key *secret.Key
		if err == nil {
			key, _, err = h.Open(t.Context(), kdf, c)
		}
		switch code := locket.CodeOf(err); {
		case key != nil:
			t.Errorf("byte %d: opened", i)
		case code != locket.CodeTampered && code != locket.CodeUnauthenticated && code != locket.CodeNewer:
			t.Errorf("byte %d: %v (%s)", i, err, code)
		}
	}
}

func TestPasswordParams(t *testing.T) {
	kdf := keyring.NewKDF(1)
	h, podKey := newPod(t, podA)
	for _, p := range []keyring.Params{
		{},
		{Memory: cheap.Memory - 1, Passes: 2, Lanes: 1},
		{Memory: cheap.Memory, Passes: 1, Lanes: 1},
		{Memory: cheap.Memory, Passes: 2},
		{Memory: 1<<20 + 1, Passes: 2, Lanes: 1},
		{Memory: cheap.Memory, Passes: 11, Lanes: 1},
		{Memory: cheap.Memory, Passes: 2, Lanes: 17},
	} {
		if _, err := h.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("x")}, p); !errors.Is(err, keyring.ErrParams) {
			t.Errorf("%+v: got %v", p, err)
		}
	}
	if h.Generation() != 0 || len(h.Slots()) != 0 {
		t.Errorf("failures changed the header: generation %d, %d slots", h.Generation(), len(h.Slots()))
	}
}

// A header is read before it is authenticated, so costs out of bounds are
// refused without being paid: a KDF without turns would wait for ever.
func TestAlteredParamsAreNotPaid(t *testing.T) {
	kdf := keyring.NewKDF(1)
	h, podKey := newPod(t, podA)
	if _, err := h.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("x")}, cheap); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*argon2id){
		"memory low":  func(p *argon2id) { p.Memory = 8 },
		"memory high": func(p *argon2id) { p.Memory = 1 << 30 },
		"passes low":  func(p *argon2id) { p.Passes = 1 },
		"passes high": func(p *argon2id) { p.Passes = 1 << 30 },
		"no lanes":    func(p *argon2id) { p.Lanes = 0 },
		"many lanes":  func(p *argon2id) { p.Lanes = 255 },
		"more lanes":  func(p *argon2id) { p.Lanes = 256 },
		"negative":    func(p *argon2id) { p.Passes = -1 },
	} {
		bad := parse(t, alter(t, h, podKey, func(b *body) {
			p := unmarshal[argon2id](t, b.Slots[0].Params)
			change(&p)
			b.Slots[0].Params = marshal(t, p)
		}))
		refused(t, bad, keyring.NewKDF(0), keyring.Password{Secret: passphrase("x")}, locket.CodeTampered, what)
	}
	for what, change := range map[string]func(*argon2id){
		"costlier":   func(p *argon2id) { p.Passes++ },
		"other salt": func(p *argon2id) { p.Salt[0] ^= 1 },
	} {
		bad := parse(t, alter(t, h, podKey, func(b *body) {
			p := unmarshal[argon2id](t, b.Slots[0].Params)
			change(&p)
			b.Slots[0].Params = marshal(t, p)
		}))
		refused(t, bad, kdf, keyring.Password{Secret: passphrase("x")}, locket.CodeUnauthenticated, what)
	}
}

// An API key needs no argon2id: it opens without a KDF.
func TestAPIKeyNeedsNoKDF(t *testing.T) {
	h, podKey := newPod(t, podA)
	if _, err := h.AddPassword(t.Context(), keyring.NewKDF(1), podKey, keyring.Password{Secret: passphrase("x")}, cheap); err != nil {
		t.Fatal(err)
	}
	token := addAPIKey(t, h, podKey)
	if got, _, err := h.Open(t.Context(), nil, token); err != nil || !got.Equal(podKey) {
		t.Errorf("got %v", err)
	}
	token.Wipe()
	if _, _, err := h.Open(t.Context(), nil, token); err == nil {
		t.Error("a wiped token opens")
	}
}

func BenchmarkOpenAPIKey(b *testing.B) {
	h, podKey := newPod(b, podA)
	token := addAPIKey(b, h, podKey)
	for b.Loop() {
		key, _, err := h.Open(b.Context(), nil, token)
		if err != nil {
			b.Fatal(err)
		}
		key.Wipe()
	}
}

func BenchmarkOpenPassword(b *testing.B) {
	kdf := keyring.NewKDF(1)
	h, podKey := newPod(b, podA)
	if _, err := h.AddPassword(b.Context(), kdf, podKey, keyring.Password{Secret: passphrase("x")}, keyring.DefaultParams()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		key, _, err := h.Open(b.Context(), kdf, keyring.Password{Secret: passphrase("x")})
		if err != nil {
			b.Fatal(err)
		}
		key.Wipe()
	}
}
