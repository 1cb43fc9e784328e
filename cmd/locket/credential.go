package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// A credential is what opens a pod: an API key or a passphrase, one of the two.
type credential struct {
	token      *keyring.Token
	passphrase *secret.Key
}

func (k *credential) keyring() keyring.Credential {
	if k.token != nil {
		return k.token
	}
	return keyring.Password{Secret: k.passphrase}
}

func (k *credential) wipe() {
	if k.token != nil {
		k.token.Wipe()
	}
	k.passphrase.Wipe()
}

// credential finds what opens the pod: a passphrase that a flag names, the API key
// in the environment, the one in the OS keyring, or what the user types.
func (c *cli) credential(ctx context.Context, id locket.PodID) (*credential, error) {
	passphrase, ok, err := c.givenPassphrase()
	if ok || err != nil {
		return &credential{passphrase: passphrase}, err
	}
	if c.key.Len() > 0 {
		return parseKey(c.key)
	}
	if text := c.device.get(id); text != nil {
		defer text.Wipe()
		return parseKey(text)
	}
	passphrase, err = c.prompt.secret(ctx, "Passphrase:")
	return &credential{passphrase: passphrase}, err
}

func parseKey(text *secret.Key) (*credential, error) {
	if keyring.IsGrant(text.Bytes()) {
		return nil, locket.Errorf(locket.CodeUnsupported, "%s holds a grant, which only the server that made it can open; use --server, or an API key", envKey)
	}
	token, err := keyring.ParseToken(text.Bytes())
	if err != nil {
		return nil, err
	}
	return &credential{token: token}, nil
}

// podsDir is the folder of pods: --dir, or where the platform keeps the data of
// programs.
func (c *cli) podsDir() (string, error) {
	if c.dir != "" {
		return c.dir, nil
	}
	if runtime.GOOS == "linux" {
		if data := os.Getenv("XDG_DATA_HOME"); data != "" {
			return filepath.Join(data, "locket"), nil
		}
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, ".local", "share", "locket"), nil
		}
	} else if config, err := os.UserConfigDir(); err == nil {
		return filepath.Join(config, "locket"), nil
	}
	return "", locket.Errorf(locket.CodeInvalid, "there is no home folder; name the folder of the pods with --dir or %s", envDir)
}
