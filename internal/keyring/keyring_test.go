package keyring_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// cheap is the least that the floor permits.
var cheap = keyring.Params{Memory: 19 << 10, Passes: 2, Lanes: 1}

const podA, podB = locket.PodID("11111111-1111-4111-8111-111111111111"), locket.PodID("22222222-2222-4222-8222-222222222222")

func passphrase(s string) *secret.Key { return secret.Take([]byte(s)) }

// newPod returns a header with no slot and its pod key.
func newPod(t testing.TB, id locket.PodID) (*keyring.Header, *secret.Key) {
	t.Helper()
	h, podKey, err := keyring.New(id)
	if err != nil {
		t.Fatal(err)
	}
	return h, podKey
}

// addAPIKey adds an API key, and goes on as if the header had been saved then.
func addAPIKey(t testing.TB, h *keyring.Header, podKey *secret.Key) *keyring.Token {
	t.Helper()
	id, token, err := h.AddAPIKey(podKey)
	if err != nil {
		t.Fatal(err)
	}
	if id != token.Slot || token.Pod != h.Pod() {
		t.Errorf("slot %s of %s: token names %s of %s", id, h.Pod(), token.Slot, token.Pod)
	}
	*h = *parse(t, encode(t, h))
	return token
}

func encode(t testing.TB, h *keyring.Header) []byte {
	t.Helper()
	data, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func openRoot(t testing.TB) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root, dir
}

// The form of the file as docs/design/slots.md gives it, for tests that alter it.
type (
	file struct {
		V    int64    `cbor:"v"`
		Body []byte   `cbor:"body"`
		MAC  [32]byte `cbor:"mac"`
	}
	body struct {
		Pod   [16]byte `cbor:"pod"`
		Gen   int64    `cbor:"gen"`
		Epoch int64    `cbor:"epoch,omitempty"`
		Slots []slot   `cbor:"slots"`
	}
	slot struct {
		ID     [8]byte `cbor:"id"`
		Kind   string  `cbor:"kind"`
		Gen    int64   `cbor:"gen"`
		Params []byte  `cbor:"params"`
		Public []byte  `cbor:"public,omitempty"`
		Wrap   []byte  `cbor:"wrap,omitempty"`
		Sealed []byte  `cbor:"sealed"`
	}
	argon2id struct {
		Memory int64    `cbor:"m"`
		Passes int64    `cbor:"t"`
		Lanes  int64    `cbor:"p"`
		Salt   [16]byte `cbor:"salt"`
	}
)

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := canon.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unmarshal[T any](t testing.TB, data []byte) (v T) {
	t.Helper()
	if err := canon.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// alter changes a header behind the keyring's back. With a pod key its MAC is
// made to fit again, which an attacker could not.
func alter(t testing.TB, h *keyring.Header, podKey *secret.Key, change func(*body)) []byte {
	t.Helper()
	f := unmarshal[file](t, encode(t, h))
	b := unmarshal[body](t, f.Body)
	change(&b)
	f.Body = marshal(t, b)
	if podKey != nil {
		k, err := keyring.Derive(podKey, keyring.PurposeHeaderMAC, 32)
		if err != nil {
			t.Fatal(err)
		}
		m := hmac.New(sha256.New, k.Bytes())
		m.Write(marshal(t, map[string]any{"v": f.V, "body": f.Body}))
		m.Sum(f.MAC[:0])
	}
	return marshal(t, f)
}

func parse(t testing.TB, data []byte) *keyring.Header {
	t.Helper()
	h, err := keyring.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDerive(t *testing.T) {
	podKey := secret.Take(bytes.Repeat([]byte{1}, 32))
	seen := map[string]keyring.Purpose{}
	for _, p := range []keyring.Purpose{keyring.PurposeDatabase, keyring.PurposeSigning, keyring.PurposeHeaderMAC, keyring.PurposeBackup, keyring.PurposeWitness, keyring.PurposeCursors} {
		got, err := keyring.Derive(podKey, p, 32)
		if err != nil {
			t.Fatal(err)
		}
		mac := func(key []byte, data string) []byte {
			h := hmac.New(sha256.New, key)
			h.Write([]byte(data))
			return h.Sum(nil)
		}
		want := mac(mac(make([]byte, 32), string(podKey.Bytes())), "locket/v1/"+string(p)+"\x01")
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: got %x, want %x", p, got.Bytes(), want)
		}
		if other, ok := seen[string(want)]; ok {
			t.Errorf("%s and %s have one key", p, other)
		}
		seen[string(want)] = p
	}
	if long, err := keyring.Derive(podKey, keyring.PurposeDatabase, 48); err != nil || long.Len() != 48 {
		t.Errorf("48 bytes: got %d, %v", long.Len(), err)
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := keyring.Derive(secret.Random(n), keyring.PurposeDatabase, 32); err == nil {
			t.Errorf("derived from a key of %d bytes", n)
		}
	}
}

// A vector is one line of a file in ../../vectors/keyring: what to expect, then
// words, then a comment.
type vector struct {
	expect string
	words  []string
	what   string
}

func vectors(t testing.TB, name string) []vector {
	t.Helper()
	text, err := os.ReadFile("../../vectors/keyring/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	for line := range strings.Lines(string(text)) {
		row, what, _ := strings.Cut(line, "#")
		if words := strings.Fields(row); len(words) > 0 {
			if len(words) > 1 && words[1] == "=" {
				words[1] = vs[len(vs)-1].words[0]
			}
			vs = append(vs, vector{words[0], words[1:], strings.TrimSpace(what)})
		}
	}
	if len(vs) == 0 {
		t.Fatal("no vectors")
	}
	return vs
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
