package slip39

import (
	"fmt"
	"strings"

	"github.com/locketpod/locket/internal/secret"
)

// The sizes of a share. The standard also allows longer secrets.
const (
	minSecret = 16 // bytes
	maxSecret = 32
	maxText   = 4096 // bytes of typed text, white space included

	headerWords = 4
	aroundWords = headerWords + checksumWords
	maxShares   = 16 // of a group, and groups of a set
)

// A Share is one mnemonic. Whoever parsed it wipes it.
type Share struct {
	Identifier        int  // 15 bits, the same in a whole set
	Extendable        bool // whether the identifier has no part in the encryption
	IterationExponent int

	Group           int // from 0
	GroupThreshold  int // groups needed
	Groups          int // groups made
	Member          int // within the group, from 0
	MemberThreshold int // members needed of this group

	Value *secret.Key // exported, since fmt prints an unexported field without asking its type
}

// Wipe clears the value; the share is of no use afterwards.
func (s Share) Wipe() { s.Value.Wipe() }

// Parse reads one mnemonic: words in any case, cut after their fourth letter or
// not, with any white space between them.
//
// The errors are ErrWord, ErrLength, ErrChecksum, ErrShare; errors.As finds a
// [WordError] where one word is to blame.
func Parse(mnemonic string) (Share, error) {
	words, err := parseWords(mnemonic)
	defer clear(words)
	if err != nil {
		return Share{}, err
	}
	if padding(len(words)) < 0 {
		return Share{}, fmt.Errorf("%w: it has %d", ErrLength, len(words))
	}
	if rs1024(extendable(words), words) != 1 {
		if i := wrongWord(words); i >= 0 {
			return Share{}, &WordError{Position: i + 1, Err: ErrChecksum}
		}
		return Share{}, ErrChecksum
	}
	s := parseHeader(words)
	value, ok := unpack(words[headerWords : len(words)-checksumWords])
	s.Value = secret.Take(value)
	if err := s.check(); err != nil || !ok {
		s.Wipe()
		return Share{}, ErrShare
	}
	return s, nil
}

func parseWords(mnemonic string) ([]uint16, error) {
	if len(mnemonic) > maxText {
		return nil, fmt.Errorf("%w: it is far too long", ErrLength)
	}
	typed := strings.Fields(strings.ToLower(mnemonic))
	words := make([]uint16, 0, len(typed))
	for i, t := range typed {
		w, ok := lookUp(t)
		if !ok {
			return words, &WordError{Position: i + 1, Near: near(t), Err: ErrWord}
		}
		words = append(words, w)
	}
	return words, nil
}

// extendable reads the one bit that the checksum depends on.
func extendable(words []uint16) bool { return words[1]>>4&1 == 1 }

// parseHeader reads the first 40 bits.
func parseHeader(words []uint16) Share {
	var bits uint64
	for _, w := range words[:headerWords] {
		bits = bits<<wordBits | uint64(w)
	}
	low := func(n int) int { // takes n bits from the end
		v := bits & (1<<n - 1)
		bits >>= n
		return int(v)
	}
	var s Share
	s.MemberThreshold = low(4) + 1
	s.Member = low(4)
	s.Groups = low(4) + 1
	s.GroupThreshold = low(4) + 1
	s.Group = low(4)
	s.IterationExponent = low(4)
	s.Extendable = low(1) == 1
	s.Identifier = low(15)
	return s
}

// mnemonic is the inverse of Parse.
func (s Share) mnemonic() string {
	bits := uint64(s.Identifier)
	add := func(n, v int) { bits = bits<<n | uint64(v) }
	add(1, 0)
	if s.Extendable {
		bits |= 1
	}
	add(4, s.IterationExponent)
	add(4, s.Group)
	add(4, s.GroupThreshold-1)
	add(4, s.Groups-1)
	add(4, s.Member)
	add(4, s.MemberThreshold-1)

	words := make([]uint16, 0, aroundWords+valueWords(s.Value.Len()))
	defer clear(words[:cap(words)])
	for i := range headerWords {
		words = append(words, uint16(bits>>((headerWords-1-i)*wordBits)&(1<<wordBits-1)))
	}
	words = pack(words, s.Value.Bytes())
	words = addChecksum(s.Extendable, words)
	text := make([]string, len(words))
	for i, w := range words {
		text[i] = wordList()[w]
	}
	return strings.Join(text, " ")
}

// check refuses what no set has.
func (s Share) check() error {
	in := func(v, low, high int) bool { return low <= v && v <= high }
	if !in(s.Identifier, 0, 1<<15-1) || !in(s.IterationExponent, 0, 15) ||
		!in(s.Groups, 1, maxShares) || !in(s.GroupThreshold, 1, s.Groups) || !in(s.Group, 0, s.Groups-1) ||
		!in(s.MemberThreshold, 1, maxShares) || !in(s.Member, 0, maxShares-1) || !validSize(s.Value.Len()) {
		return ErrShare
	}
	return nil
}

func validSize(n int) bool { return n >= minSecret && n <= maxSecret && n%2 == 0 }
