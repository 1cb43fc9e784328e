package kit

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

const (
	codePrefix   = "LOCKET1:" // the digit is the version of the layout
	codeFamily   = "LOCKET"
	checksumInfo = "locket/v1/kit-sheet"

	headSize  = 1 + 16 + 8 + 4 + 2 // flags, pod, slot, epoch, day
	sumSize   = 6
	shortSize = 25 // bytes of a share of 20 words
	longSize  = 42 // bytes of a share of 33 words
	maxTyped  = 1024

	flagPassphrase = 1
	secondsOfDay   = 24 * 60 * 60
)

var (
	// ErrNotCode is behind the error of ParseCode for other text.
	ErrNotCode = errors.New("kit: not the code of a sheet")
	// ErrMistyped is behind the error of ParseCode for a wrong checksum.
	ErrMistyped = errors.New("kit: mistyped code")
)

var (
	codeEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)
	// sumEncoding is Crockford's alphabet, without I, L, O and U.
	sumEncoding = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
)

// A Code is what the QR code of a sheet says. What group the share is of, and how
// many are needed, is within the share.
//
// It holds a secret. Formatting, logging and encoding it as text give none.
type Code struct {
	Pod        locket.PodID
	Slot       [8]byte
	Epoch      int64
	Made       time.Time // midnight in UTC
	Passphrase bool      // the kit needs a passphrase besides
	Share      []byte    // as in Sheet
}

// Code returns the text of the sheet's QR code, all of it of the alphanumeric kind;
// "" if [Sheet.Check] refuses the sheet.
func (s Sheet) Code() string {
	if s.Check() != nil {
		return ""
	}
	c := s.code()
	record := c.record()
	defer clear(record)
	return codePrefix + codeEncoding.EncodeToString(record)
}

// Checksum returns what a person compares after the sheet was read back:
// "XXXX-XXXX". It is also that of the Code, and of the words once the pod's header
// has given the rest. It may be said aloud. "" if [Sheet.Check] refuses the sheet.
func (s Sheet) Checksum() string {
	if s.Check() != nil {
		return ""
	}
	return s.code().Checksum()
}

func (s Sheet) code() Code {
	return Code{Pod: s.Pod, Slot: s.Slot, Epoch: s.Epoch, Made: s.Made, Passphrase: s.Passphrase, Share: s.Share}
}

// ParseCode reads the text of a QR code, also when typed: in lower case, with white
// space and dashes anywhere. Its error wraps ErrNotCode or ErrMistyped, or has
// CodeNewer. The caller wipes the Code.
func ParseCode(text string) (Code, error) {
	digits, err := tidy(text)
	if err != nil {
		return Code{}, err
	}
	defer clear(digits)
	raw := make([]byte, codeEncoding.DecodedLen(len(digits)))
	defer clear(raw)
	n, err := codeEncoding.Decode(raw, digits)
	if err != nil {
		return Code{}, notCode("it has only the letters A to Z and the digits 2 to 7; scan it again or type the words")
	}
	again := codeEncoding.AppendEncode(nil, raw[:n])
	defer clear(again)
	if !bytes.Equal(again, digits) { // the decoder does not look at bits to spare
		return Code{}, notCode("its last character cannot be right; scan it again or type the words")
	}
	return parseRecord(raw[:n])
}

// Checksum is that of the sheet. It needs Pod, Slot, Epoch and Share only.
func (c Code) Checksum() string {
	pod, _ := locket.ParseUUID(string(c.Pod)) // checked by whoever made c
	h := sha256.New()
	h.Write([]byte(checksumInfo))
	h.Write(pod[:])
	h.Write(c.Slot[:])
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(c.Epoch)))
	h.Write(c.Share)
	text := sumEncoding.EncodeToString(h.Sum(nil)[:5])
	return text[:4] + "-" + text[4:]
}

// Wipe overwrites the share.
func (c *Code) Wipe() {
	clear(c.Share)
	c.Share = nil
}

