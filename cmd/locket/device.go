package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/keystore"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

// A keyStore is where a machine keeps secrets for itself.
type keyStore struct {
	name  string // as the header has it and --keyring takes it
	label string
	keystore.Store
}

func keyStores() []keyStore {
	return []keyStore{
		{"desktop", "the keyring of the desktop", keystore.Desktop()},
		{"kernel", "the keyring of the kernel", keystore.Kernel()},
		{"systemd", "the credentials that systemd gives a service", keystore.Systemd()},
	}
}

func findStore(name string) (keyStore, bool) {
	for _, s := range keyStores() {
		if s.name == name {
			return s, true
		}
	}
	return keyStore{}, false
}

// keptName is what a secret is called in a key store.
func keptName(pod locket.PodID, slot string) string { return string(pod) + ":" + slot }

// kept returns what this machine keeps to open the pod; nil if it keeps nothing, or what
// it keeps can't be reached.
func (c *cli) kept(f *pods.Folder, id locket.PodID) *credential {
	slots, err := f.Slots(id)
	if err != nil {
		return nil
	}
	for _, s := range slots {
		store, ok := c.findStore(s.Store)
		if s.Kind != keyring.KindKeyring || !ok {
			continue
		}
		text, err := store.Get(keptName(id, s.ID.String()))
		if err != nil {
			continue
		}
		kept, err := keyring.ParseMachine(text.Bytes())
		text.Wipe()
		if err == nil {
			return &credential{kept, []*secret.Key{kept.Secret}}
		}
	}
	return nil
}

// addKept has the machine keep a secret that opens the pod. For a store that it can't
// write to it returns the secret's text, which the caller wipes.
func addKept(ctx context.Context, k *pods.Keys, pod locket.PodID, store keyStore, name string) (id string, text *secret.Key, err error) {
	kept := keyring.NewSecret()
	defer kept.Wipe()
	if id, err = k.AddMachine(ctx, name, store.name, kept); err != nil {
		return "", nil, err
	}
	text = keyring.MachineText(kept)
	err = store.Set(keptName(pod, id), text)
	if errors.Is(err, keystore.ErrReadOnly) {
		return id, text, nil
	}
	text.Wipe()
	if err != nil {
		return "", nil, errors.Join(err, k.Revoke(ctx, id))
	}
	return id, nil, nil
}

// forgetKept returns what removes the secret of a key from where this machine keeps it;
// it does nothing for a key of which it keeps none.
func (c *cli) forgetKept(ctx context.Context, p pod, id string) (forget func() error, err error) {
	nothing := func() error { return nil }
	l, ok := p.(local)
	if !ok {
		return nothing, nil
	}
	keys, err := l.visit.Keys().List(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(keys, func(k pods.KeyInfo) bool { return k.ID == id })
	if i < 0 {
		return nothing, nil
	}
	store, ok := c.findStore(keys[i].Store)
	if !ok {
		return nothing, nil
	}
	return func() error {
		err := store.Delete(keptName(l.visit.Keys().Pod(), id))
		if errors.Is(err, keystore.ErrNone) || errors.Is(err, keystore.ErrReadOnly) {
			return nil
		}
		return err
	}, nil
}

// readSecretFile reads a short file that only its owner should be able to read.
func readSecretFile(path, what string) (*secret.Key, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, locket.Errorf(locket.CodeNotFound, "%s is not there", what).Because(err)
	} else if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "%s cannot be read", what).Because(err)
	}
	line, err := firstLine(f)
	return line, errors.Join(err, f.Close())
}

// readIdentity returns the first line of a file that is no comment.
func readIdentity(path string) (*secret.Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the key file cannot be read").Because(err)
	}
	defer clear(data)
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			return secret.Take(bytes.Clone(line)), nil
		}
	}
	return nil, locket.Errorf(locket.CodeInvalid, "there is no key in the file")
}
