package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/locketpod/locket/internal/secret"
)

// A stream is the payload of an age file (age-encryption.org/v1): a nonce of 16
// bytes, then chunks of 64 KiB of plaintext, each sealed by ChaCha20-Poly1305 under
// its number and whether it is the last. The last may be shorter; it is empty
// only if it is the only one.
const (
	ChunkSize     = 64 << 10 // of plaintext, in bytes
	MinStreamKey  = 16       // shortest key of a stream; age's are this long
	nonceSize     = 16
	chunkOverhead = chacha20poly1305.Overhead
	sealedChunk   = ChunkSize + chunkOverhead
	streamInfo    = "payload" // HKDF info, as age has it
)

// StreamSize returns the length of the stream that holds size bytes.
func StreamSize(size int64) int64 {
	return nonceSize + size + chunks(size)*chunkOverhead
}

// plainSize is the inverse of StreamSize; ok is false for lengths that no stream has.
func plainSize(stream int64) (size int64, ok bool) {
	body := stream - nonceSize
	if body < chunkOverhead {
		return 0, false
	}
	n := (body + sealedChunk - 1) / sealedChunk
	size = body - n*chunkOverhead
	return size, chunks(size) == n
}

// chunks returns how many chunks hold size bytes.
func chunks(size int64) int64 {
	return max(1, (size+ChunkSize-1)/ChunkSize)
}

// streamAEAD returns the cipher of the stream that begins with nonce.
func streamAEAD(key *secret.Key, nonce []byte) (cipher.AEAD, error) {
	if key.Len() < MinStreamKey {
		return nil, fmt.Errorf("seal: a stream key has at least %d bytes, not %d", MinStreamKey, key.Len())
	}
	b, err := hkdf.Key(sha256.New, key.Bytes(), nonce, streamInfo, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	defer clear(b)
	aead, err := chacha20poly1305.New(b)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return aead, nil
}

// chunkNonce returns the nonce of a chunk: its number in 11 bytes, big-endian,
// then 1 if it is the last, else 0.
func chunkNonce(number int64, last bool) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSize)
	binary.BigEndian.PutUint64(nonce[3:11], uint64(number))
	if last {
		nonce[11] = 1
	}
	return nonce
}
