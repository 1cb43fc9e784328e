// Package keystore reaches the places where a machine keeps a secret for its user or
// for a service, so that a program can start with nobody there to type: the keyring of
// the desktop, that of the Linux kernel, and systemd's credentials. Whoever is this
// user on this machine gets what is in them.
package keystore

import (
	"errors"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// MaxSecret is the length of the longest secret in bytes.
const MaxSecret = 1024

const maxName = 64 // bytes

var (
	// ErrNone is behind the error of Get and Delete when nothing has that name.
	ErrNone = errors.New("keystore: nothing of that name")
	// ErrUnavailable is behind every error of a store that this machine does not have
	// or does not let this process use.
	ErrUnavailable = errors.New("keystore: no such store here")
	// ErrReadOnly is behind the error of Set and Delete of a store that others fill.
	ErrReadOnly = errors.New("keystore: read-only")
)

// A Store keeps one secret per name. A name has 1 to 64 ASCII letters, digits and
// . _ : - and begins with a letter or a digit. A secret is a text of 1 to MaxSecret
// visible ASCII characters, which every store gives back as it was. Other names and
// secrets are refused with CodeInvalid. A store is safe for concurrent use.
type Store interface {
	// Get returns a secret, which the caller wipes.
	Get(name string) (*secret.Key, error)
	// Set keeps a copy of a secret, in place of another of that name.
	Set(name string, s *secret.Key) error
	// Delete removes a secret.
	Delete(name string) error
}

func checkName(name string) error {
	ok := name != "" && len(name) <= maxName
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		ok = ok && (letter || i > 0 && (c == '.' || c == '_' || c == ':' || c == '-'))
	}
	if !ok {
		return locket.Errorf(locket.CodeInvalid, "the name of a kept secret has 1 to %d letters, digits and . _ : - and begins with a letter or a digit", maxName)
	}
	return nil
}

func checkSecret(text []byte) error {
	ok := len(text) > 0 && len(text) <= MaxSecret
	for _, c := range text {
		ok = ok && c > ' ' && c <= '~'
	}
	if !ok {
		return locket.Errorf(locket.CodeInvalid, "a secret that is kept has 1 to %d visible ASCII characters and no spaces", MaxSecret)
	}
	return nil
}

// taken makes the answer of Get of what a store gave, and wipes that. name stands in
// the error, the secret does not.
func taken(text []byte, where, name string) (*secret.Key, error) {
	if checkSecret(text) != nil {
		clear(text)
		return nil, locket.Errorf(locket.CodeInvalid, "what %s has under the name %s is not a secret that Locket can use: it must be one text of at most %d visible ASCII characters; "+
			"remove it there and keep it again", where, name, MaxSecret)
	}
	return secret.Take(text), nil
}

func none(where, name string, cause error) error {
	return locket.Errorf(locket.CodeNotFound, "%s has nothing under the name %s; keep a secret there first", where, name).Because(errors.Join(ErrNone, cause))
}

func unavailable(cause error, message string) error {
	return locket.Errorf(locket.CodeUnsupported, "%s", message).Because(errors.Join(ErrUnavailable, cause))
}
