package pods

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// maxGuards bounds the guards of pods that do not exist, whose names are input.
const maxGuards = 4096

// An unlocked is a pod's folder, header and key, for one use.
type unlocked struct {
	pod    locket.PodID
	dir    *os.Root
	header *keyring.Header
	info   fs.FileInfo    // of its file
	slot   keyring.SlotID // the one that opened it
	grant  *keyring.Grant // or the grant that did
	key    *secret.Key
}

func (k *unlocked) wipe() {
	k.key.Wipe()
	_ = k.dir.Close() // nothing was written through it
}

// unlock finds the pod key with a credential.
func (f *Folder) unlock(ctx context.Context, pod locket.PodID, cred keyring.Credential) (*unlocked, error) {
	k := &unlocked{pod: pod}
	err := f.load(k)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	if missing {
		k.header = new(keyring.Header) // opens for nobody, after as much work
	}
	try := func() (err error) {
		k.key, k.slot, err = k.header.Open(ctx, f.kdf, cred)
		return err
	}
	switch c := cred.(type) {
	case keyring.Password:
		err = f.guard(pod, !missing).Try(ctx, try)
	case keyring.Presented:
		err = f.redeem(k, c)
	default:
		err = try()
	}
	if err != nil {
		if k.dir != nil {
			k.wipe()
		}
		return nil, err
	}
	return k, nil
}

// redeem opens a grant.
func (f *Folder) redeem(k *unlocked, p keyring.Presented) error {
	if f.opts.Sealer == nil {
		return locket.Errorf(locket.CodeUnsupported, "sessions and grants live in a server; use an API key or the passphrase here")
	}
	g, key, err := k.header.OpenGrant(f.opts.Sealer, p)
	k.key, k.grant = key, &g
	return err
}

// load opens the pod's folder and reads its header.
func (f *Folder) load(k *unlocked) error {
	if _, ok := locket.ParseUUID(string(k.pod)); !ok {
		return fs.ErrNotExist
	}
	dir, err := f.root.OpenRoot(string(k.pod))
	if err != nil {
		return err
	}
	k.info, err = dir.Stat("header") // first: what is read is not older than it says
	var header *keyring.Header
	if err == nil {
		header, err = keyring.Load(dir)
	}
	if err == nil && header.Pod() != k.pod {
		err = locket.Errorf(locket.CodeTampered, "the header in this folder belongs to another pod; put the right one back")
	}
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	k.dir, k.header = dir, header
	return nil
}

// guard returns the guard of a pod's passwords. Guards of pods that exist keep
// their count in the pod's folder, which stays open for that.
func (f *Folder) guard(pod locket.PodID, exists bool) *keyring.Guard {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.guards[pod]; g != nil {
		return g
	}
	g := keyring.NewGuard(nil)
	if exists {
		if dir, err := f.root.OpenRoot(string(pod)); err == nil {
			g = keyring.NewGuard(dir)
			f.guarded = append(f.guarded, dir)
		}
	} else if len(f.guards) >= maxGuards {
		pod = "" // one guard for all further ones
		if g := f.guards[pod]; g != nil {
			return g
		}
	}
	f.guards[pod] = g
	return g
}
