package main

import (
	oskeyring "github.com/zalando/go-keyring"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// deviceKeys keeps one API key per pod where the operating system keeps passwords.
type deviceKeys interface {
	// get returns nil if there is none or the keyring cannot be reached.
	get(pod locket.PodID) *secret.Key
	// set fails with CodeUnsupported where there is no keyring, as on a server.
	set(pod locket.PodID, token *secret.Key) error
}

// osKeyring is the keyring of the desktop: Keychain, Credential Manager or the
// Secret Service.
type osKeyring struct{}

const service = "locket"

func (osKeyring) get(pod locket.PodID) *secret.Key {
	s, err := oskeyring.Get(service, string(pod))
	if err != nil {
		return nil
	}
	return secret.Take([]byte(s))
}

func (osKeyring) set(pod locket.PodID, token *secret.Key) error {
	err := oskeyring.Set(service, string(pod), string(token.Bytes())) // its interface takes nothing but strings
	if err != nil {
		return locket.Errorf(locket.CodeUnsupported,
			"the keyring of this system cannot be used; keep an API key elsewhere and give it in %s", envKey).Because(err)
	}
	return nil
}
