package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/seal"
)

const (
	maxCursor   = 4096
	cursorBlock = 128 // sealed cursors are a multiple of this long
)

// encodeCursor makes the opaque text form of a place in a list. Places are made of
// numbers that count what is in the pod, so those of a principal who may not see
// everything are sealed.
func (v *View) encodeCursor(at any) string {
	b, err := json.Marshal(at)
	if err == nil && !v.access.Whole() {
		// JSON may end in spaces. How many digits a number has is not told, either.
		b = append(b, bytes.Repeat([]byte(" "), cursorBlock-len(b)%cursorBlock)...)
		b, err = seal.Seal(v.s.cursors, b, v.who.id)
	}
	if err != nil {
		return "" // only for values JSON cannot hold, which no cursor has
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeCursor reads one back; "" leaves at as it is, at the beginning.
func (v *View) decodeCursor(s string, at any) error {
	if s == "" {
		return nil
	}
	if b, err := base64.RawURLEncoding.DecodeString(s); err == nil && len(s) <= maxCursor {
		if !v.access.Whole() {
			b, err = seal.Open(v.s.cursors, b, v.who.id)
		}
		if err == nil && json.Unmarshal(b, at) == nil {
			return nil
		}
	}
	return locket.Errorf(locket.CodeInvalid, "the cursor is not one that this list gave out; begin again without it")
}

// limitOf checks a page size; 0 means the default.
func limitOf(n, def, most int) (int, error) {
	switch {
	case n == 0:
		return def, nil
	case n < 0 || n > most:
		return 0, locket.Errorf(locket.CodeInvalid, "limit %d: use 1 to %d", n, most)
	}
	return n, nil
}
