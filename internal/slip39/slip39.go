// Package slip39 shares a secret among people as lists of words: Shamir's secret
// sharing in two levels, as in SLIP-0039. See docs/design/recovery.md.
//
// Split and Combine clear what they compute with. Mnemonics are strings, made to be
// printed, and cannot be cleared.
package slip39

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/locketpod/locket/internal/secret"
)

// What can be wrong. Texts are for people; none holds a word of a share.
var (
	ErrWord     = errors.New("slip39: not a word of the list; type it as it is printed, or its first four letters")
	ErrLength   = errors.New("slip39: a share has 20 or 33 words, in rare cases a number between; look for one left out or typed twice")
	ErrChecksum = errors.New("slip39: the words are not a share; one is wrong or in the wrong place: compare them with the printed ones")
	ErrShare    = errors.New("slip39: the share says what no share can say; whatever made it is broken")

	ErrMixed    = errors.New("slip39: the shares are not of one set; use those made on the same day")
	ErrRepeated = errors.New("slip39: the same share twice; give another one")
	ErrTooFew   = errors.New("slip39: not enough shares")
	ErrDigest   = errors.New("slip39: the shares do not fit together; one is of another set or was altered: try others in its place")

	ErrPolicy     = errors.New("slip39: cannot share like this")
	ErrSecret     = errors.New("slip39: a secret to share has 16 to 32 bytes, in even number")
	ErrPassphrase = errors.New("slip39: a passphrase of shares may have at most 256 letters, digits, signs and spaces as on an English keyboard")
	ErrCost       = errors.New("slip39: the iteration exponent is above 10; such shares take too long to open")
)

// A WordError says which word is to blame, without showing it.
type WordError struct {
	Position int      // from 1
	Near     []string // words of the list that may be meant; part of a secret: for who typed, not for a log
	Err      error    // ErrWord, or ErrChecksum if changing this word alone can make the share right
}

func (e *WordError) Error() string { return fmt.Sprintf("word %d: %v", e.Position, e.Err) }
func (e *WordError) Unwrap() error { return e.Err }

const (
	maxExponent   = 10  // 2.5 million iterations in each of four rounds
	maxPassphrase = 256 // bytes
)

// A Policy says which shares give the secret back: those of GroupThreshold groups.
type Policy struct {
	GroupThreshold    int
	Groups            []Group // 1 to 16
	IterationExponent int     // 0 to 10; each step doubles the work to try a passphrase
}

// A Group gives its part of the secret to any Threshold of its Count members, 1 to
// 16. If one suffices there must be only one: copies are no shares.
type Group struct{ Threshold, Count int }

func (p Policy) check() error {
	switch {
	case len(p.Groups) < 1 || len(p.Groups) > maxShares:
		return fmt.Errorf("%w: there are 1 to %d groups", ErrPolicy, maxShares)
	case p.GroupThreshold < 1 || p.GroupThreshold > len(p.Groups):
		return fmt.Errorf("%w: the number of groups needed is 1 to the number there are", ErrPolicy)
	case p.IterationExponent < 0 || p.IterationExponent > maxExponent:
		return fmt.Errorf("%w: the iteration exponent is 0 to %d", ErrPolicy, maxExponent)
	}
	for i, g := range p.Groups {
		switch {
		case g.Count < 1 || g.Count > maxShares:
			return fmt.Errorf("%w: group %d must have 1 to %d members", ErrPolicy, i+1, maxShares)
		case g.Threshold < 1 || g.Threshold > g.Count:
			return fmt.Errorf("%w: the number of members needed of group %d is 1 to the number it has", ErrPolicy, i+1)
		case g.Threshold == 1 && g.Count > 1:
			return fmt.Errorf("%w: if one member of group %d suffices it has only one; make it several groups of one", ErrPolicy, i+1)
		}
	}
	return nil
}

// Split shares a secret of 16 to 32 bytes, of which the standard wants full
// entropy. It returns the mnemonics of each group's members; the set has a fresh
// identifier and can be extended. The errors are ErrPolicy, ErrSecret and
// ErrPassphrase.
func Split(master *secret.Key, passphrase []byte, p Policy) ([][]string, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if !validSize(master.Len()) {
		return nil, ErrSecret
	}
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	s := Share{
		Identifier: randomIdentifier(), Extendable: true, IterationExponent: p.IterationExponent,
		GroupThreshold: p.GroupThreshold, Groups: len(p.Groups),
	}
	encrypted := master.Clone()
	defer encrypted.Wipe()
	c := newCipher(passphrase, s.Identifier, s.Extendable, s.IterationExponent)
	if err := c.encrypt(encrypted.Bytes()); err != nil {
		return nil, fmt.Errorf("slip39: %w", err)
	}
	mnemonics := make([][]string, len(p.Groups))
	for i, value := range split(encrypted.Bytes(), p.GroupThreshold, len(p.Groups)) {
		s.Group = i
		mnemonics[i] = splitGroup(value, s, p.Groups[i])
	}
	return mnemonics, nil
}

// splitGroup clears the group's value. What s says of the set and the group is in
// all its shares.
func splitGroup(value []byte, s Share, g Group) []string {
	s.MemberThreshold = g.Threshold
	mnemonics := make([]string, g.Count)
	for i, v := range split(value, g.Threshold, g.Count) {
		s.Member = i
		s.Value = secret.Take(v)
		mnemonics[i] = s.mnemonic()
		s.Wipe()
	}
	clear(value)
	return mnemonics
}

func randomIdentifier() int {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	return int(binary.BigEndian.Uint16(b[:]) & (1<<15 - 1))
}

// checkPassphrase keeps to what every implementation takes, so that no keyboard or
// normal form of Unicode decides which secret comes out.
func checkPassphrase(p []byte) error {
	if len(p) > maxPassphrase {
		return ErrPassphrase
	}
	for _, c := range p {
		if c < 32 || c > 126 {
			return ErrPassphrase
		}
	}
	return nil
}
