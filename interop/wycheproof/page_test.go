package wycheproof

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"testing"
	"testing/cryptotest"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// A page is ciphertext, then IV, then MAC. Page 2 is encrypted from its first byte.
const (
	ivStart  = macStart - aes.BlockSize
	macStart = sqlcipher.PageSize - sha512.Size
	pageNo   = 2
)

// acceptsPage puts the vector's blocks at the start of a database page and lets
// sqlcipher's codec work on that. Pages have no padding, so it is checked here.
func acceptsPage(t *testing.T, _ group, v vector) bool {
	compare(t, v, sealBlocks(t, v.Key, v.IV, pad(v.Msg)), v.CT)
	got, ok := unpad(openBlocks(t, v.Key, v.IV, v.CT))
	compare(t, v, got, v.Msg)
	return ok
}

// openBlocks decrypts. The MAC key comes of crypto/pbkdf2, so that the codec's
// own derivation is compared with it.
func openBlocks(t *testing.T, key, iv, ciphertext []byte) []byte {
	t.Helper()
	page := make([]byte, sqlcipher.PageSize)
	copy(page, ciphertext)
	copy(page[ivStart:], iv)
	salt := bytes.Repeat([]byte{0x3a}, sqlcipher.SaltSize) // the codec's is zeros, and SQLCipher's mask is 0x3a
	macKey, err := pbkdf2.Key(sha512.New, string(key), salt, 2, 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha512.New, macKey)
	mac.Write(page[:macStart])
	mac.Write(binary.LittleEndian.AppendUint32(nil, pageNo))
	mac.Sum(page[:macStart])
	if err := codec(t, key).Open(page, pageNo); err != nil {
		t.Fatal(err)
	}
	return page[:len(ciphertext)]
}

// sealBlocks encrypts under iv. The codec draws its own IV; the first block makes
// up for the difference.
func sealBlocks(t *testing.T, key, iv, plaintext []byte) []byte {
	t.Helper()
	src, dst := make([]byte, sqlcipher.PageSize), make([]byte, sqlcipher.PageSize)
	const seed = 1 // the same again, so that both codecs draw the same IV
	cryptotest.SetGlobalRandom(t, seed)
	codec(t, key).Seal(dst, src, pageNo)
	drawn := bytes.Clone(dst[ivStart:macStart])

	copy(src, plaintext)
	subtle.XORBytes(src[:aes.BlockSize], src, iv)
	subtle.XORBytes(src[:aes.BlockSize], src, drawn)
	cryptotest.SetGlobalRandom(t, seed)
	codec(t, key).Seal(dst, src, pageNo)
	return dst[:len(plaintext)]
}

func codec(t *testing.T, key []byte) *sqlcipher.Codec {
	t.Helper()
	c, err := sqlcipher.NewCodec(secret.Take(bytes.Clone(key)), make([]byte, sqlcipher.SaltSize))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pad adds padding by RFC 5652 §6.3.
func pad(p []byte) []byte {
	n := aes.BlockSize - len(p)%aes.BlockSize
	return append(bytes.Clone(p), bytes.Repeat([]byte{byte(n)}, n)...)
}

func unpad(p []byte) ([]byte, bool) {
	if len(p) == 0 {
		return nil, false
	}
	text := p[:max(0, len(p)-int(p[len(p)-1]))]
	return text, bytes.Equal(pad(text), p)
}
