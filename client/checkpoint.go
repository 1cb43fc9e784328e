package client

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// A memory is what the client knows of how far the pod's journal has come.
type memory struct {
	mu   sync.Mutex
	key  ed25519.PublicKey // of the pod, nil until it is known; guarded by mu
	last noted             // guarded by mu
}

// A noted checkpoint is one whose signature was checked. The zero one is that of a
// journal without entries.
type noted struct {
	journal.Checkpoint
	text string
}

// Checkpoint returns the last signed checkpoint of the pod's journal that the client
// saw, and the pod's public key in hexadecimal. Both are empty if the server has shown
// none: it does so only to who may manage the pod without bounds.
//
// The client takes the key that it is shown first for the pod's. Whoever keeps both and
// gives them to [Client.Expect] the next time notices whatever happens in between.
func (c *Client) Checkpoint() (note, podKey string) {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	return c.seen.last.text, hex.EncodeToString(c.seen.key)
}

// Expect makes the client hold the server to what [Client.Checkpoint] returned earlier:
// a pod that has not grown from there, or that signs with another key, is refused with
// CodeRolledBack. note may be empty, to expect only the key.
func (c *Client) Expect(note, podKey string) error {
	key, err := hex.DecodeString(podKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return locket.Errorf(locket.CodeInvalid, "the pod's key must be %d hexadecimal digits", 2*ed25519.PublicKeySize).Because(err)
	}
	var last noted
	if note != "" {
		if last, err = open(note, key); err != nil {
			return locket.Errorf(locket.CodeInvalid, "this is not a checkpoint that the pod's key has signed; note both again").Because(err)
		}
	}
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	c.seen.key, c.seen.last = key, last
	return nil
}

func open(note string, key ed25519.PublicKey) (noted, error) {
	cp, err := journal.OpenCheckpoint([]byte(note), key)
	return noted{cp, note}, err
}

// tell puts the last checkpoint into a request and returns it.
func (m *memory) tell(h http.Header) noted {
	m.mu.Lock()
	defer m.mu.Unlock()
	h.Set("Locket-Checkpoint", "*") // none yet
	if m.last.text != "" {
		h.Set("Locket-Checkpoint", base64.RawURLEncoding.EncodeToString([]byte(m.last.text)))
	}
	return m.last
}

// hear checks what an answer says of the journal against what its request told, and
// remembers it. Requests may overtake each other: the longest journal is kept.
func (m *memory) hear(h http.Header, told noted) error {
	text := h.Get("Locket-Checkpoint")
	if text == "" {
		return nil // files, streams, and whoever may not manage the pod
	}
	note, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return notGrown(err)
	}
	key, err := hex.DecodeString(h.Get("Locket-Pod-Key"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return notGrown(errors.New("client: malformed pod key"))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, err := open(string(note), key)
	if err != nil {
		return notGrown(err)
	}
	if m.key != nil && !m.key.Equal(ed25519.PublicKey(key)) && !follows(h, now.Pod, m.key, key) {
		return notGrown(fmt.Errorf("client: the pod's key is %x, not %x", key, m.key))
	}
	proof, err := readProof(h.Get("Locket-Growth"))
	if err != nil {
		return notGrown(err)
	}
	if err := journal.CheckGrowth(proof, told.Checkpoint, now.Checkpoint); err != nil {
		return notGrown(err)
	}
	return m.keep(key, now)
}

// keep remembers a checkpoint that was checked. The caller holds mu.
func (m *memory) keep(key ed25519.PublicKey, now noted) error {
	switch {
	case m.key == nil || now.Size > m.last.Size || m.last.text == "" || now.Checkpoint == m.last.Checkpoint:
		m.key, m.last = key, now
	case now.Size == m.last.Size && now.Checkpoint != m.last.Checkpoint:
		return notGrown(fmt.Errorf("client: two journals of %d entries", now.Size))
	}
	return nil
}

// follows tells whether the pod's earlier key has named, over those that came between,
// the one that it has now.
func follows(h http.Header, pod locket.PodID, earlier, now ed25519.PublicKey) bool {
	text, err := base64.RawURLEncoding.DecodeString(h.Get("Locket-Earlier-Keys"))
	var said []journal.Succession
	if err != nil || json.Unmarshal(text, &said) != nil {
		return false
	}
	return journal.Leads(pod, earlier, now, said)
}

func readProof(text string) ([]journal.Hash, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	proof := make([]journal.Hash, len(parts))
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil || len(b) != len(proof[i]) {
			return nil, errors.New("client: malformed proof")
		}
		copy(proof[i][:], b)
	}
	return proof, nil
}

func notGrown(cause error) error {
	return locket.Errorf(locket.CodeRolledBack, "the server can't show that this pod has grown from what was last seen of it: an old copy was put back, or its journal "+
		"was rewritten. If that was you, forget the noted checkpoint; if not, find out who did").Because(cause)
}
