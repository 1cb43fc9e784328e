// Package kit makes the sheets of a recovery kit, to be printed and put away, and
// reads them back. A sheet holds one SLIP-39 share, as words and as a QR code, and
// says how to use it. See docs/design/kit-sheet.md.
//
// Rendering goes through strings and through buffers of libraries, which cannot be
// wiped: a program that renders sheets or reads photos should end soon after.
package kit

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

const (
	redacted  = "[redacted]"
	maxShares = 16 // of a group, and groups of a kit; SLIP-39 has no more
)

// A Sheet is one page: what is printed on it. A kit with one share only is a paper
// key: Member, Count, Threshold, Groups and GroupThreshold are all 1.
//
// It holds a secret. Formatting, logging and encoding it as text give none.
type Sheet struct {
	Pod   locket.PodID
	Slot  [8]byte   // of the pod's header
	Epoch int64     // 1 or more, grows with every renewal; at most 2³²−1
	Made  time.Time // the day counts, in UTC
	Name  string    // of the pod, in the owner's words

	Group                    string // name of the group, in the owner's words; may be empty
	Member, Count, Threshold int    // this share, of how many, and how many are needed; from 1
	Groups, GroupThreshold   int    // of the kit
	Passphrase               bool   // the kit needs a passphrase besides

	Share []byte   // the words as bits: 10 for each, big-endian, the last byte filled up with zeros
	Words []string // 20 or 33 words of SLIP-39
}

// Check tells whether s can be printed: everything within its bounds, and words and
// bits that can mean the same share.
func (s Sheet) Check() error {
	if _, ok := locket.ParseUUID(string(s.Pod)); !ok {
		return fmt.Errorf("kit: %q is no pod id", s.Pod)
	}
	if s.Epoch < 1 || s.Epoch > math.MaxUint32 {
		return fmt.Errorf("kit: epoch %d", s.Epoch)
	}
	if day := dayOf(s.Made); day < 0 || day > math.MaxUint16 {
		return fmt.Errorf("kit: made on %s", s.Made)
	}
	for _, n := range [][2]int{{s.Member, s.Count}, {s.Threshold, s.Count}, {s.GroupThreshold, s.Groups}} {
		if n[0] < 1 || n[0] > n[1] || n[1] > maxShares {
			return fmt.Errorf("kit: %d of %d", n[0], n[1])
		}
	}
	return s.checkShare()
}

func (s Sheet) checkShare() error {
	n, ok := wordsOf(s.Share)
	if !ok || n != len(s.Words) {
		return fmt.Errorf("kit: a share of %d bytes and %d words", len(s.Share), len(s.Words))
	}
	for i, w := range s.Words {
		if !isWord(w) {
			return fmt.Errorf("kit: word %d is not one of SLIP-39", i+1)
		}
		// The words of SLIP-39 are numbered in alphabetical order, so words and
		// numbers of one share are in the same order.
		for j, v := range s.Words[:i] {
			if strings.Compare(w, v) != cmp.Compare(wordNumber(s.Share, i), wordNumber(s.Share, j)) {
				return fmt.Errorf("kit: words %d and %d are not those of the share's bits", j+1, i+1)
			}
		}
	}
	return nil
}

// Wipe overwrites the bits of the share and drops the words, which as strings
// cannot be overwritten.
func (s *Sheet) Wipe() {
	clear(s.Share)
	clear(s.Words)
	s.Share, s.Words = nil, nil
}

// Format prints "[redacted]" for every verb.
func (Sheet) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func (Sheet) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Sheet) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// isWord tells whether w looks like a word of SLIP-39: 4 to 8 small letters.
func isWord(w string) bool {
	if len(w) < 4 || len(w) > 8 {
		return false
	}
	for _, c := range []byte(w) {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// wordNumber returns the number of word i, 10 bits.
func wordNumber(share []byte, i int) int {
	n := 0
	for bit := 10 * i; bit < 10*i+10; bit++ {
		n = n<<1 | int(share[bit/8]>>(7-bit%8)&1)
	}
	return n
}
