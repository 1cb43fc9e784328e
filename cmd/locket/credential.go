package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

// A credential is what opens a pod, and the secrets that are in it.
type credential struct {
	opens   keyring.Credential
	secrets []*secret.Key
}

func (k *credential) keyring() keyring.Credential { return k.opens }

func (k *credential) wipe() {
	for _, s := range k.secrets {
		s.Wipe()
	}
	if t, ok := k.opens.(*keyring.Token); ok {
		t.Wipe()
	}
}

// credential finds what opens the pod: a passphrase or an owner's key that a flag names,
// the API key in the environment, what this machine keeps for itself, or what the user
// types.
func (c *cli) credential(ctx context.Context, f *pods.Folder, id locket.PodID) (*credential, error) {
	if c.ownerKey != "" {
		return readOwnerKey(c.ownerKey)
	}
	passphrase, ok, err := c.givenPassphrase()
	if err != nil {
		return nil, err
	}
	if ok {
		return c.password(passphrase)
	}
	if c.key.Len() > 0 {
		return parseKey(c.key)
	}
	if k := c.kept(f, id); k != nil {
		return k, nil
	}
	passphrase, err = c.prompt.secret(ctx, "Passphrase:")
	if err != nil {
		return nil, err
	}
	return c.password(passphrase)
}

// password is a passphrase with the device secret, if there is one.
func (c *cli) password(passphrase *secret.Key) (*credential, error) {
	device, err := c.readDevice()
	if err != nil {
		passphrase.Wipe()
		return nil, err
	}
	return &credential{keyring.Password{Secret: passphrase, Device: device}, []*secret.Key{passphrase, device}}, nil
}

// readDevice reads the device secret; it is nil if no file is named.
func (c *cli) readDevice() (*secret.Key, error) {
	if c.deviceSecret == "" {
		return nil, nil
	}
	text, err := readSecretFile(c.deviceSecret, "the file of the device secret")
	if err != nil {
		return nil, err
	}
	defer text.Wipe()
	return keyring.ParseDevice(text.Bytes())
}

// readOwnerKey reads an age identity, as 'locket key keygen' and 'age-keygen -pq' write it.
func readOwnerKey(path string) (*credential, error) {
	text, err := readIdentity(path)
	if err != nil {
		return nil, err
	}
	defer text.Wipe()
	seed, err := agekey.ParseIdentity(text.Bytes())
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the file of --owner-key holds no post-quantum age identity; 'locket key keygen' makes one").Because(err)
	}
	return &credential{keyring.Owner{Seed: seed}, []*secret.Key{seed}}, nil
}

// settle lets what the command line says win over the environment, and reads the API
// key if it is in a file. An agent that runs with a key of its own thereby never acts as
// the owner, whose key the environment may hold.
func (c *cli) settle(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	if given("dir") && !given("server") {
		c.server = ""
	}
	if !given("api-key-file") {
		if c.keyFile == "" || c.key.Len() > 0 {
			return nil
		}
	} else if err := oneOf(cmd, "api-key-file", "owner-key", "passphrase-file", "passphrase-fd"); err != nil {
		return err
	} else {
		c.ownerKey = ""
	}
	key, err := readKeyFile(c.keyFile)
	if err != nil {
		return err
	}
	c.key.Wipe()
	c.key = key
	return nil
}

// readKeyFile reads an API key. A file that others may read is refused.
func readKeyFile(path string) (*secret.Key, error) {
	const what = "the file of the API key"
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, locket.Errorf(locket.CodeInvalid, "%s can be read by others; 'chmod 600' makes it yours alone", what)
	}
	return readSecretFile(path, what)
}

func parseKey(text *secret.Key) (*credential, error) {
	if keyring.IsGrant(text.Bytes()) {
		return nil, locket.Errorf(locket.CodeUnsupported, "%s holds a grant, which only the server that made it can open; use --server, or an API key", envKey)
	}
	token, err := keyring.ParseToken(text.Bytes())
	if err != nil {
		return nil, err
	}
	return &credential{opens: token}, nil
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