// Format prints "[redacted]" for every verb.
func (Code) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

func (Code) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Code) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// record returns the bytes of the code with their checksum; the caller wipes them.
func (c Code) record() []byte {
	pod, _ := locket.ParseUUID(string(c.Pod)) // checked by whoever made c
	b := make([]byte, 0, headSize+longSize+sumSize)
	var flags byte
	if c.Passphrase {
		flags |= flagPassphrase
	}
	b = append(b, flags)
	b = append(b, pod[:]...)
	b = append(b, c.Slot[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(c.Epoch))
	b = binary.BigEndian.AppendUint16(b, uint16(dayOf(c.Made)))
	b = append(b, c.Share...)
	return append(b, recordSum(b)...)
}

func parseRecord(b []byte) (Code, error) {
	if n := len(b) - headSize - sumSize; n != shortSize && n != longSize {
		return Code{}, notCode("it is too short or too long; scan it again or type the words")
	}
	body, sum := b[:len(b)-sumSize], b[len(b)-sumSize:]
	if subtle.ConstantTimeCompare(recordSum(body), sum) != 1 {
		return Code{}, locket.Errorf(locket.CodeInvalid, "the code is mistyped or misread: its checksum does not fit; scan it again or type the words").
			Because(ErrMistyped)
	}
	c := Code{
		Pod:        locket.PodID(locket.FormatUUID([16]byte(body[1:17]))),
		Slot:       [8]byte(body[17:25]),
		Epoch:      int64(binary.BigEndian.Uint32(body[25:29])),
		Made:       time.Unix(int64(binary.BigEndian.Uint16(body[29:31]))*secondsOfDay, 0).UTC(),
		Passphrase: body[0] == flagPassphrase,
	}
	if _, ok := wordsOf(body[headSize:]); !ok || c.Epoch == 0 || body[0] > flagPassphrase {
		return Code{}, notCode("it says what no sheet of Locket says; look for another sheet")
	}
	c.Share = bytes.Clone(body[headSize:])
	return c, nil
}

// tidy returns the digits after the prefix, which the caller wipes.
func tidy(text string) ([]byte, error) {
	if len(text) > maxTyped {
		return nil, notCode("it is too long; scan it again or type the words")
	}
	b := make([]byte, 0, len(text))
	for _, c := range []byte(text) {
		switch {
		case strings.IndexByte(" \t\r\n-", c) >= 0:
			continue
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		b = append(b, c)
	}
	if digits, ok := bytes.CutPrefix(b, []byte(codePrefix)); ok {
		return digits, nil
	}
	defer clear(b)
	if v, ok := bytes.CutPrefix(b, []byte(codeFamily)); ok && len(v) > 1 && v[0] >= '2' && v[0] <= '9' && v[1] == ':' {
		return nil, locket.Errorf(locket.CodeNewer, "the sheet was made by a newer Locket; install that, or type the words")
	}
	return nil, notCode("one begins with " + codePrefix + "; type the words if there is none")
}

// recordSum tells a slip from a code. It is no authentication.
func recordSum(body []byte) []byte {
	h := sha256.New()
	h.Write([]byte(codePrefix))
	h.Write(body)
	return h.Sum(nil)[:sumSize]
}

// wordsOf returns the number of words whose bits share is.
func wordsOf(share []byte) (words int, ok bool) {
	switch len(share) {
	case shortSize:
		return 20, true
	case longSize:
		const spare = 8*longSize - 33*10
		return 33, share[longSize-1]&(1<<spare-1) == 0
	}
	return 0, false
}

// dayOf counts days from 1 January 1970 in UTC.
func dayOf(t time.Time) int64 {
	s := t.Unix()
	if s < 0 {
		return -1
	}
	return s / secondsOfDay
}

func notCode(why string) error {
	return locket.Errorf(locket.CodeInvalid, "this is not the code of a recovery sheet: %s", why).Because(ErrNotCode)
}
