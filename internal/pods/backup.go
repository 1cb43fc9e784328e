package pods

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"os"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// A Frozen is a pod as of one moment, sealed as it lies on the disk, for a backup. Others
// go on reading and writing meanwhile. It is valid as long as its visit; the caller closes
// it.
type Frozen struct {
	*sqlcipher.Snapshot
	Pod        locket.PodID
	Epoch      int64
	Generation int64
	Taken      time.Time
	Database   string // file name
	Header     []byte
	Checkpoint string // signed, of an earlier moment

	dir   *os.Root
	blobs *blob.Dir
}

// Freeze holds the pod still for a backup. Only the owner may ask.
func (v *Visit) Freeze(ctx context.Context) (*Frozen, error) {
	if err := v.Keys().ownersOnly(); err != nil {
		return nil, err
	}
	growth, err := v.View.Grown(ctx, "")
	if err != nil {
		return nil, err
	}
	blobs, err := blob.Open(v.use.dir)
	if err != nil {
		return nil, err
	}
	const tries = 5
	for range tries {
		f := &Frozen{
			Pod: v.lease.pod, Taken: v.f.opts.Now(), Database: DatabaseName(v.lease.epoch), Checkpoint: growth.Checkpoint, dir: v.use.dir, blobs: blobs,
		}
		same, err := f.take(ctx, v)
		if err != nil || same {
			return f, err
		}
	}
	return nil, locket.Errorf(locket.CodeBusy, "the pod's keys are being changed all the time; try again")
}

// take takes header and database; same is false if they may be of different times.
func (f *Frozen) take(ctx context.Context, v *Visit) (same bool, err error) {
	before, err := v.lease.store.Generation(ctx)
	if err != nil {
		return false, err
	}
	if f.Snapshot, err = v.lease.store.Snapshot(ctx); err != nil {
		return false, err
	}
	after, err := v.lease.store.Generation(ctx)
	var h *keyring.Header
	if err == nil {
		h, err = keyring.Load(f.dir)
	}
	if err == nil {
		f.Header, err = h.Encode()
	}
	if err != nil || before != after || h.Generation() != after || h.Epoch() != v.lease.epoch {
		return false, errors.Join(err, f.Close())
	}
	f.Epoch, f.Generation = h.Epoch(), h.Generation()
	return true, nil
}

// A SealedFile is the file of a blob.
type SealedFile struct {
	Name string
	Size int64 // of the file, in bytes
}

// Files lists the blobs' files: at least those that the database of that moment names.
func (f *Frozen) Files() iter.Seq2[SealedFile, error] {
	return func(yield func(SealedFile, error) bool) {
		for e, err := range f.blobs.Entries() {
			if err == nil && e.Unfinished {
				continue
			}
			if !yield(SealedFile{e.Name, e.Size}, err) || err != nil {
				return
			}
		}
	}
}

// OpenFile opens a blob's file as it lies on the disk.
func (f *Frozen) OpenFile(name string) (io.ReadCloser, error) { return f.blobs.OpenSealed(name) }

// BackupKeys are what backups of a pod are made with and read with.
type BackupKeys struct {
	Seed       *secret.Key   // of the age identity, 32 bytes
	Recipients []string      // besides that identity
	Earlier    []*secret.Key // seeds of the pod's earlier keys
	Sign       crypto.Signer
	Verify     []ed25519.PublicKey // the pod's, of all times

	wipe func()
}

// Wipe overwrites the keys.
func (b *BackupKeys) Wipe() {
	b.Seed.Wipe()
	for _, k := range b.Earlier {
		k.Wipe()
	}
	b.wipe()
}

// BackupKeys returns the keys for backups, which the caller wipes.
func (v *Visit) BackupKeys(ctx context.Context) (*BackupKeys, error) {
	settings, err := v.View.Backup(ctx)
	if err != nil {
		return nil, err
	}
	b, err := BackupKeysOf(v.use.key)
	if err != nil {
		return nil, err
	}
	b.Recipients = settings.Recipients
	for _, seed := range settings.Earlier {
		b.Earlier = append(b.Earlier, secret.Take(seed))
	}
	earlier, err := v.View.Successions(ctx)
	if err != nil {
		b.Wipe()
		return nil, err
	}
	for _, s := range earlier {
		key, err := hex.DecodeString(s.Key)
		if err != nil || len(key) != ed25519.PublicKeySize {
			continue // NewKeys refuses such a pod
		}
		b.Verify = append(b.Verify, key)
	}
	return b, nil
}

// BackupKeysOf returns the keys for backups that the pod key alone gives: on a machine
// without the pod, from the header in the backup.
func BackupKeysOf(podKey *secret.Key) (*BackupKeys, error) {
	seed, err := backupSeed(podKey)
	if err != nil {
		return nil, err
	}
	sign, err := newSigner(podKey)
	if err != nil {
		seed.Wipe()
		return nil, err
	}
	return &BackupKeys{Seed: seed, Sign: sign, Verify: []ed25519.PublicKey{sign.public()}, wipe: sign.wipe}, nil
}

func backupSeed(podKey *secret.Key) (*secret.Key, error) {
	return keyring.Derive(podKey, keyring.PurposeBackup, agekey.SeedSize)
}
