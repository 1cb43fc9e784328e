// Package backup keeps incremental snapshots of a pod in a folder or an
// S3-compatible store: every object is an age file that the stock age tool opens,
// every manifest is signed by the pod. What is backed up is ciphertext already, so
// nothing here sees content. The format, and how to restore by hand, is in
// docs/design/backup.md.
package backup

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"time"

	"filippo.io/age"

	"github.com/locketpod/locket"
)

const (
	pageSize     = 4096    // of SQLCipher 4
	packPages    = 1024    // pages in a pack, at most
	segmentPages = 1 << 16 // pages that one extents object and one digests object describe
	digestSize   = 16      // of a page: the first bytes of its SHA-256

	maxObject     = 8 << 20  // plaintext of an object; larger blobs are split
	maxManifest   = 16 << 20 // plaintext of a manifest
	maxHeader     = 1 << 20  // a pod's header
	maxSnapshots  = 1 << 17  // in a target
	maxObjects    = 1 << 24  // in a target
	maxBlobs      = 1 << 22  // in a pod
	maxRecipients = 32

	workers = 4 // objects in transfer at a time
)

// grace is how long an object that no manifest names is kept: it may be part of a
// snapshot that is being made. Create uses such leftovers only for half of it.
const grace = 24 * time.Hour

// A Source is one consistent state of a pod, which must not change while it is
// backed up.
type Source interface {
	io.ReaderAt                             // the raw database file
	Pages() uint32                          // its length in pages of 4096 bytes
	Blobs() iter.Seq2[BlobFile, error]      // in any order
	OpenBlob(string) (io.ReadCloser, error) // fs.ErrNotExist: erased meanwhile
}

// A BlobFile is an encrypted file of a pod.
type BlobFile struct {
	Name string // 32 hexadecimal digits
	Size int64  // of the file, in bytes
}

// A State says what of a pod is backed up.
type State struct {
	Pod        locket.PodID
	Epoch      int64 // of the pod key
	Generation int64 // of the header
	Taken      time.Time
	Database   string // file name: pod.db, or pod.N.db for later epochs
	Header     []byte // the pod's public header
	Checkpoint string // signed checkpoint of the journal
}

// Keys are what a snapshot is made with and read with. Each call says which it needs.
type Keys struct {
	Recipients []*age.HybridRecipient // the pod's own, and those the owner added
	Sign       crypto.Signer          // the pod's Ed25519 key
	Identities []age.Identity         // any that open the objects: the pod's, of older epochs, the owner's
	Verify     []ed25519.PublicKey    // the pod's public keys of all epochs that are to be believed
}

// A Hash is a SHA-256.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

func parseHash(s string) (h Hash, ok bool) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(h) || hex.EncodeToString(raw) != s {
		return Hash{}, false
	}
	return Hash(raw), true
}

// A Link names one snapshot for good. Whoever keeps the Link of the last snapshot
// notices when the target later shows an older state or another one.
type Link struct {
	ID       string // empty: none
	Manifest Hash   // SHA-256 of the manifest's file as stored
}

// A Summary says what Create did.
type Summary struct {
	Link
	Pages, NewPages uint32
	Blobs, NewBlobs int
	Gone            int      // blobs erased while the snapshot was taken
	Size            int64    // bytes of the database and the blobs
	Written         int64    // bytes put into the target
	Objects         int      // objects put into the target
	Notes           []string // what was found wrong with earlier snapshots and made good
}
