package locket

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// TextHash returns the hex SHA-256 of a text with its white space evened out:
// none at the ends, one space for each run. Texts of one hash say the same, which
// is how a memory that comes a second time is known.
func TextHash(s string) string {
	sum := sha256.Sum256([]byte(strings.Join(strings.Fields(s), " ")))
	return hex.EncodeToString(sum[:])
}

var (
	edgeForm   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)
	edgeHashed = regexp.MustCompile(`_[0-9a-f]{16}$`)
	notInEdges = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// EdgeName returns the name of the edges for a relation that may be called
// anything, such as "works at": the same where an edge may have that name, else
// its letters and digits with a hash that tells it from others.
func EdgeName(relation string) string {
	if edgeForm.MatchString(relation) && !edgeHashed.MatchString(relation) {
		return relation
	}
	const longest, hash = 64, 16
	slug := strings.Trim(notInEdges.ReplaceAllString(relation, "_"), "_")
	if slug == "" || slug[0] >= '0' && slug[0] <= '9' {
		slug = "r" + slug
	}
	sum := sha256.Sum256([]byte(relation))
	return slug[:min(len(slug), longest-hash-1)] + "_" + hex.EncodeToString(sum[:])[:hash]
}
