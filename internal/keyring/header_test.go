package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

func TestHeaderSaveAndLoad(t *testing.T) {
	root, dir := openRoot(t)
	kdf := keyring.NewKDF(1)
	h, podKey := newPod(t, podA)
	id, err := h.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("x")}, cheap)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := h.AddAPIKey(podKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Save(root); err != nil {
		t.Fatal(err)
	}
	got, err := keyring.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []keyring.SlotInfo{
		{ID: id, Kind: keyring.KindPassword, Generation: 1, Renewable: true, Opens: true},
		{ID: token.Slot, Kind: keyring.KindAPIKey, Generation: 1, Renewable: true, Opens: true},
	}
	if got.Pod() != podA || got.Generation() != 1 || !reflect.DeepEqual(got.Slots(), want) {
		t.Errorf("got %s, generation %d, %+v, want %+v", got.Pod(), got.Generation(), got.Slots(), want)
	}
	if key, slot, err := got.Open(t.Context(), kdf, keyring.Password{Secret: passphrase("x")}); err != nil || slot != id || !key.Equal(podKey) {
		t.Errorf("got slot %s, %v", slot, err)
	}
	if runtime.GOOS == "windows" {
		return // no modes
	}
	if info, err := os.Stat(filepath.Join(dir, "header")); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// However much is changed at once, the generation rises by one with each time it is saved.
func TestGenerationCountsSaves(t *testing.T) {
	root, _ := openRoot(t)
	h, podKey := newPod(t, podA)
	for want := range int64(3) {
		_, token, err := h.AddAPIKey(podKey)
		if err != nil {
			t.Fatal(err)
		}
		_, epoch, err1 := h.AddRecovery(podKey, secret.Random(32))
		_, err2 := h.AddOwner(podKey, public(t, secret.Random(32)))
		err = errors.Join(err1, err2, h.Remove(podKey, token.Slot))
		if err != nil || h.Generation() != want+1 || epoch != want+1 {
			t.Errorf("generation %d, epoch %d, %v, want %d", h.Generation(), epoch, err, want+1)
		}
		if err := h.Save(root); err != nil {
			t.Fatal(err)
		}
		if want == 1 { // the next time from what the disk has
			if h, err = keyring.Load(root); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The header is public: neither key nor secret may stand in it.
func TestHeaderHoldsNoSecret(t *testing.T) {
	h, podKey := newPod(t, podA)
	if _, err := h.AddPassword(t.Context(), keyring.NewKDF(1), podKey, keyring.Password{Secret: passphrase("correct horse")}, cheap); err != nil {
		t.Fatal(err)
	}
	token := addAPIKey(t, h, podKey)
	data := encode(t, h)
	for what, s := range map[string][]byte{"pod key": podKey.Bytes(), "password": []byte("correct"), "API key": token.Text().Bytes()[60:80]} {
		if bytes.Contains(data, s) {
			t.Errorf("%s in the header", what)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	h, podKey := newPod(t, podA)
	token := addAPIKey(t, h, podKey)
	good := encode(t, h)
	f := unmarshal[file](t, good)
	newer, older := f, f
	newer.V, older.V = 3, 0
	with := func(change func(*body)) []byte { return alter(t, h, podKey, change) }
	for what, tt := range map[string]struct {
		data []byte
		want locket.Code
	}{
		"nothing":          {nil, locket.CodeTampered},
		"cut":              {good[:len(good)-1], locket.CodeTampered},
		"continued":        {append(bytes.Clone(good), 0), locket.CodeTampered},
		"too long":         {make([]byte, 256<<10+1), locket.CodeTampered},
		"newer":            {marshal(t, newer), locket.CodeNewer},
		"version 0":        {marshal(t, older), locket.CodeTampered},
		"more fields":      {marshal(t, map[string]any{"v": 2, "body": f.Body, "mac": f.MAC[:], "x": 1}), locket.CodeTampered},
		"MAC too short":    {marshal(t, map[string]any{"v": 2, "body": f.Body, "mac": f.MAC[:31]}), locket.CodeTampered},
		"no slots":         {with(func(b *body) { b.Slots = nil }), locket.CodeTampered},
		"too many slots":   {with(func(b *body) { b.Slots = slots(65, "future") }), locket.CodeTampered},
		"many passwords":   {with(func(b *body) { b.Slots = slots(5, "password") }), locket.CodeTampered},
		"slot twice":       {with(func(b *body) { b.Slots = append(b.Slots, b.Slots[0]) }), locket.CodeTampered},
		"generation 0":     {with(func(b *body) { b.Gen = 0 }), locket.CodeTampered},
		"slot newer":       {with(func(b *body) { b.Slots[0].Gen = 2 }), locket.CodeTampered},
		"slot too old":     {with(func(b *body) { b.Slots[0].Gen = 0 }), locket.CodeTampered},
		"no kind":          {with(func(b *body) { b.Slots[0].Kind = "" }), locket.CodeTampered},
		"kind too long":    {with(func(b *body) { b.Slots[0].Kind = strings.Repeat("k", 33) }), locket.CodeTampered},
		"params too long":  {with(func(b *body) { b.Slots[0].Params = make([]byte, 4<<10+1) }), locket.CodeTampered},
		"sealed too long":  {with(func(b *body) { b.Slots[0].Sealed = make([]byte, 4<<10+1) }), locket.CodeTampered},
		"no epoch":         {with(func(b *body) { b.Epoch = 0 }), locket.CodeTampered},
		"negative epoch":   {with(func(b *body) { b.Epoch = -1 }), locket.CodeTampered},
		"public cut":       {with(func(b *body) { b.Slots[0].Public = b.Slots[0].Public[1:] }), locket.CodeTampered},
		"wrap too long":    {with(func(b *body) { b.Slots[0].Wrap = make([]byte, 4<<10+1) }), locket.CodeTampered},
		"wrap for nobody":  {with(func(b *body) { b.Slots[0].Public, b.Slots[0].Wrap = nil, []byte{1} }), locket.CodeTampered},
		"64 slots are few": {with(func(b *body) { b.Slots = slots(64, "future") }), ""},
	} {
		root, dir := openRoot(t)
		if err := os.WriteFile(filepath.Join(dir, "header"), tt.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.Load(root)
		if got := locket.CodeOf(err); got != tt.want {
			t.Errorf("%s: got %v (%s), want %s", what, err, got, tt.want)
		}
		if tt.want == locket.CodeTampered && !errors.Is(err, keyring.ErrTampered) {
			t.Errorf("%s: %v does not wrap ErrTampered", what, err)
		}
	}
	root, _ := openRoot(t)
	if _, err := keyring.Load(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v", err)
	}
	if _, _, err := h.Open(t.Context(), nil, token); err != nil {
		t.Errorf("the header itself: %v", err)
	}
}

// slots returns n slots of a kind with ids of their own.
func slots(n int, kind string) []slot {
	s := make([]slot, n)
	for i := range s {
		s[i] = slot{ID: [8]byte{byte(i)}, Kind: kind, Gen: 1, Params: []byte{1}, Sealed: []byte{2}}
	}
	return s
}

// Whoever can write the file but has no pod key can change nothing unnoticed,
// even in parts that the credential does not touch.
func TestAlteredHeaderIsRefused(t *testing.T) {
	h, podKey := newPod(t, podA)
	token, other := addAPIKey(t, h, podKey), addAPIKey(t, h, podKey)
	for what, change := range map[string]func(*body){
		"slot removed":      func(b *body) { b.Slots = b.Slots[:1] },
		"slot added":        func(b *body) { b.Slots = append(b.Slots, slots(1, "future")...) },
		"order changed":     func(b *body) { b.Slots[0], b.Slots[1] = b.Slots[1], b.Slots[0] },
		"generation raised": func(b *body) { b.Gen++ },
		"other slot":        func(b *body) { b.Slots[1].Sealed[5] ^= 1 },
	} {
		bad := parse(t, alter(t, h, nil, change))
		refused(t, bad, nil, token, locket.CodeTampered, what)
		if err := bad.Remove(podKey, other.Slot); !errors.Is(err, keyring.ErrTampered) {
			t.Errorf("%s: Remove: %v", what, err)
		}
		if _, _, err := bad.AddAPIKey(podKey); !errors.Is(err, keyring.ErrTampered) {
			t.Errorf("%s: AddAPIKey: %v", what, err)
		}
	}
}

// An old header opens with a credential that was removed since; its generation,
// which the caller compares with the database's, gives it away.
func TestOldHeaderShowsItsGeneration(t *testing.T) {
	h, podKey := newPod(t, podA)
	revoked, kept := addAPIKey(t, h, podKey), addAPIKey(t, h, podKey)
	old := encode(t, h)
	if err := h.Remove(podKey, revoked.Slot); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Open(t.Context(), nil, kept); err != nil {
		t.Fatal(err)
	}
	restored := parse(t, old)
	if _, _, err := restored.Open(t.Context(), nil, revoked); err != nil {
		t.Errorf("the old header is authentic, got %v", err)
	}
	if restored.Generation() != 2 || h.Generation() != 3 {
		t.Errorf("generations %d and %d, want 2 and 3", restored.Generation(), h.Generation())
	}
}

func TestUnknownKindsAreKept(t *testing.T) {
	h, podKey := newPod(t, podA)
	token := addAPIKey(t, h, podKey)
	future := slot{ID: [8]byte{1}, Kind: "future", Gen: 1, Params: []byte{0xff, 0, 1}, Sealed: []byte("not a box")}
	h = parse(t, alter(t, h, podKey, func(b *body) { b.Slots = append(b.Slots, future) }))
	second := addAPIKey(t, h, podKey)
	if err := h.Remove(podKey, token.Slot); err != nil {
		t.Fatal(err)
	}
	root, _ := openRoot(t)
	if err := h.Save(root); err != nil {
		t.Fatal(err)
	}
	loaded, err := keyring.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if got := unmarshal[body](t, unmarshal[file](t, encode(t, loaded)).Body).Slots[0]; !reflect.DeepEqual(got, future) {
		t.Errorf("got %+v, want %+v", got, future)
	}
	if _, _, err := loaded.Open(t.Context(), nil, second); err != nil {
		t.Error(err)
	}
	if err := loaded.Remove(podKey, future.ID); err != nil {
		t.Errorf("remove the unknown slot: %v", err)
	}
}

func TestSlotLimits(t *testing.T) {
	kdf := keyring.NewKDF(1)
	h, podKey := newPod(t, podA)
	root, _ := openRoot(t)
	if err := h.Save(root); !errors.Is(err, keyring.ErrLastSlot) {
		t.Errorf("saved a header without slots: %v", err)
	}
	token := addAPIKey(t, h, podKey)
	if err := h.Remove(podKey, token.Slot); !errors.Is(err, keyring.ErrLastSlot) {
		t.Errorf("removed the last slot: %v", err)
	}
	addAPIKey(t, h, podKey)
	if err := h.Remove(podKey, keyring.SlotID{}); !errors.Is(err, keyring.ErrNoSlot) {
		t.Errorf("removed no slot: %v", err)
	}
	if err := h.Remove(secret.Random(32), token.Slot); !errors.Is(err, keyring.ErrTampered) {
		t.Errorf("removed a slot without the pod key: %v", err)
	}
	for range 4 {
		if _, err := h.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("x")}, cheap); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.AddPassword(t.Context(), kdf, podKey, keyring.Password{Secret: passphrase("x")}, cheap); !errors.Is(err, keyring.ErrTooManySlots) {
		t.Errorf("fifth password: %v", err)
	}
	for len(h.Slots()) < 64 {
		addAPIKey(t, h, podKey)
	}
	if _, _, err := h.AddAPIKey(podKey); !errors.Is(err, keyring.ErrTooManySlots) {
		t.Errorf("slot 65: %v", err)
	}
	if err := h.Save(root); err != nil {
		t.Errorf("save 64 slots: %v", err)
	}
}

// A wrong password, a pod without a password and a pod that does not exist give
// one answer.
func TestWrongPasswordTellsNothing(t *testing.T) {
	kdf := keyring.NewKDF(1)
	wrong := keyring.Password{Secret: passphrase("wrong")}
	with, withKey := newPod(t, podA)
	if _, err := with.AddPassword(t.Context(), kdf, withKey, keyring.Password{Secret: passphrase("x")}, cheap); err != nil {
		t.Fatal(err)
	}
	without, withoutKey := newPod(t, podB)
	addAPIKey(t, without, withoutKey)
	_, _, errWrong := with.Open(t.Context(), kdf, wrong)
	_, _, errWithout := without.Open(t.Context(), kdf, wrong)
	_, _, errMissing := new(keyring.Header).Open(t.Context(), kdf, wrong)
	if locket.CodeOf(errMissing) != locket.CodeUnauthenticated || !errors.Is(errMissing, keyring.ErrWrongSecret) {
		t.Errorf("missing pod: %v", errMissing)
	}
	if !reflect.DeepEqual(errWrong, errMissing) || !reflect.DeepEqual(errWithout, errMissing) {
		t.Errorf("answers differ:\n%v\n%v\n%v", errWrong, errWithout, errMissing)
	}
	// Each of the three pays for argon2id: without a turn none of them answers.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := keyring.NewKDF(0)
	if _, _, err := with.Open(ctx, none, wrong); !errors.Is(err, context.Canceled) {
		t.Errorf("wrong password: %v", err)
	}
	if _, _, err := without.Open(ctx, none, wrong); !errors.Is(err, context.Canceled) {
		t.Errorf("pod without a password: %v", err)
	}
	if _, _, err := new(keyring.Header).Open(ctx, none, wrong); !errors.Is(err, context.Canceled) {
		t.Errorf("missing pod: %v", err)
	}
}

// A save that never finished leaves the old header, and does not disturb the next, which
// removes what was left: it may hold a slot that is being removed.
func TestInterruptedSave(t *testing.T) {
	root, dir := openRoot(t)
	h, podKey := newPod(t, podA)
	addAPIKey(t, h, podKey)
	if err := h.Save(root); err != nil {
		t.Fatal(err)
	}
	half := encode(t, h)[:40]
	if err := os.WriteFile(filepath.Join(dir, "header.tmp-0011223344556677"), half, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := keyring.Load(root); err != nil || got.Generation() != 1 {
		t.Errorf("got %v", err)
	}
	addAPIKey(t, h, podKey)
	if err := h.Save(root); err != nil {
		t.Error(err)
	}
	if got, err := keyring.Load(root); err != nil || got.Generation() != 2 {
		t.Errorf("got %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestNewRefusesMalformedID(t *testing.T) {
	for _, id := range []locket.PodID{"", "x", "11111111-1111-4111-8111-11111111111G"} {
		if _, _, err := keyring.New(id); err == nil {
			t.Errorf("%q: no error", id)
		}
	}
}

func TestHeaderVectors(t *testing.T) {
	kdf := keyring.NewKDF(1)
	for _, v := range vectors(t, "headers.txt") {
		if len(v.words) != 3 {
			t.Fatalf("vector %q has %d words", v.what, len(v.words))
		}
		h, err := keyring.Parse(unhex(t, v.words[0]))
		var podKey *secret.Key
		if err == nil {
			podKey, _, err = h.Open(t.Context(), kdf, credential(t, v.words[1]))
		}
		if v.expect == "ok" && (err != nil || !bytes.Equal(podKey.Bytes(), unhex(t, v.words[2]))) {
			t.Errorf("%s: got %v", v.what, err)
		}
		if v.expect != "ok" && string(locket.CodeOf(err)) != v.expect {
			t.Errorf("%s: got %v (%s), want %s", v.what, err, locket.CodeOf(err), v.expect)
		}
	}
}

func credential(t *testing.T, word string) keyring.Credential {
	kind, value, _ := strings.Cut(word, ":")
	value, device, _ := strings.Cut(value, ":")
	switch bytes := secret.Take(unhex(t, value)); kind {
	case "password":
		return keyring.Password{Secret: bytes, Device: secret.Take(unhex(t, device))}
	case "recovery":
		return keyring.Recovery{Secret: bytes}
	case "owner":
		return keyring.Owner{Seed: bytes}
	case "keyring":
		return keyring.Machine{Secret: bytes}
	}
	token, err := keyring.ParseToken([]byte(word))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// What is read has the bytes it was read from as its only form.
func FuzzHeader(f *testing.F) {
	for _, v := range vectors(f, "headers.txt") {
		f.Add(unhex(f, v.words[0]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := keyring.Parse(data)
		if err != nil {
			if code := locket.CodeOf(err); code != locket.CodeTampered && code != locket.CodeNewer {
				t.Fatalf("%v (%s)", err, code)
			}
			return
		}
		if again := encode(t, h); !bytes.Equal(again, data) {
			t.Fatalf("%x is written again as %x", data, again)
		}
	})
}
