package wycheproof

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"testing"
)

// acceptsHMACSHA256 is keyring's MAC of the header.
func acceptsHMACSHA256(_ *testing.T, g group, v vector) bool {
	var mac [sha256.Size]byte
	h := hmac.New(sha256.New, v.Key)
	h.Write(v.Msg)
	h.Sum(mac[:0])
	return hmac.Equal(mac[:g.TagSize/8], v.Tag)
}

// acceptsHMACSHA512 is sqlcipher's MAC of a page: one state is used again and
// again, and written to in parts.
func acceptsHMACSHA512(_ *testing.T, g group, v vector) bool {
	var mac [sha512.Size]byte
	h := hmac.New(sha512.New, v.Key)
	h.Write([]byte("the page before"))
	h.Sum(mac[:0])
	h.Reset()
	half := len(v.Msg) / 2
	h.Write(v.Msg[:half])
	h.Write(v.Msg[half:])
	h.Sum(mac[:0])
	return subtle.ConstantTimeCompare(mac[:g.TagSize/8], v.Tag) == 1
}

// acceptsHKDF is how keyring and seal derive keys.
func acceptsHKDF(t *testing.T, _ group, v vector) bool {
	okm, err := hkdf.Key(sha256.New, v.IKM, v.Salt, string(v.Info), v.Size)
	compare(t, v, okm, v.OKM)
	return err == nil
}

// acceptsPBKDF2 is for crypto/pbkdf2, which sqlcipher's derivation of MAC keys is
// compared with by [openBlocks].
func acceptsPBKDF2(t *testing.T, _ group, v vector) bool {
	dk, err := pbkdf2.Key(sha512.New, string(v.Password), v.Salt, v.IterationCount, v.DKLen)
	compare(t, v, dk, v.DK)
	return err == nil
}

// acceptsPBKDF2SHA256 is slip39's function of a round.
func acceptsPBKDF2SHA256(t *testing.T, _ group, v vector) bool {
	dk, err := pbkdf2.Key(sha256.New, string(v.Password), v.Salt, v.IterationCount, v.DKLen)
	compare(t, v, dk, v.DK)
	return err == nil
}

// acceptsSignature is journal's check of an entry.
func acceptsSignature(_ *testing.T, g group, v vector) bool {
	return ed25519.Verify(ed25519.PublicKey(g.PublicKey.PK), v.Msg, v.Sig)
}
