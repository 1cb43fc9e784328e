package keyring_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
)

func TestTokenVectors(t *testing.T) {
	sentinels := map[string]error{"not-token": keyring.ErrNotToken, "mistyped": keyring.ErrMistyped}
	for _, v := range vectors(t, "tokens.txt") {
		token, err := keyring.ParseToken([]byte(v.words[0]))
		if v.expect == "ok" {
			if err != nil || string(token.Pod) != v.words[1] || token.Slot.String() != v.words[2] {
				t.Errorf("%s: got %+v, %v", v.what, token, err)
			} else if got := string(token.Text().Bytes()); got != v.words[0] {
				t.Errorf("%s: written again as %s", v.what, got)
			}
			continue
		}
		if !errors.Is(err, sentinels[v.expect]) || locket.CodeOf(err) != locket.CodeUnauthenticated || token != nil {
			t.Errorf("%s: got %v, want %s", v.what, err, v.expect)
		}
	}
}

func TestTokenRoundTrip(t *testing.T) {
	h, podKey := newPod(t, podA)
	token := addAPIKey(t, h, podKey)
	text := token.Text()
	if text.Len() != 99 || !strings.HasPrefix(string(text.Bytes()), "lk_") {
		t.Errorf("got %d characters", text.Len())
	}
	again, err := keyring.ParseToken(text.Bytes())
	if err != nil || again.Pod != token.Pod || again.Slot != token.Slot {
		t.Fatalf("got %+v, %v", again, err)
	}
	if got, _, err := h.Open(t.Context(), nil, again); err != nil || !got.Equal(podKey) {
		t.Errorf("got %v", err)
	}
}

// The worked example of docs/design/slots.md, computed apart from this program.
func TestTokenDerive(t *testing.T) {
	token, err := keyring.ParseToken([]byte("lk_ceirceircfardairceirceircgg6e4yb3jdgdhlqbd7snbg7iea4amicb6lsbvxxfg7pksekzzzatigtezgxv6udu2t25mtt"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.Derive(keyring.PurposeCheckpoint, "https://pod.example.com", 48)
	if err != nil {
		t.Fatal(err)
	}
	want := "7d60ff16352b6a0d482727c5111b4052699a62c6bd5b1611c131d1c7156333e7" + "6a88b05c056e4fbd187fef1e5c99d4df"
	if hex.EncodeToString(got.Bytes()) != want {
		t.Errorf("got %x, want %s", got.Bytes(), want)
	}
	token.Wipe()
	if got, err := token.Derive(keyring.PurposeCheckpoint, "https://pod.example.com", 48); err == nil {
		t.Errorf("a wiped key derives %d bytes", got.Len())
	}
}

// Every slip of one character, and of two neighbours, is noticed before the pod
// is looked at.
func TestTokenChecksum(t *testing.T) {
	h, podKey := newPod(t, podA)
	text := addAPIKey(t, h, podKey).Text().Bytes()
	for i := len("lk_"); i < len(text); i++ {
		for _, c := range []byte("a7q") {
			if c == text[i] {
				continue
			}
			bad := bytes.Clone(text)
			bad[i] = c
			if _, err := keyring.ParseToken(bad); !errors.Is(err, keyring.ErrMistyped) {
				t.Errorf("character %d: %v", i, err)
			}
		}
		if i+1 < len(text) && text[i] != text[i+1] {
			bad := bytes.Clone(text)
			bad[i], bad[i+1] = bad[i+1], bad[i]
			if _, err := keyring.ParseToken(bad); !errors.Is(err, keyring.ErrMistyped) {
				t.Errorf("characters %d and %d exchanged: %v", i, i+1, err)
			}
		}
	}
}

func TestTokenIsRedacted(t *testing.T) {
	h, podKey := newPod(t, podA)
	token := addAPIKey(t, h, podKey)
	text := string(token.Text().Bytes())
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, arg := range []any{token, *token, struct{ T *keyring.Token }{token}, []any{token}, keyring.Credential(token)} {
			fmt.Fprintf(&out, verb+"\n", arg)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "t", token, "v", *token)
	if err := json.NewEncoder(&out).Encode(map[string]any{"t": token, "v": *token}); err != nil {
		t.Fatal(err)
	}
	for i := len("lk_"); i+12 < len(text); i++ {
		if strings.Contains(out.String(), text[i:i+12]) {
			t.Fatalf("part of the token was printed: %s", out.String())
		}
	}
	if got := fmt.Sprint(token); got != "lk_…[redacted]" {
		t.Errorf("got %q", got)
	}
	if strings.Contains(out.String(), "0x") {
		t.Errorf("bytes were printed: %s", out.String())
	}
}

func FuzzToken(f *testing.F) {
	for _, v := range vectors(f, "tokens.txt") {
		f.Add([]byte(v.words[0]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		token, err := keyring.ParseToken(text)
		if err != nil {
			if locket.CodeOf(err) != locket.CodeUnauthenticated {
				t.Fatal(err)
			}
			return
		}
		if got := token.Text(); !bytes.Equal(got.Bytes(), text) {
			t.Fatalf("%s is written again as %s", text, got.Bytes())
		}
	})
}
