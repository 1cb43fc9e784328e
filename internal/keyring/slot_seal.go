package keyring

import (
	"crypto/hpke"
	"errors"
	"fmt"

	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/seal"
	"github.com/locketpod/locket/internal/secret"
)

// pairInfo is the HKDF info of the seed of a slot's key pair, from its slot key.
const pairInfo = "locket/v1/slot/pair"

// seal seals the pod key for a credential that is at hand.
func (s *slot) seal(pod [16]byte, slotKey, podKey *secret.Key) error {
	seed, err := s.seed(slotKey)
	if err != nil {
		return err
	}
	defer seed.Wipe()
	if s.Public, err = agekey.Public(seed); err != nil {
		return err
	}
	s.Wrap = nil
	return s.box(pod, slotKey, podKey)
}

// sealTo seals the pod key for the holder of the secret half of s.Public, who need not
// be here.
func (s *slot) sealTo(pod [16]byte, podKey *secret.Key) error {
	s.Wrap = nil
	info, err := s.ad(pod)
	if err != nil {
		return err
	}
	public, err := agekey.KEM().NewPublicKey(s.Public)
	if err != nil {
		return tampered(err)
	}
	boxKey := secret.Random(seal.KeySize)
	defer boxKey.Wipe()
	if s.Wrap, err = hpke.Seal(public, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info, boxKey.Bytes()); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return s.box(pod, boxKey, podKey)
}

func (s *slot) box(pod [16]byte, key, podKey *secret.Key) error {
	ad, err := s.ad(pod)
	if err != nil {
		return err
	}
	s.Sealed, err = seal.Seal(key, podKey.Bytes(), ad)
	return err
}

// seed returns the secret half of the slot's key pair. An owner's key is one already.
func (s slot) seed(slotKey *secret.Key) (*secret.Key, error) {
	if s.Kind == KindOwner {
		return slotKey.Clone(), nil
	}
	return derive(slotKey, nil, pairInfo, agekey.SeedSize)
}

// unwrap returns the pod key, or ErrWrongSecret.
func (s slot) unwrap(pod [16]byte, slotKey *secret.Key) (*secret.Key, error) {
	boxKey, err := s.boxKey(pod, slotKey)
	if err != nil {
		return nil, err
	}
	defer boxKey.Wipe()
	ad, err := s.ad(pod)
	if err != nil {
		return nil, err
	}
	b, err := seal.Open(boxKey, s.Sealed, ad)
	if errors.Is(err, seal.ErrOpen) {
		return nil, ErrWrongSecret
	}
	if err != nil {
		return nil, err
	}
	podKey := secret.Take(b)
	if podKey.Len() != KeySize {
		podKey.Wipe()
		return nil, ErrWrongSecret
	}
	return podKey, nil
}

func (s slot) boxKey(pod [16]byte, slotKey *secret.Key) (*secret.Key, error) {
	if len(s.Wrap) == 0 {
		return slotKey.Clone(), nil
	}
	seed, err := s.seed(slotKey)
	if err != nil {
		return nil, err
	}
	defer seed.Wipe()
	private, err := agekey.KEM().NewPrivateKey(seed.Bytes())
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	bare := s
	bare.Wrap = nil
	info, err := bare.ad(pod)
	if err != nil {
		return nil, err
	}
	b, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info, s.Wrap)
	if err != nil || len(b) != seal.KeySize {
		clear(b)
		return nil, ErrWrongSecret
	}
	return secret.Take(b), nil
}
