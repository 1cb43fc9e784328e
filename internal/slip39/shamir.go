package slip39

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// Where on the polynomials the secret lies, and what authenticates it. Shares lie
// at 0 to 15.
const (
	secretAt = 255
	digestAt = 254

	digestSize = 4
)

// split returns count values of which threshold give the secret. The caller clears
// them. A threshold of 1 copies the secret.
func split(secret []byte, threshold, count int) [][]byte {
	values := make([][]byte, count)
	for i := range values {
		values[i] = make([]byte, len(secret))
	}
	if threshold == 1 {
		for _, v := range values {
			copy(v, secret)
		}
		return values
	}
	var base []point // as many as the threshold: random shares, digest, secret
	for i := range threshold - 2 {
		_, _ = rand.Read(values[i]) // never fails: crypto/rand aborts the program instead
		base = append(base, point{byte(i), values[i]})
	}
	proof := make([]byte, len(secret)) // digest ‖ the random key it was made with
	defer clear(proof)
	_, _ = rand.Read(proof[digestSize:])
	digest := digestOf(secret, proof[digestSize:])
	copy(proof, digest[:digestSize])
	base = append(base, point{digestAt, proof}, point{secretAt, secret})
	for i := threshold - 2; i < count; i++ {
		interpolate(values[i], byte(i), base)
	}
	return values
}

// reconstruct sets secret to what the shares give, and reports whether they all belong
// together. There must be as many as the threshold, or more.
func reconstruct(secret []byte, threshold int, shares []point) bool {
	if threshold == 1 { // no digest: the shares are the secret
		copy(secret, shares[0].y)
		same := 1
		for _, s := range shares {
			same &= subtle.ConstantTimeCompare(secret, s.y)
		}
		return same == 1
	}
	interpolate(secret, secretAt, shares)
	proof := make([]byte, len(secret))
	defer clear(proof)
	interpolate(proof, digestAt, shares)
	digest := digestOf(secret, proof[digestSize:])
	return subtle.ConstantTimeCompare(digest[:digestSize], proof[:digestSize]) == 1
}

func digestOf(secret, key []byte) (digest [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(secret)
	h.Sum(digest[:0])
	return digest
}
