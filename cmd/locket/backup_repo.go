package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/backup"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

// envBackup names the repository of backups.
const envBackup = "LOCKET_BACKUP"

// A repository is where backups are.
type repository struct {
	name             string // as the user gave it
	endpoint, region string
	pathStyle        bool
}

func (r *repository) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.endpoint, "s3-endpoint", "", "address of the S3-compatible store; default: AWS_ENDPOINT_URL, or Amazon's")
	f.StringVar(&r.region, "s3-region", "", "region of the bucket; default: AWS_REGION, or us-east-1")
	f.BoolVar(&r.pathStyle, "s3-path-style", false, "the bucket is in the path of the address and not in its host, as with most self-hosted stores")
}

// atMostOne is an argument check for an argument that may be left out.
func atMostOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return takes(name)(cmd, args)
	}
}

// with opens the repository that the argument or the environment names.
func (r *repository) with(c *cli, args []string, fn func(backup.Target) error) (err error) {
	if c.server != "" {
		return locket.Errorf(locket.CodeUnsupported, "backups are made on the machine that has the pod's folder, also while its server runs; leave out --server")
	}
	if r.name = c.backup; len(args) > 0 {
		r.name = args[0]
	}
	if r.name == "" {
		return locket.Errorf(locket.CodeInvalid, "name the folder or s3://BUCKET/PREFIX of the backups, or put it into %s", envBackup)
	}
	if rest, ok := strings.CutPrefix(r.name, "s3://"); ok {
		return r.s3(rest, fn)
	}
	if r.name, err = filepath.Abs(r.name); err != nil {
		return err
	}
	if err := durable.MkdirAll(r.name); err != nil {
		return locket.Errorf(locket.CodeInvalid, "the folder %s can't be used: %s", r.name, reason(err)).Because(err)
	}
	t, err := backup.OpenFolder(r.name)
	if err != nil {
		return err
	}
	defer closing(t, &err)
	return explainFull(fn(t))
}

// explainFull gives an error its code that comes of a full disk: that of the backups, of
// the pods, or of what was seen of them.
func explainFull(err error) error {
	if _, ok := errors.AsType[*locket.Error](err); ok || !backup.IsFull(err) {
		return err
	}
	return locket.Errorf(locket.CodeDiskFull, "the disk is full; make room and run it again").Because(err)
}

// reason says in a few words why a folder can't be made.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return "it can't be made"
}

func (r *repository) s3(rest string, fn func(backup.Target) error) (err error) {
	bucket, prefix, _ := strings.Cut(rest, "/")
	key := secret.Take([]byte(os.Getenv("AWS_SECRET_ACCESS_KEY")))
	defer key.Wipe()
	t, err := backup.OpenS3(backup.S3Config{
		Endpoint: first(r.endpoint, os.Getenv("AWS_ENDPOINT_URL"), "https://s3.amazonaws.com"),
		Region:   first(r.region, os.Getenv("AWS_REGION"), "us-east-1"),
		Bucket:   bucket, Prefix: strings.Trim(prefix, "/"), AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: key, PathStyle: r.pathStyle,
	})
	if err != nil {
		return err
	}
	defer closing(t, &err)
	return explainFull(fn(t))
}

func first(texts ...string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return s != "" })
	if i < 0 {
		return ""
	}
	return texts[i]
}

// withKeys opens a repository and finds the keys of its pod: from the pod, if it is in
// the folder here, else from the header in the backup.
func (r *repository) withKeys(ctx context.Context, c *cli, args []string, fn func(backup.Target, backup.Keys) error) error {
	return r.with(c, args, func(t backup.Target) error {
		h, _, err := newestHeader(ctx, t, "")
		if err != nil {
			return err
		}
		if h == nil {
			return fn(t, backup.Keys{})
		}
		own, err := c.ownBackupKeys(ctx, h)
		if err != nil {
			return err
		}
		defer own.Wipe()
		keys, err := backupKeys(own)
		if err != nil {
			return err
		}
		return fn(t, keys)
	})
}

