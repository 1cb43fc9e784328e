// Package journal defines the signed entries that record what was done in a pod.
//
// An [Entry] stands for one transaction by one author. It binds the author's
// previous entry, a hybrid clock reading and the Merkle root (RFC 6962) of its
// leaves. A leaf is the canonical form of one action, hashed with a random salt, so
// that a leaf's content can be erased while the chain still verifies, and shown
// with a proof while the others stay hidden. Over all entries of a pod runs a
// second tree, whose signed [Checkpoint] shows that no entry is gone from the end.
// Bytes: docs/design/journal.md.
package journal

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
)

// Version is the version of the entry format written here.
const Version = 1

// SaltSize is the length of a leaf's salt in bytes.
const SaltSize = 16

// domain separates signatures over entries from all others of the same key.
const domain = "locket/v1/entry\n"

// ErrBadSignature says that an entry's signature does not fit it.
var ErrBadSignature = errors.New("journal: signature does not fit the entry")

// A Hash is a SHA-256.
type Hash = tlog.Hash

// An Entry is one signed transaction. It is encoded as a CBOR array in the order
// of its fields.
type Entry struct {
	_ struct{} `cbor:",toarray"`

	Version int        // Version
	Pod     [16]byte   // id of the pod
	Author  [16]byte   // id of the principal who acted
	ByPod   bool       // the pod signed on the author's behalf
	Seq     int64      // the author's own count, from 1
	Prev    []byte     // hash of the author's previous entry, empty for the first
	HLC     locket.HLC // when
	Kind    string     // a locket.EntryKind
	Source  Source     // what it came of
	Leaves  int        // number of leaves, at least 1
	Root    []byte     // Merkle root over the leaf hashes, RFC 6962 §2.1
}

// A Source is a locket.Source. It is encoded as a CBOR array in the order of its
// fields; each may be "".
type Source struct {
	_ struct{} `cbor:",toarray"`

	Import  string
	Session string
	Item    string
}

// A Leaf is one action. It is encoded as a CBOR array in the order
// of its fields.
type Leaf struct {
	_ struct{} `cbor:",toarray"`

	Salt   [SaltSize]byte
	Item   [16]byte       // id of the item, zeros for what is about none
	Action string         // a locket.Action
	Type   string         // of the item, "" where it does not matter
	Props  map[string]any // values set; nil where one was removed; times as microseconds since 1970
}

// Hash returns the RFC 6962 leaf hash: SHA-256(0x00 ‖ canonical form).
func (l *Leaf) Hash() (Hash, error) {
	b, err := canon.Marshal(l)
	if err != nil {
		return Hash{}, fmt.Errorf("journal: encode leaf: %w", err)
	}
	return tlog.RecordHash(b), nil
}

// Hash returns the SHA-256 of the canonical form. It is what is signed, and what
// the author's next entry names as Prev.
func (e *Entry) Hash() (Hash, error) {
	b, err := canon.Marshal(e)
	if err != nil {
		return Hash{}, fmt.Errorf("journal: encode entry: %w", err)
	}
	return sha256.Sum256(b), nil
}

// Sign returns the entry's hash and the Ed25519 signature over domain ‖ hash. key
// holds an Ed25519 key.
func (e *Entry) Sign(key crypto.Signer) (Hash, []byte, error) {
	h, err := e.Hash()
	if err != nil {
		return Hash{}, nil, err
	}
	sig, err := key.Sign(nil, signed(h), crypto.Hash(0))
	if err != nil {
		return Hash{}, nil, fmt.Errorf("journal: sign: %w", err)
	}
	return h, sig, nil
}

// Verify checks sig against the entry. It returns ErrBadSignature if it does not fit.
func (e *Entry) Verify(pub ed25519.PublicKey, sig []byte) error {
	h, err := e.Hash()
	if err != nil {
		return err
	}
	if !ed25519.Verify(pub, signed(h), sig) {
		return ErrBadSignature
	}
	return nil
}

func signed(h Hash) []byte { return append([]byte(domain), h[:]...) }
