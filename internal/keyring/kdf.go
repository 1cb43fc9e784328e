package keyring

import (
	"context"
	"fmt"

	"golang.org/x/crypto/argon2"

	"github.com/locketpod/locket/internal/secret"
)

// Params are the costs of argon2id (RFC 9106) for one password slot.
type Params struct {
	Memory uint32 `cbor:"m"` // KiB
	Passes uint32 `cbor:"t"`
	Lanes  uint8  `cbor:"p"`
}

// The floor is OWASP's minimum; the ceiling is what a small machine can bear
// when somebody has put a costly slot into a header.
var (
	minParams = Params{Memory: 19 << 10, Passes: 2, Lanes: 1}
	maxParams = Params{Memory: 1 << 20, Passes: 10, Lanes: 16}
)

const saltSize = 16

// DefaultParams returns the second choice of RFC 9106: 64 MiB, 3 passes, 4 lanes.
func DefaultParams() Params { return Params{Memory: 64 << 10, Passes: 3, Lanes: 4} }

func (p Params) check() error {
	if p.Memory < minParams.Memory || p.Passes < minParams.Passes || p.Lanes < minParams.Lanes ||
		p.Memory > maxParams.Memory || p.Passes > maxParams.Passes || p.Lanes > maxParams.Lanes {
		return fmt.Errorf("%w: %d KiB, %d passes, %d lanes", ErrParams, p.Memory, p.Passes, p.Lanes)
	}
	return nil
}

// A KDF stretches passwords, a bounded number at a time. A process has one. Safe
// for concurrent use.
type KDF struct {
	turns chan struct{} // one token for each that runs
}

// NewKDF returns a KDF that runs at most n argon2id at a time, n ≥ 1. Each takes
// the memory its slot asks for.
func NewKDF(n int) *KDF { return &KDF{turns: make(chan struct{}, n)} }

// decoy does the work of opening a pod that has one password slot of the default
// cost, and fails like a wrong password.
func (k *KDF) decoy(ctx context.Context, password *secret.Key) error {
	key, err := k.stretch(ctx, password, make([]byte, saltSize), DefaultParams())
	if err != nil {
		return err
	}
	key.Wipe()
	return wrongSecret()
}

// stretch waits for its turn and runs argon2id, which cannot be interrupted.
func (k *KDF) stretch(ctx context.Context, password *secret.Key, salt []byte, p Params) (*secret.Key, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	select {
	case k.turns <- struct{}{}:
		defer func() { <-k.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return secret.Take(argon2.IDKey(password.Bytes(), salt, p.Passes, p.Memory, p.Lanes, KeySize)), nil
}
