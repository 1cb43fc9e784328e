package journal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
)

const (
	proofFormat  = "locket-proof"
	proofVersion = 1

	// MaxProof is the size of the largest proof in bytes.
	MaxProof = 64 << 20

	maxActions = 10000 // of one proof
)

// A Proof shows to somebody without the pod that actions were signed and are part of
// its journal. Binary values are base64, keys hexadecimal.
type Proof struct {
	Format     string         `json:"format"`
	Version    int            `json:"version"`
	Pod        locket.PodID   `json:"pod"`
	PodKey     string         `json:"podKey"`                // Ed25519
	Earlier    []Succession   `json:"earlierKeys,omitempty"` // those before it, the oldest first
	Checkpoint string         `json:"checkpoint"`            // signed
	Actions    []ProvedAction `json:"actions"`
}

// A ProvedAction is one action of a [Proof]. Indexes count from 0.
type ProvedAction struct {
	Entry      []byte `json:"entry"` // canonical form
	EntryIndex int64  `json:"entryIndex"`
	EntryPath  []Hash `json:"entryPath,omitempty"` // in the pod's tree
	Signature  []byte `json:"signature"`
	AuthorKey  string `json:"authorKey,omitempty"` // Ed25519; empty: the pod signed
	Leaf       []byte `json:"leaf,omitempty"`      // canonical form
	LeafHash   *Hash  `json:"leafHash,omitempty"`  // instead of Leaf if that was erased
	LeafIndex  int64  `json:"leafIndex"`
	LeafPath   []Hash `json:"leafPath,omitempty"` // in the entry's tree
}

// NewProof returns a proof without actions. checkpoint is the signed text.
func NewProof(pod locket.PodID, podKey ed25519.PublicKey, earlier []Succession, checkpoint []byte) *Proof {
	return &Proof{
		Format: proofFormat, Version: proofVersion, Pod: pod, PodKey: hex.EncodeToString(podKey), Earlier: earlier,
		Checkpoint: string(checkpoint), Actions: []ProvedAction{},
	}
}

// Add adds the action at index leaf of a record. authorKey is that of its author,
// which the proof has unless the pod signed on their behalf. tree gives the stored hashes of the pod's tree, and size is that of the proof's
// checkpoint.
func (p *Proof) Add(r *Record, leaf int, authorKey ed25519.PublicKey, size int64, tree tlog.HashReader) error {
	if leaf < 0 || leaf >= len(r.Leaves) {
		return fmt.Errorf("journal: entry %d has no action %d", r.N, leaf)
	}
	a := ProvedAction{EntryIndex: r.N - 1, Signature: r.Signature, LeafIndex: int64(leaf)}
	if !r.Entry.ByPod {
		a.AuthorKey = hex.EncodeToString(authorKey)
	}
	if l := &r.Leaves[leaf]; l.Leaf == nil {
		a.LeafHash = new(l.Hash)
	} else if b, err := canon.Marshal(l.Leaf); err != nil {
		return fmt.Errorf("journal: encode leaf: %w", err)
	} else {
		a.Leaf = b
	}
	hashes := make([]Hash, len(r.Leaves))
	for i := range r.Leaves {
		hashes[i] = r.Leaves[i].Hash
	}
	var err error
	if a.LeafPath, err = LeafPath(hashes, leaf); err != nil {
		return err
	}
	if a.EntryPath, err = EntryPath(size, a.EntryIndex, tree); err != nil {
		return err
	}
	if a.Entry, err = canon.Marshal(&r.Entry); err != nil {
		return fmt.Errorf("journal: encode entry: %w", err)
	}
	p.Actions = append(p.Actions, a)
	return nil
}

// Encode returns the proof as a file of JSON.
func (p *Proof) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("journal: encode proof: %w", err)
	}
	if len(data) >= MaxProof || len(p.Actions) > maxActions {
		return nil, locket.Errorf(locket.CodeTooLarge,
			"a proof has at most %d actions in %d MiB: prove a part, or export the journal", maxActions, MaxProof>>20)
	}
	return append(data, '\n'), nil
}

// ParseProof reads what Encode wrote, without checking what it says.
func ParseProof(data []byte) (*Proof, error) {
	if len(data) > MaxProof {
		return nil, locket.Errorf(locket.CodeTooLarge, "a proof has at most %d MiB", MaxProof>>20)
	}
	p := new(Proof)
	if err := strictJSON(data, p); err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "this is no proof that locket journal prove wrote").Because(err)
	}
	switch {
	case p.Format != proofFormat:
		return nil, locket.Errorf(locket.CodeInvalid, "this is no proof: its format is not %q", proofFormat)
	case p.Version != proofVersion:
		return nil, locket.Errorf(locket.CodeNewer, "this proof is of version %d: check it with a newer Locket", p.Version)
	case len(p.Actions) == 0 || len(p.Actions) > maxActions:
		return nil, locket.Errorf(locket.CodeInvalid, "a proof has 1 to %d actions, this has %d", maxActions, len(p.Actions))
	}
	return p, nil
}

// strictJSON reads one value without unknown fields.
func strictJSON(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

func parseKey(s string) (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(s)
	if err != nil || len(key) != ed25519.PublicKeySize || hex.EncodeToString(key) != s {
		return nil, errors.New("not a public key")
	}
	return key, nil
}

// hashOf returns what is signed of an entry's canonical form.
func hashOf(entry []byte) Hash { return sha256.Sum256(entry) }
