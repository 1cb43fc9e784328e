package pods

import (
	"context"
	"errors"
	"os"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// New is what a new pod is made of.
type New struct {
	Owner    string           // the owner's name; may be empty
	Password keyring.Password // zero: the pod has no password
	KeyName  string           // name of its first API key; empty: it has none
}

// Created is a new pod. The receiver wipes Token.
type Created struct {
	Pod   locket.PodID
	Token *keyring.Token // nil if no API key was asked for
}

// Create makes a pod with a password, an API key or both.
func (f *Folder) Create(ctx context.Context, n New) (Created, error) {
	if n.Password.Secret == nil && n.KeyName == "" {
		return Created{}, locket.Errorf(locket.CodeInvalid, "a pod needs a passphrase or an API key to open it")
	}
	pod := locket.NewPodID()
	if err := f.root.Mkdir(string(pod), 0o700); err != nil {
		return Created{}, locket.Errorf(locket.CodeInvalid, "can't create a folder in %s: %s", f.path, reason(err)).Because(err)
	}
	c, err := f.fill(ctx, pod, n)
	if err == nil {
		err = durable.SyncDir(f.root, ".")
	}
	if err != nil {
		c.wipe()
		return Created{}, errors.Join(err, f.root.RemoveAll(string(pod)))
	}
	return c, nil
}

func (c Created) wipe() {
	if c.Token != nil {
		c.Token.Wipe()
	}
}

// fill makes database and header. The header comes last: a folder without one is
// no pod.
func (f *Folder) fill(ctx context.Context, pod locket.PodID, n New) (c Created, err error) {
	c.Pod = pod
	dir, err := f.root.OpenRoot(string(pod))
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	header, podKey, err := keyring.New(pod)
	if err != nil {
		return c, err
	}
	defer podKey.Wipe()
	owner := locket.Principal{ID: locket.NewPrincipalID(), Kind: locket.KindOwner, Name: n.Owner}
	s, wipe, err := f.createStore(ctx, dir, pod, podKey, owner)
	if err != nil {
		return c, err
	}
	defer wipe()
	defer func() { err = errors.Join(err, s.Close()) }()
	view, err := s.Admit(ctx, store.Visitor{Principal: owner.ID})
	if err != nil {
		return c, err
	}
	err = view.EditSlots(ctx, func(e *store.SlotEditor) (err error) {
		k := &Keys{f: f, dir: dir, header: header, podKey: podKey, view: view, edit: e}
		if n.Password.Secret != nil {
			if _, err := k.addPassword(ctx, "passphrase", n.Password); err != nil {
				return err
			}
		}
		if n.KeyName != "" {
			if _, c.Token, err = k.addAPIKey(n.KeyName, ""); err != nil {
				return err
			}
		}
		return k.save()
	})
	return c, err
}

func (f *Folder) createStore(ctx context.Context, dir *os.Root, pod locket.PodID, podKey *secret.Key, owner locket.Principal) (*store.Store, func(), error) {
	key, err := keyring.Derive(podKey, keyring.PurposeDatabase, sqlcipher.KeySize)
	if err != nil {
		return nil, nil, err
	}
	sign, err := newSigner(podKey)
	if err != nil {
		key.Wipe()
		return nil, nil, err
	}
	wipe := func() { key.Wipe(); sign.wipe() }
	blobs, err := blob.Open(dir)
	if err == nil {
		var s *store.Store
		c := store.Config{Path: f.databasePath(leaseKey{pod, 1}), Blobs: blobs, Key: key, Signer: sign, Pod: pod, Now: f.opts.Now}
		s, err = store.Create(ctx, c, owner)
		if err == nil {
			return s, wipe, nil
		}
	}
	wipe()
	return nil, nil, err
}
