package store

import (
	"encoding/base64"
	"encoding/json"

	"github.com/locketpod/locket"
)

const maxCursor = 4096

// encodeCursor makes the opaque text form of a place in a list.
func encodeCursor(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // only for values JSON cannot hold, which no cursor has
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeCursor reads one back; "" leaves v as it is, at the beginning.
func decodeCursor(s string, v any) error {
	if s == "" {
		return nil
	}
	if len(s) <= maxCursor {
		if b, err := base64.RawURLEncoding.DecodeString(s); err == nil && json.Unmarshal(b, v) == nil {
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
