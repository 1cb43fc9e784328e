package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

const grantVersion = 1

// A ProcessSealer seals grants with a key that was drawn when it was made, is
// never written and goes with the process. Safe for concurrent use.
type ProcessSealer struct {
	now   func() time.Time
	epoch epoch

	mu  sync.RWMutex   // held for reading while key is used: closing unmaps it
	key *secret.Locked // nil once closed; guarded by mu
}

var _ Sealer = (*ProcessSealer)(nil)

// NewProcessSealer draws a key. The caller closes the sealer.
func NewProcessSealer(now func() time.Time) *ProcessSealer {
	s := &ProcessSealer{now: now, key: secret.NewLocked(seal.KeySize)}
	s.key.Fill()
	_, _ = rand.Read(s.epoch[:]) // never fails: crypto/rand aborts the program instead
	return s
}

// Close wipes the key, which ends every grant of this sealer.
func (s *ProcessSealer) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == nil {
		return nil
	}
	key := s.key
	s.key = nil
	return key.Close()
}

// grantTerms is what is sealed behind the pod key. The key is not a field because
// the encoder keeps its buffers and does not wipe them.
type grantTerms struct {
	ID        GrantID  `cbor:"id"`
	Principal [16]byte `cbor:"who"`
	Audience  string   `cbor:"aud"`
	Expires   int64    `cbor:"exp"` // Unix microseconds
}

// grantAD is all that the box is bound to, besides the sealer's key.
func grantAD(pod [16]byte, e epoch) ([]byte, error) {
	return canon.Marshal(struct {
		Use     string   `cbor:"use"`
		Version int64    `cbor:"v"`
		Pod     [16]byte `cbor:"pod"`
		Epoch   epoch    `cbor:"epoch"`
	}{"locket/grant", grantVersion, pod, e})
}

// Seal returns the grant as a token, which the caller wipes. It does not ask
// whether the grant's maker may make it.
func (s *ProcessSealer) Seal(g Grant, podKey *secret.Key) (*GrantToken, error) {
	pod, okPod := locket.ParseUUID(string(g.Pod))
	who, okWho := locket.ParseUUID(string(g.Principal))
	if !okPod || !okWho || podKey.Len() != KeySize {
		return nil, fmt.Errorf("keyring: grant for pod %q, principal %q, a key of %d bytes: malformed", g.Pod, g.Principal, podKey.Len())
	}
	if err := checkAudience(g.Audience); err != nil {
		return nil, err
	}
	terms, err := canon.Marshal(grantTerms{ID: g.ID, Principal: who, Audience: g.Audience, Expires: g.Expires.UnixMicro()})
	if err != nil {
		return nil, err
	}
	ad, err := grantAD(pod, s.epoch)
	if err != nil {
		return nil, err
	}
	plain := append(append(make([]byte, 0, KeySize+len(terms)), podKey.Bytes()...), terms...)
	defer clear(plain)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.key == nil {
		return nil, restarted()
	}
	box, err := seal.Seal(&s.key.Key, plain, ad)
	if err != nil {
		return nil, err
	}
	return &GrantToken{Pod: g.Pod, epoch: s.epoch, box: secret.Take(box)}, nil
}

// Unseal returns the grant and the pod key, which the caller wipes; Sealer says
// with which errors.
func (s *ProcessSealer) Unseal(t *GrantToken) (Grant, *secret.Key, error) {
	if t.epoch != s.epoch {
		return Grant{}, nil, restarted()
	}
	plain, err := s.open(t)
	if err != nil {
		return Grant{}, nil, err
	}
	defer clear(plain)
	var terms grantTerms
	if err := canon.Unmarshal(plain[KeySize:], &terms); err != nil {
		return Grant{}, nil, err
	}
	g := Grant{
		ID: terms.ID, Pod: t.Pod, Principal: locket.PrincipalID(locket.FormatUUID(terms.Principal)),
		Audience: terms.Audience, Expires: time.UnixMicro(terms.Expires).UTC(),
	}
	if !s.now().Before(g.Expires) {
		return Grant{}, nil, locket.Errorf(locket.CodeExpired, "this session has run out; log in again").Because(ErrExpired)
	}
	return g, secret.Take(plain[:KeySize]), nil
}

// open returns what is in the box, which the caller wipes. It is at least a key:
// ParseGrant reads no shorter box.
func (s *ProcessSealer) open(t *GrantToken) ([]byte, error) {
	pod, _ := locket.ParseUUID(string(t.Pod)) // another pod id is not what was sealed
	ad, err := grantAD(pod, t.epoch)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.key == nil {
		return nil, restarted()
	}
	plain, err := seal.Open(&s.key.Key, t.box.Bytes(), ad)
	if errors.Is(err, seal.ErrOpen) {
		return nil, wrongSecret()
	}
	return plain, err
}

// restarted is the answer to a grant whose key is gone. Anybody can make a token
// that gets it: the epoch is public and is looked at first.
func restarted() error {
	return locket.Errorf(locket.CodeExpired, "this session ended when Locket was restarted; log in again").Because(ErrRestarted)
}
