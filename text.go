package locket

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// TextHash returns the hex SHA-256 of a text with its white space evened out:
// none at the ends, one space for each run. Texts of one hash say the same, which
// is how a memory that comes a second time is known.
func TextHash(s string) string {
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(s), " ")))
	return hex.EncodeToString(sum[:])
}
