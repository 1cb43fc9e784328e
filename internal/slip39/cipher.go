package slip39

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"unsafe"
)

const (
	rounds         = 4
	baseIterations = 10000 // of PBKDF2 in all rounds, for the exponent 0
)

// A cipher encrypts the secret before it is shared: a Feistel network of four
// rounds with PBKDF2 as its function. It has no authentication on purpose: every
// passphrase gives a secret.
type cipher struct {
	passphrase []byte
	salt       []byte // what comes before the half in PBKDF2's salt
	iterations int    // of one round
}

func newCipher(passphrase []byte, identifier int, extendable bool, exponent int) cipher {
	c := cipher{passphrase: passphrase, iterations: baseIterations / rounds << exponent}
	if !extendable { // else sets with other identifiers can be made later
		c.salt = binary.BigEndian.AppendUint16([]byte(custom), uint16(identifier))
	}
	return c
}

// encrypt and decrypt work in place.
func (c cipher) encrypt(secret []byte) error { return c.run(secret, [rounds]byte{0, 1, 2, 3}) }
func (c cipher) decrypt(secret []byte) error { return c.run(secret, [rounds]byte{3, 2, 1, 0}) }

func (c cipher) run(secret []byte, order [rounds]byte) error {
	half := len(secret) / 2
	left, right := secret[:half], secret[half:]
	for _, round := range order {
		f, err := c.round(round, right)
		if err != nil {
			return err
		}
		for i := range left {
			left[i], right[i] = right[i], left[i]^f[i]
		}
		clear(f)
	}
	for i := range left { // the last round does not swap
		left[i], right[i] = right[i], left[i]
	}
	return nil
}

// round returns as many bytes as the half has.
func (c cipher) round(number byte, half []byte) ([]byte, error) {
	password := slices.Concat([]byte{number}, c.passphrase)
	defer clear(password)
	salt := slices.Concat(c.salt, half)
	defer clear(salt)
	// No copy that could not be cleared; the call does not keep it.
	text := unsafe.String(&password[0], len(password))
	return pbkdf2.Key(sha256.New, text, salt, c.iterations, len(half))
}
