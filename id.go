package locket

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// An ItemID names an item: a UUID version 7 (RFC 9562) in its canonical text
// form, so ids sort by the time they were made.
type ItemID string

// A BlobID names a blob: a UUID version 4 in its canonical text form.
type BlobID string

// A PodID names a pod: a UUID version 4 in its canonical text form. It is
// public: it is the name of the pod's folder and part of every API key.
type PodID string

// A PrincipalID names a principal within a pod: a UUID version 4.
type PrincipalID string

// NewItemID returns a fresh id for an item made at now.
func NewItemID(now time.Time) ItemID {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails: crypto/rand aborts the program instead
	return ItemID(FormatUUID(uuidV7(u, now)))
}

// ItemIDFrom returns the id made of now and of ten bytes of the caller's choice,
// for generators that must give the same ids again.
func ItemIDFrom(now time.Time, random [10]byte) ItemID {
	var u [16]byte
	copy(u[6:], random[:])
	return ItemID(FormatUUID(uuidV7(u, now)))
}

// NewBlobID returns a fresh random id for a blob.
func NewBlobID() BlobID { return BlobID(randomUUID()) }

// NewPodID returns a fresh random id for a pod.
func NewPodID() PodID { return PodID(randomUUID()) }

// NewPrincipalID returns a fresh random id for a principal.
func NewPrincipalID() PrincipalID { return PrincipalID(randomUUID()) }

func uuidV7(u [16]byte, now time.Time) [16]byte {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli())<<16)
	copy(u[:6], ms[:6])
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

func randomUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails: crypto/rand aborts the program instead
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return FormatUUID(u)
}

// FormatUUID returns the canonical text form of a UUID.
func FormatUUID(u [16]byte) string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseUUID reads the canonical text form, lower case only, and nothing else.
func ParseUUID(s string) (u [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return u, false
	}
	digits := s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	for _, c := range []byte(digits) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return u, false
		}
	}
	_, err := hex.Decode(u[:], []byte(digits))
	return u, err == nil
}
