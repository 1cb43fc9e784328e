package pods

import (
	"crypto"
	"crypto/ed25519"
	"io"
	"sync"

	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// A signer is the pod's own signing key. It is made from its seed when it is
// first needed, because most uses of a pod sign nothing.
type signer struct {
	seed *secret.Key

	once sync.Once
	key  ed25519.PrivateKey // set by once
}

var _ crypto.Signer = (*signer)(nil)

func newSigner(podKey *secret.Key) (*signer, error) {
	seed, err := keyring.Derive(podKey, keyring.PurposeSigning, ed25519.SeedSize)
	return &signer{seed: seed}, err
}

func (s *signer) private() ed25519.PrivateKey {
	s.once.Do(func() { s.key = ed25519.NewKeyFromSeed(s.seed.Bytes()) })
	return s.key
}

// Public returns the ed25519.PublicKey.
func (s *signer) Public() crypto.PublicKey { return s.private().Public() }

// public returns the public half.
func (s *signer) public() ed25519.PublicKey {
	return s.private().Public().(ed25519.PublicKey) // of an ed25519.PrivateKey it is nothing else
}

// Sign makes an Ed25519 signature.
func (s *signer) Sign(rand io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	return s.private().Sign(rand, message, o)
}

// wipe overwrites seed and key. A wiped signer must not be used.
func (s *signer) wipe() {
	if s != nil {
		s.seed.Wipe()
		clear(s.key)
	}
}
