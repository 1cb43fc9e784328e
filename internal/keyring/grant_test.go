package keyring_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

// The text of a grant as docs/design/grants.md gives it, made by other means.
var lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func grantText(body []byte) []byte {
	sum := sha256.Sum256(append([]byte("lg_"), body...))
	return []byte("lg_" + lower.EncodeToString(append(bytes.Clone(body), sum[:4]...)))
}

func grantBody(t testing.TB, text []byte) []byte {
	t.Helper()
	raw, err := lower.DecodeString(string(text[len("lg_"):]))
	if err != nil {
		t.Fatal(err)
	}
	return raw[:len(raw)-4]
}

func TestGrantVectors(t *testing.T) {
	for _, v := range vectors(t, "grant.txt") {
		token, err := keyring.ParseGrant([]byte(v.words[0]))
		if sentinel, ok := map[string]error{"not-token": keyring.ErrNotToken, "mistyped": keyring.ErrMistyped}[v.expect]; ok {
			if !errors.Is(err, sentinel) || locket.CodeOf(err) != locket.CodeUnauthenticated || token != nil {
				t.Errorf("%s: got %v, want %s", v.what, err, v.expect)
			}
			continue
		}
		if err != nil || string(token.Text().Bytes()) != v.words[0] {
			t.Errorf("%s: not read: %v", v.what, err)
			continue
		}
		key, e, now := unhex(t, v.words[1]), [8]byte(unhex(t, v.words[2])), micros(t, v.words[3])
		s := keyring.SealerWith(key, e, func() time.Time { return now })
		g, podKey, err := s.Unseal(token)
		if v.expect != "ok" {
			if string(locket.CodeOf(err)) != v.expect || podKey != nil {
				t.Errorf("%s: got %v, want %s", v.what, err, v.expect)
			}
			continue
		}
		want := keyring.Grant{
			ID: keyring.GrantID(unhex(t, v.words[5])), Pod: podA, Principal: locket.PrincipalID(v.words[6]),
			Audience: v.words[7], Expires: micros(t, v.words[8]),
		}
		if err != nil || g != want || !bytes.Equal(podKey.Bytes(), unhex(t, v.words[4])) {
			t.Errorf("%s: got %+v, %v, want %+v", v.what, g, err, want)
		}
		if got := grantByHand(t, v.words[0], key, e); !bytes.Equal(got, append(podKey.Bytes(), terms(t, want)...)) {
			t.Errorf("%s: docs/design/grants.md gives %x", v.what, got)
		}
	}
}