// newestHeader returns the pod's header of a snapshot, of the newest if id is empty; nil
// if there is none.
func newestHeader(ctx context.Context, t backup.Target, id string) (*keyring.Header, string, error) {
	if id == "" {
		list, err := backup.List(ctx, t, backup.Keys{})
		if err != nil || len(list) == 0 {
			return nil, "", err
		}
		id = list[len(list)-1].ID
	}
	data, err := backup.Header(ctx, t, id)
	if err != nil {
		return nil, id, err
	}
	h, err := keyring.Parse(data)
	return h, id, err
}

// ownBackupKeys returns the keys of the pod that a header is of.
func (c *cli) ownBackupKeys(ctx context.Context, h *keyring.Header) (own *pods.BackupKeys, err error) {
	f, err := c.openFolder()
	if err != nil {
		return nil, err
	}
	defer closing(f, &err)
	ids, err := f.List()
	if err != nil {
		return nil, err
	}
	k, err := c.credential(ctx, f, h.Pod())
	if err != nil {
		return nil, err
	}
	defer k.wipe()
	if slices.Contains(ids, h.Pod()) {
		err = f.Visit(ctx, pods.Call{Pod: h.Pod(), Credential: k.keyring()}, func(v *pods.Visit) error {
			own, err = v.BackupKeys(ctx)
			return err
		})
		return own, err
	}
	return headerKeys(ctx, h, k.keyring())
}

// headerKeys opens a header that is in a backup.
func headerKeys(ctx context.Context, h *keyring.Header, cred keyring.Credential) (*pods.BackupKeys, error) {
	podKey, _, err := h.Open(ctx, keyring.NewKDF(1), cred)
	if errors.Is(err, keyring.ErrWrongSecret) {
		return nil, locket.Errorf(locket.CodeUnauthenticated, "this does not open the pod as it was then; use a passphrase, key or kit of the time of the snapshot").Because(err)
	} else if err != nil {
		return nil, err
	}
	defer podKey.Wipe()
	return pods.BackupKeysOf(podKey)
}

// backupKeys gives keys the form in which the backup takes them.
func backupKeys(own *pods.BackupKeys) (backup.Keys, error) {
	keys := backup.Keys{Sign: own.Sign, Verify: own.Verify}
	for i, seed := range append([]*secret.Key{own.Seed}, own.Earlier...) {
		text := agekey.Identity(seed)
		identity, err := age.ParseHybridIdentity(string(text.Bytes()))
		text.Wipe()
		if err != nil {
			return keys, fmt.Errorf("backup identity: %w", err)
		}
		keys.Identities = append(keys.Identities, identity)
		if i == 0 {
			keys.Recipients = append(keys.Recipients, identity.Recipient())
		}
	}
	for _, text := range own.Recipients {
		r, err := age.ParseHybridRecipient(text)
		if err != nil {
			return keys, locket.Errorf(locket.CodeTampered, "a recipient of backups that the pod names is none; 'locket backup recipient list' shows them").Because(err)
		}
		keys.Recipients = append(keys.Recipients, r)
	}
	return keys, nil
}

// What was last seen of a repository is kept in the state folder.

func (c *cli) seenFile(name string) string {
	sum := sha256.Sum256([]byte("locket-backup\n" + name))
	return hex.EncodeToString(sum[:16]) + ".backup"
}

// seenBackup returns the last snapshot that was seen in a repository.
func (c *cli) seenBackup(name string) (link backup.Link, err error) {
	if c.state == "" {
		return link, nil
	}
	data, err := os.ReadFile(filepath.Join(c.state, c.seenFile(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return link, nil
	} else if err != nil {
		return link, locket.Errorf(locket.CodeInvalid, "what was seen of the backups can't be read from %s", c.state).Because(err)
	}
	id, sum, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != len(link.Manifest) {
		return link, nil // whoever can write it could remove it, too
	}
	return backup.Link{ID: id, Manifest: backup.Hash(raw)}, nil
}

func (c *cli) noteBackup(name string, link backup.Link) error {
	if c.state == "" {
		return nil
	}
	if err := os.MkdirAll(c.state, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(c.state)
	if err != nil {
		return err
	}
	return errors.Join(durable.WriteFile(root, c.seenFile(name), fmt.Appendf(nil, "%s %s\n", link.ID, link.Manifest)), root.Close())
}
