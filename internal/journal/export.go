package journal

import (
	"bufio"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
)

const (
	exportFormat  = "locket-journal"
	exportVersion = 1

	// maxLine bounds the lines of an export in bytes. The longest leaf, in base64,
	// is less.
	maxLine = 24 << 20
)

// A Header is the first line of an export. Nothing in it is signed: whose key PodKey
// is, and what the principals are called, the reader compares with what they know.
type Header struct {
	Format     string              `json:"format"`
	Version    int                 `json:"version"`
	Pod        locket.PodID        `json:"pod"`
	PodKey     string              `json:"podKey"`                // Ed25519, hexadecimal
	Earlier    []Succession        `json:"earlierKeys,omitempty"` // those before it, the oldest first
	Principals []ExportedPrincipal `json:"principals"`
}

// An ExportedPrincipal is somebody who acted.
type ExportedPrincipal struct {
	ID        locket.PrincipalID   `json:"id"`
	Kind      locket.PrincipalKind `json:"kind"`
	Name      string               `json:"name"`
	PublicKey string               `json:"publicKey,omitempty"` // Ed25519, hexadecimal; empty: the pod signs
}

// keys returns what a Verifier asks for keys.
func (h *Header) keys() (func(locket.PrincipalID) (ed25519.PublicKey, bool), error) {
	keys := make(map[locket.PrincipalID]ed25519.PublicKey)
	for _, p := range h.Principals {
		if p.PublicKey == "" {
			continue
		}
		key, err := parseKey(p.PublicKey)
		if err != nil {
			return nil, err
		}
		keys[p.ID] = key
	}
	return func(id locket.PrincipalID) (ed25519.PublicKey, bool) {
		key, ok := keys[id]
		return key, ok
	}, nil
}

// The lines after the header: one of an entry is followed by one for each of its
// leaves; the last has the checkpoint only.
type (
	entryLine struct {
		N          int64  `json:"n,omitempty"`     // from 1
		Entry      []byte `json:"entry,omitempty"` // canonical form
		Signature  []byte `json:"signature,omitempty"`
		Checkpoint string `json:"checkpoint,omitempty"`
	}
	leafLine struct {
		Hash *Hash  `json:"hash"`
		Leaf []byte `json:"leaf,omitempty"` // canonical form; empty: it was erased
	}
)

// An Exporter writes a journal as JSON Lines.
type Exporter struct {
	out   *bufio.Writer
	lines *json.Encoder
}

// NewExporter writes the header to w, whose format and version it fills in. The caller
// closes w, after Close.
func NewExporter(w io.Writer, h Header) (*Exporter, error) {
	h.Format, h.Version = exportFormat, exportVersion
	if h.Principals == nil {
		h.Principals = []ExportedPrincipal{}
	}
	x := &Exporter{out: bufio.NewWriter(w)}
	x.lines = json.NewEncoder(x.out)
	x.lines.SetEscapeHTML(false)
	return x, x.lines.Encode(h)
}

// Add writes the next entry.
func (x *Exporter) Add(r *Record) error {
	entry, err := canon.Marshal(&r.Entry)
	if err != nil {
		return fmt.Errorf("journal: encode entry: %w", err)
	}
	if err := x.lines.Encode(entryLine{N: r.N, Entry: entry, Signature: r.Signature}); err != nil {
		return err
	}
	for i := range r.Leaves {
		line := leafLine{Hash: &r.Leaves[i].Hash}
		if l := r.Leaves[i].Leaf; l != nil {
			if line.Leaf, err = canon.Marshal(l); err != nil {
				return fmt.Errorf("journal: encode leaf: %w", err)
			}
		}
		if err := x.lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// Close writes the last line, with the signed checkpoint of all that was added.
func (x *Exporter) Close(checkpoint []byte) error {
	if err := x.lines.Encode(entryLine{Checkpoint: string(checkpoint)}); err != nil {
		return err
	}
	return x.out.Flush()
}
