package journal

import (
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/locketpod/locket"
)

// A Succession is the last that an earlier key of the pod signed: a checkpoint that
// names the key that follows it. Entries after that checkpoint are signed with the
// other.
type Succession struct {
	Key  string `json:"key"`  // the earlier one: Ed25519, hexadecimal
	Note string `json:"note"` // signed with it
}

const (
	successorLine  = "successor " // begins the line that names the next key, in hexadecimal
	maxSuccessions = 10000
)

// Succeed signs a succession: from checkpoint c on, next is the pod's key.
func (c Checkpoint) Succeed(key crypto.Signer, next ed25519.PublicKey) (Succession, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(next) != ed25519.PublicKeySize {
		return Succession{}, errors.New("journal: keys of pods are of Ed25519")
	}
	note, err := c.sign(key, c.text()+successorLine+hex.EncodeToString(next)+"\n")
	return Succession{Key: hex.EncodeToString(pub), Note: string(note)}, err
}

// Keys are the keys that a pod has signed with, one after the other.
type Keys struct {
	pod  locket.PodID
	past []pastKey // the oldest first
	now  ed25519.PublicKey
}

// A pastKey signed what came up to its last checkpoint.
type pastKey struct {
	key  ed25519.PublicKey
	last Checkpoint
	said Succession
}

// NewKeys returns the keys of a pod, of which now is the present one. Each of earlier,
// the oldest first, must name the key that follows.
func NewKeys(pod locket.PodID, now ed25519.PublicKey, earlier []Succession) (*Keys, error) {
	k := &Keys{pod: pod, now: now}
	if len(now) != ed25519.PublicKeySize || len(earlier) > maxSuccessions {
		return nil, fmt.Errorf("%w: a key of %d bytes after %d others", ErrBadCheckpoint, len(now), len(earlier))
	}
	expected := ""
	for i, s := range earlier {
		if i > 0 && s.Key != expected {
			return nil, fmt.Errorf("%w: key %d is not the one that was named to follow", ErrBadCheckpoint, i+1)
		}
		p, next, err := s.open(pod)
		if err != nil {
			return nil, fmt.Errorf("%w: succession %d: %w", ErrBadCheckpoint, i+1, err)
		}
		if i > 0 && p.last.Size <= k.past[i-1].last.Size {
			return nil, fmt.Errorf("%w: key %d signed nothing", ErrBadCheckpoint, i+1)
		}
		k.past, expected = append(k.past, p), next
	}
	if len(earlier) > 0 && hex.EncodeToString(now) != expected {
		return nil, fmt.Errorf("%w: the present key is not the one that was named to follow", ErrBadCheckpoint)
	}
	return k, nil
}

// open checks a succession and returns the key that it names, in hexadecimal.
func (s Succession) open(pod locket.PodID) (p pastKey, next string, err error) {
	p.said = s
	if p.key, err = parseKey(s.Key); err != nil {
		return p, "", err
	}
	text, err := openNote([]byte(s.Note), p.key)
	if err != nil {
		return p, "", err
	}
	i := strings.LastIndex(text, successorLine)
	if i < 0 {
		return p, "", errors.New("no successor")
	}
	next, ok := strings.CutSuffix(text[i+len(successorLine):], "\n")
	if _, err := parseKey(next); err != nil || !ok {
		return p, "", errors.New("malformed successor")
	}
	if p.last, err = parseCheckpoint(text[:i]); err == nil && p.last.Pod != pod {
		err = errors.New("of another pod")
	}
	return p, next, err
}

// Earlier returns how many keys came before the present one.
func (k *Keys) Earlier() int { return len(k.past) }

// Now returns the present key.
func (k *Keys) Now() ed25519.PublicKey { return k.now }

// At returns the key that the pod had for entry n, from 1.
func (k *Keys) At(n int64) ed25519.PublicKey {
	for _, p := range k.past {
		if n <= p.last.Size {
			return p.key
		}
	}
	return k.now
}

// Open is OpenCheckpoint with the key that the pod had then. A checkpoint of an earlier
// key that goes beyond what this one signed is ErrBadCheckpoint. since has the
// successions from that key to the present one.
func (k *Keys) Open(text []byte) (c Checkpoint, since []Succession, err error) {
	c, err = OpenCheckpoint(text, k.now)
	for i := len(k.past) - 1; err != nil && i >= 0; i-- {
		p := k.past[i]
		if old, e := OpenCheckpoint(text, p.key); e == nil && old.Size <= p.last.Size {
			return old, k.successions(i), nil
		}
	}
	return c, nil, err
}

func (k *Keys) successions(from int) []Succession {
	var said []Succession
	for _, p := range k.past[from:] {
		said = append(said, p.said)
	}
	return said
}

// Successions returns all successions, the oldest first.
func (k *Keys) Successions() []Succession { return k.successions(0) }

// Leads reports whether the successions, the oldest first, lead from a pod's earlier key
// to now.
func Leads(pod locket.PodID, earlier, now ed25519.PublicKey, said []Succession) bool {
	for i, s := range said {
		if s.Key == hex.EncodeToString(earlier) {
			_, err := NewKeys(pod, now, said[i:])
			return err == nil
		}
	}
	return false
}
