package wycheproof

import (
	"bytes"
	"crypto/cipher"
	"slices"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// acceptsChunk seals and opens in place, as seal's streams do with their chunks.
func acceptsChunk(t *testing.T, _ group, v vector) bool {
	aead, err := chacha20poly1305.New(v.Key)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.IV) != chacha20poly1305.NonceSize {
		return takesNonce(aead, v)
	}
	want := slices.Concat(v.CT, v.Tag)
	buf := append(make([]byte, 0, len(want)), v.Msg...)
	compare(t, v, aead.Seal(buf[:0], v.IV, buf, v.AAD), want)
	sealed := bytes.Clone(want)
	got, err := aead.Open(sealed[:0], v.IV, sealed, v.AAD)
	compare(t, v, got, v.Msg)
	return err == nil
}

// acceptsBox appends what it seals to the nonce and opens into new memory, as
// seal's boxes do.
func acceptsBox(t *testing.T, _ group, v vector) bool {
	aead, err := chacha20poly1305.NewX(v.Key)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.IV) != chacha20poly1305.NonceSizeX {
		return takesNonce(aead, v)
	}
	want := slices.Concat(v.IV, v.CT, v.Tag)
	box := append(make([]byte, 0, len(want)), v.IV...)
	compare(t, v, aead.Seal(box, box, v.Msg, v.AAD), want)
	got, err := aead.Open(nil, want[:len(v.IV)], want[len(v.IV):], v.AAD)
	compare(t, v, got, v.Msg)
	return err == nil
}

// takesNonce tries a nonce of a wrong length, which has to panic. Locket's own
// are slices of a fixed length.
func takesNonce(aead cipher.AEAD, v vector) (took bool) {
	defer func() { took = recover() == nil }()
	_, _ = aead.Open(nil, v.IV, slices.Concat(v.CT, v.Tag), v.AAD)
	return
}
