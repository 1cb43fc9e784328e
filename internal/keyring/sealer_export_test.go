package keyring

import (
	"time"

	"github.com/locketpod/locket/internal/secret"
)

// SealerWith returns a sealer with a known key and epoch, for vectors.
func SealerWith(key []byte, e [8]byte, now func() time.Time) *ProcessSealer {
	s := &ProcessSealer{now: now, epoch: e, key: secret.NewLocked(len(key))}
	copy(s.key.Bytes(), key)
	return s
}
