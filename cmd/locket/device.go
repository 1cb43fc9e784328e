package main

import (
	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keystore"
	"github.com/locketpod/locket/internal/secret"
)

// deviceKeys keeps one API key per pod where the operating system keeps passwords.
type deviceKeys interface {
	// get returns nil if there is none or the keyring cannot be reached.
	get(pod locket.PodID) *secret.Key
	// set fails with CodeUnsupported where there is no keyring, as on a server.
	set(pod locket.PodID, token *secret.Key) error
}

// osKeyring is the keyring of the desktop.
type osKeyring struct{}

func (osKeyring) get(pod locket.PodID) *secret.Key {
	token, err := keystore.Desktop().Get(string(pod))
	if err != nil {
		return nil
	}
	return token
}

func (osKeyring) set(pod locket.PodID, token *secret.Key) error {
	if err := keystore.Desktop().Set(string(pod), token); err != nil {
		return locket.Errorf(locket.CodeUnsupported,
			"the keyring of this system cannot be used; keep an API key elsewhere and give it in %s", envKey).Because(err)
	}
	return nil
}
