package keystore

import (
	"errors"

	oskeyring "github.com/zalando/go-keyring"

	"github.com/locketpod/locket/internal/secret"
)

const (
	service      = "locket" // under which the desktop's keyring files what is ours
	desktopPlace = "the desktop's keyring"
)

// Desktop returns the keyring of the desktop session: Keychain, Credential Manager or
// the Secret Service. It may ask the user to unlock it.
func Desktop() Store { return desktop{} }

// A desktop passes secrets through strings, which cannot be wiped: its library takes
// and returns nothing else.
type desktop struct{}

func (desktop) Get(name string) (*secret.Key, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	s, err := oskeyring.Get(service, name)
	if err != nil {
		return nil, desktopError(name, err)
	}
	if len(s) > MaxSecret {
		s = "" // not copied; refused as empty
	}
	return taken([]byte(s), desktopPlace, name)
}

func (desktop) Set(name string, s *secret.Key) error {
	if err := errors.Join(checkName(name), checkSecret(s.Bytes())); err != nil {
		return err
	}
	if err := oskeyring.Set(service, name, string(s.Bytes())); err != nil {
		return desktopError(name, err)
	}
	return nil
}

func (desktop) Delete(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := oskeyring.Delete(service, name); err != nil {
		return desktopError(name, err)
	}
	return nil
}

func desktopError(name string, cause error) error {
	if errors.Is(cause, oskeyring.ErrNotFound) {
		return none(desktopPlace, name, cause)
	}
	return unavailable(cause, "the keyring of the desktop cannot be used: there is none, as on a server, or it stays locked; "+
		"unlock it, or use the kernel's keyring or a systemd credential")
}