// grantByHand opens the box of a token as docs/design/grants.md says.
func grantByHand(t *testing.T, text string, key []byte, epoch [8]byte) []byte {
	body := grantBody(t, []byte(text))
	ad := marshal(t, map[string]any{"use": "locket/grant", "v": 1, "pod": body[:16], "epoch": epoch})
	plain, err := seal.Open(secret.Take(bytes.Clone(key)), body[24:], ad)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func terms(t *testing.T, g keyring.Grant) []byte {
	who, _ := locket.ParseUUID(string(g.Principal))
	return marshal(t, map[string]any{"id": g.ID[:], "who": who[:], "aud": g.Audience, "exp": g.Expires.UnixMicro()})
}

func micros(t *testing.T, s string) time.Time {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMicro(n).UTC()
}

// The longest grant fits, one byte more is not read, whatever its checksum.
func TestGrantBounds(t *testing.T) {
	s := newSealer(t)
	g := grantFor(podA)
	g.Audience, g.Expires = strings.Repeat("z", 64), time.UnixMicro(1<<62)
	longest := sealGrant(t, s, g, secret.Random(keyring.KeySize)).Text().Bytes()
	if _, err := keyring.ParseGrant(longest); err != nil {
		t.Errorf("%d characters: %v", len(longest), err)
	}
	for n, ok := range map[int]bool{0: false, 127: false, 128: true, 256: true, 257: false, 1 << 20: false} {
		_, err := keyring.ParseGrant(grantText(make([]byte, n)))
		if ok != (err == nil) || !ok && !errors.Is(err, keyring.ErrNotToken) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestIsGrant(t *testing.T) {
	for text, want := range map[string]bool{"lg_": true, "lg_abc": true, "lk_abc": false, "LG_abc": false, "lg": false, "": false, " lg_": false} {
		if got := keyring.IsGrant([]byte(text)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestRedeem(t *testing.T) {
	s, podKey := newSealer(t), secret.Random(keyring.KeySize)
	g := grantFor(podA)
	token := sealGrant(t, s, g, podKey)
	if got, key, err := keyring.Redeem(s, keyring.Presented{Token: token, Audience: "web"}); err != nil || got != g || !key.Equal(podKey) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, audience := range []string{"", "we", "webb", "mcp"} {
		got, key, err := keyring.Redeem(s, keyring.Presented{Token: token, Audience: audience})
		if locket.CodeOf(err) != locket.CodeUnauthenticated || !errors.Is(err, keyring.ErrWrongSecret) || key != nil || got != (keyring.Grant{}) {
			t.Errorf("audience %q: got %v", audience, err)
		}
	}
	token.Wipe()
	token.Wipe()
	if _, key, err := keyring.Redeem(s, keyring.Presented{Token: token, Audience: "web"}); !errors.Is(err, keyring.ErrWrongSecret) || key != nil {
		t.Errorf("a wiped token: %v", err)
	}
}

func TestOpenGrant(t *testing.T) {
	s := newSealer(t)
	h, podKey := newPod(t, podA)
	addAPIKey(t, h, podKey)
	other, otherKey := newPod(t, podB)
	addAPIKey(t, other, otherKey)
	rotated, _ := newPod(t, podA)
	p := keyring.Presented{Token: sealGrant(t, s, grantFor(podA), podKey), Audience: "web"}
	if g, key, err := h.OpenGrant(s, p); err != nil || !key.Equal(podKey) || g.Pod != podA {
		t.Errorf("got %+v, %v", g, err)
	}
	for what, c := range map[string]struct {
		h        *keyring.Header
		code     locket.Code
		sentinel error
	}{
		"another pod": {other, locket.CodeUnauthenticated, keyring.ErrWrongSecret},
		"no pod":      {new(keyring.Header), locket.CodeUnauthenticated, keyring.ErrWrongSecret},
		"rotated":     {rotated, locket.CodeExpired, keyring.ErrRotated},
		"altered":     {parse(t, alter(t, h, nil, func(b *body) { b.Gen++ })), locket.CodeExpired, keyring.ErrRotated},
	} {
		if _, key, err := c.h.OpenGrant(s, p); locket.CodeOf(err) != c.code || !errors.Is(err, c.sentinel) || key != nil {
			t.Errorf("%s: got %v", what, err)
		}
	}
	// The key of another pod, sealed for this one by mistake.
	bad := keyring.Presented{Token: sealGrant(t, s, grantFor(podA), otherKey), Audience: "web"}
	if _, key, err := h.OpenGrant(s, bad); err == nil || key != nil {
		t.Errorf("a foreign key: got %v", err)
	}
	refused(t, h, nil, p, locket.CodeUnauthenticated, "a grant where a slot is asked for")
}

func TestGrantIsRedacted(t *testing.T) {
	token := sealGrant(t, newSealer(t), grantFor(podA), secret.Random(keyring.KeySize))
	text := string(token.Text().Bytes())
	p := keyring.Presented{Token: token, Audience: "web"}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, arg := range []any{token, *token, struct{ T *keyring.GrantToken }{token}, []any{token}, p, keyring.Credential(p)} {
			fmt.Fprintf(&out, verb+"\n", arg)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "t", token, "v", *token, "p", p)
	if err := json.NewEncoder(&out).Encode(map[string]any{"t": token, "v": *token, "p": p}); err != nil {
		t.Fatal(err)
	}
	for i := len("lg_"); i+12 < len(text); i++ {
		if strings.Contains(out.String(), text[i:i+12]) {
			t.Fatalf("part of the token was printed: %s", out.String())
		}
	}
	if got := fmt.Sprint(token); got != "lg_…[redacted]" || strings.Contains(out.String(), "0x") {
		t.Errorf("got %q, in all %s", got, out.String())
	}
}

func FuzzParseGrant(f *testing.F) {
	for _, v := range vectors(f, "grant.txt") {
		f.Add([]byte(v.words[0]))
	}
	s := newSealer(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		token, err := keyring.ParseGrant(text)
		if err != nil {
			if locket.CodeOf(err) != locket.CodeUnauthenticated {
				t.Fatal(err)
			}
			return
		}
		if got := token.Text(); !bytes.Equal(got.Bytes(), text) {
			t.Fatalf("%s is written again as %s", text, got.Bytes())
		}
		if _, key, err := s.Unseal(token); err == nil || key != nil {
			t.Fatalf("%s opens", text)
		}
	})
}
