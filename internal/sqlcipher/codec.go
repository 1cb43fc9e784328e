package sqlcipher

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"github.com/locketpod/locket/internal/secret"
)

// The SQLCipher 4 page: ciphertext, then IV, then MAC. On page 1 the salt
// stands in clear where plain SQLite has its magic.
const (
	PageSize = 4096 // bytes of a page, sealed or plain
	KeySize  = 32   // bytes of a raw database key
	SaltSize = 16   // bytes of the salt that starts the file

	ivSize   = aes.BlockSize
	macSize  = sha512.Size
	reserved = ivSize + macSize // bytes at the end of each page that SQLite leaves alone
	ivStart  = PageSize - reserved
	macStart = PageSize - macSize

	ivBatch = 32 // IVs drawn from the system at once
)

// magic is what SQLite expects in the first bytes of page 1.
const magic = "SQLite format 3\x00"

var errPage = errors.New("sqlcipher: page does not verify")

// A Codec seals and opens single pages of one database. It belongs to one
// goroutine at a time.
//
// Its AES schedule and HMAC states live in Go's heap, where the standard
// library offers no way to overwrite them; Wipe drops them for the collector.
type Codec struct {
	salt   [SaltSize]byte
	mac    hash.Hash
	macBuf [macSize]byte
	noBuf  [4]byte
	enc    cbcMode
	dec    cbcMode
	ivs    [ivBatch * ivSize]byte
	ivLeft int // unused bytes at the end of ivs
}

// cbcMode is a CBC mode that takes a new IV for each page; those of crypto/aes do.
type cbcMode interface {
	cipher.BlockMode
	SetIV([]byte)
}

// NewCodec makes the codec of the database with this raw key, [KeySize] bytes,
// and the salt that the file begins with, [SaltSize] bytes. It copies both.
func NewCodec(key *secret.Key, salt []byte) (*Codec, error) {
	if key.Len() != KeySize || len(salt) != SaltSize {
		return nil, fmt.Errorf("sqlcipher: key of %d and salt of %d bytes; want %d and %d", key.Len(), len(salt), KeySize, SaltSize)
	}
	block, err := aes.NewCipher(key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("sqlcipher: %w", err)
	}
	var iv [ivSize]byte
	enc, ok1 := cipher.NewCBCEncrypter(block, iv[:]).(cbcMode)
	dec, ok2 := cipher.NewCBCDecrypter(block, iv[:]).(cbcMode)
	if !ok1 || !ok2 {
		return nil, errors.New("sqlcipher: this Go release's CBC mode cannot change its IV")
	}
	c := &Codec{salt: [SaltSize]byte(salt), enc: enc, dec: dec}
	macKey := deriveMACKey(key.Bytes(), c.salt)
	c.mac = hmac.New(sha512.New, macKey[:])
	clear(macKey[:])
	return c, nil
}

// deriveMACKey is PBKDF2 with 2 rounds over the salt XOR 0x3a.
func deriveMACKey(key []byte, salt [SaltSize]byte) [32]byte {
	for i := range salt {
		salt[i] ^= 0x3a
	}
	return pbkdf2(key, salt, 2)
}

// pbkdf2 is PBKDF2-HMAC-SHA512 (RFC 8018, 5.2), first 32 bytes. It is spelled out
// because crypto/pbkdf2 takes the password as a string, which cannot be wiped.
func pbkdf2(password []byte, salt [SaltSize]byte, rounds int) (out [32]byte) {
	prf := hmac.New(sha512.New, password)
	prf.Write(salt[:])
	prf.Write([]byte{0, 0, 0, 1}) // index of the first and only block
	var u [macSize]byte
	prf.Sum(u[:0])
	copy(out[:], u[:])
	for range rounds - 1 {
		prf.Reset()
		prf.Write(u[:])
		prf.Sum(u[:0])
		subtle.XORBytes(out[:], out[:], u[:len(out)])
	}
	clear(u[:])
	return out
}

// Seal encrypts the plain page src, number no counted from 1, into dst under a
// fresh IV. Both are [PageSize] bytes and must not overlap. What src has in the
// reserved bytes, and on page 1 in the first 16, is ignored.
func (c *Codec) Seal(dst, src []byte, no uint32) {
	start := textStart(no)
	if no == 1 {
		copy(dst, c.salt[:])
	}
	iv := dst[ivStart:macStart]
	c.nextIV(iv)
	c.enc.SetIV(iv)
	c.enc.CryptBlocks(dst[start:ivStart], src[start:ivStart])
	c.sum(dst, no)
	copy(dst[macStart:], c.macBuf[:])
}

// Open verifies page and decrypts it in place. The reserved bytes keep the IV
// and MAC. On error page is unchanged: nothing that fails is decrypted.
func (c *Codec) Open(page []byte, no uint32) error {
	return c.openTo(page, page, no)
}

// openTo decrypts src into dst, which is src itself or does not overlap it.
func (c *Codec) openTo(dst, src []byte, no uint32) error {
	if !c.verify(src, no) {
		return errPage
	}
	start := textStart(no)
	c.dec.SetIV(src[ivStart:macStart])
	c.dec.CryptBlocks(dst[start:ivStart], src[start:ivStart])
	copy(dst[ivStart:PageSize], src[ivStart:PageSize])
	if no == 1 {
		copy(dst, magic)
	}
	return nil
}

// verify reports whether the sealed page's MAC is right, in constant time.
// Page 1's salt is not under the MAC itself, but the MAC key depends on it.
func (c *Codec) verify(page []byte, no uint32) bool {
	if no == 1 && subtle.ConstantTimeCompare(page[:SaltSize], c.salt[:]) != 1 {
		return false
	}
	c.sum(page, no)
	return subtle.ConstantTimeCompare(c.macBuf[:], page[macStart:PageSize]) == 1
}

// sum leaves in macBuf the MAC over ciphertext, IV and page number.
func (c *Codec) sum(page []byte, no uint32) {
	binary.LittleEndian.PutUint32(c.noBuf[:], no)
	c.mac.Reset()
	c.mac.Write(page[textStart(no):macStart])
	c.mac.Write(c.noBuf[:])
	c.mac.Sum(c.macBuf[:0])
}

func (c *Codec) nextIV(iv []byte) {
	if c.ivLeft == 0 {
		_, _ = rand.Read(c.ivs[:]) // never fails: crypto/rand aborts the program instead
		c.ivLeft = len(c.ivs)
	}
	copy(iv, c.ivs[len(c.ivs)-c.ivLeft:])
	c.ivLeft -= ivSize
}

// Wipe makes the codec unusable and drops its keys.
func (c *Codec) Wipe() {
	if c != nil {
		*c = Codec{}
	}
}

// textStart is where a page's encrypted part begins.
func textStart(no uint32) int {
	if no == 1 {
		return SaltSize
	}
	return 0
}
