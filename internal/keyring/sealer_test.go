package keyring_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

const alice = locket.PrincipalID("33333333-3333-4333-8333-333333333333")

// grantFor returns a grant for an hour from now.
func grantFor(pod locket.PodID) keyring.Grant {
	return keyring.Grant{
		ID: keyring.NewGrantID(), Pod: pod, Principal: alice, Audience: "web",
		Expires: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond),
	}
}

func newSealer(t testing.TB) *keyring.ProcessSealer {
	t.Helper()
	s := keyring.NewProcessSealer(time.Now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func sealGrant(t testing.TB, s keyring.Sealer, g keyring.Grant, podKey *secret.Key) *keyring.GrantToken {
	t.Helper()
	token, err := s.Seal(g, podKey)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ended fails unless unsealing fails with the code and the sentinel, and gives
// neither key nor grant.
func ended(t *testing.T, s keyring.Sealer, token *keyring.GrantToken, code locket.Code, sentinel error, what any) {
	t.Helper()
	g, key, err := s.Unseal(token)
	if locket.CodeOf(err) != code || !errors.Is(err, sentinel) || key != nil || g != (keyring.Grant{}) {
		t.Errorf("%v: got %v, key %v, %v (%s), want %s", what, g, key != nil, err, locket.CodeOf(err), code)
	}
}

func TestSealerRoundTrip(t *testing.T) {
	s, podKey := newSealer(t), secret.Random(keyring.KeySize)
	for _, audience := range []string{"w", "web", "plugin:a.b_c-9", strings.Repeat("z", 64)} {
		g := grantFor(podA)
		g.Audience = audience
		text := sealGrant(t, s, g, podKey).Text()
		if bytes.Contains(text.Bytes(), podKey.Bytes()) {
			t.Error("the pod key stands in the token")
		}
		token, err := keyring.ParseGrant(text.Bytes())
		if err != nil || token.Pod != podA {
			t.Fatalf("%s: %v", audience, err)
		}
		got, key, err := s.Unseal(token)
		if err != nil || got != g || !key.Equal(podKey) {
			t.Errorf("got %+v, %v, want %+v", got, err, g)
		}
	}
	g := grantFor(podA)
	if a, b := sealGrant(t, s, g, podKey).Text(), sealGrant(t, s, g, podKey).Text(); a.Equal(b) {
		t.Error("two tokens of one grant are alike")
	}
}

func TestSealRefuses(t *testing.T) {
	s := newSealer(t)
	for what, change := range map[string]func(*keyring.Grant){
		"no pod":               func(g *keyring.Grant) { g.Pod = "" },
		"malformed pod":        func(g *keyring.Grant) { g.Pod = "11111111-1111-4111-8111-11111111111G" },
		"no principal":         func(g *keyring.Grant) { g.Principal = "" },
		"no audience":          func(g *keyring.Grant) { g.Audience = "" },
		"long audience":        func(g *keyring.Grant) { g.Audience = strings.Repeat("z", 65) },
		"audience upper case":  func(g *keyring.Grant) { g.Audience = "Web" },
		"audience with spaces": func(g *keyring.Grant) { g.Audience = "web " },
	} {
		g := grantFor(podA)
		change(&g)
		if token, err := s.Seal(g, secret.Random(keyring.KeySize)); err == nil || token != nil {
			t.Errorf("%s: sealed", what)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if token, err := s.Seal(grantFor(podA), secret.Random(n)); err == nil || token != nil {
			t.Errorf("sealed a key of %d bytes", n)
		}
	}
}

// Whatever is altered, the checksum made to fit again as anybody could, opens nothing.
func TestUnsealRefusesEveryChange(t *testing.T) {
	s, podKey := newSealer(t), secret.Random(keyring.KeySize)
	body := grantBody(t, sealGrant(t, s, grantFor(podA), podKey).Text().Bytes())
	for i := range body {
		bad := bytes.Clone(body)
		bad[i] ^= 1 << (i % 8)
		token, err := keyring.ParseGrant(grantText(bad))
		if err != nil {
			t.Fatal(err)
		}
		if i >= 16 && i < 24 {
			ended(t, s, token, locket.CodeExpired, keyring.ErrRestarted, i) // the epoch
			continue
		}
		ended(t, s, token, locket.CodeUnauthenticated, keyring.ErrWrongSecret, i)
	}
	for _, change := range [][]byte{body[:len(body)-1], append(bytes.Clone(body), 0)} {
		token, err := keyring.ParseGrant(grantText(change))
		if err != nil {
			t.Fatal(err)
		}
		ended(t, s, token, locket.CodeUnauthenticated, keyring.ErrWrongSecret, len(change))
	}
}

func TestGrantEndsWithItsProcess(t *testing.T) {
	s, podKey := newSealer(t), secret.Random(keyring.KeySize)
	token := sealGrant(t, s, grantFor(podA), podKey)
	ended(t, newSealer(t), token, locket.CodeExpired, keyring.ErrRestarted, "another process")
	if _, key, err := s.Unseal(token); err != nil || !key.Equal(podKey) {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ended(t, s, token, locket.CodeExpired, keyring.ErrRestarted, "closed")
	if _, err := s.Seal(grantFor(podA), podKey); !errors.Is(err, keyring.ErrRestarted) {
		t.Errorf("a closed sealer seals: %v", err)
	}
}

// An epoch alone is no proof: another key under the same one opens nothing.
func TestSealersOfOneEpoch(t *testing.T) {
	token := sealGrant(t, newSealer(t), grantFor(podA), secret.Random(keyring.KeySize))
	epoch := [8]byte(grantBody(t, token.Text().Bytes())[16:24])
	for _, b := range []byte{0, 1} { // 0: a key that nobody drew
		other := keyring.SealerWith(bytes.Repeat([]byte{b}, 32), epoch, time.Now)
		ended(t, other, token, locket.CodeUnauthenticated, keyring.ErrWrongSecret, b)
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What is sealed with the right key but is no grant gives no key.
func TestUnsealMalformed(t *testing.T) {
	key, epoch := bytes.Repeat([]byte{1}, 32), [8]byte{7}
	s := keyring.SealerWith(key, epoch, time.Now)
	defer func() { _ = s.Close() }()
	pod, _ := locket.ParseUUID(string(podA))
	ad := marshal(t, map[string]any{"use": "locket/grant", "v": 1, "pod": pod, "epoch": epoch})
	good := append(make([]byte, 32), terms(t, grantFor(podA))...)
	for what, c := range map[string]struct {
		plain []byte
		want  error
	}{
		"a grant":       {good, nil},
		"one byte more": {append(bytes.Clone(good), 0), canon.ErrInvalid},
		"one byte less": {good[:len(good)-1], canon.ErrInvalid},
		"a longer key":  {append([]byte{0}, good...), canon.ErrInvalid},
		"a key alone":   {good[:32], canon.ErrInvalid},
	} {
		box, err := seal.Seal(secret.Take(bytes.Clone(key)), c.plain, ad)
		if err != nil {
			t.Fatal(err)
		}
		token, err := keyring.ParseGrant(grantText(slices.Concat(pod[:], epoch[:], box)))
		if err != nil {
			t.Fatal(err)
		}
		if _, podKey, err := s.Unseal(token); !errors.Is(err, c.want) || (podKey != nil) != (c.want == nil) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestGrantExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, podKey := newSealer(t), secret.Random(keyring.KeySize)
		token := sealGrant(t, s, grantFor(podA), podKey)
		time.Sleep(time.Hour - time.Microsecond)
		if _, key, err := s.Unseal(token); err != nil || !key.Equal(podKey) {
			t.Errorf("a microsecond before: %v", err)
		}
		time.Sleep(time.Microsecond)
		ended(t, s, token, locket.CodeExpired, keyring.ErrExpired, "at its end")
	})
}

// Closing waits for those that use the key: what reads it later would crash.
func TestSealerClosesUnderUse(t *testing.T) {
	for range 200 {
		s := keyring.NewProcessSealer(time.Now)
		token := sealGrant(t, s, grantFor(podA), secret.Random(keyring.KeySize))
		started, done := make(chan struct{}), make(chan error, 1)
		go func() {
			_, _, err := s.Unseal(token)
			for close(started); err == nil; {
				_, _, err = s.Unseal(token)
			}
			done <- err
		}()
		<-started
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, keyring.ErrRestarted) {
			t.Fatal(err)
		}
	}
}

func BenchmarkUnseal(b *testing.B) {
	s := newSealer(b)
	token := sealGrant(b, s, grantFor(podA), secret.Random(keyring.KeySize))
	for b.Loop() {
		_, key, err := s.Unseal(token)
		if err != nil {
			b.Fatal(err)
		}
		key.Wipe()
	}
}
