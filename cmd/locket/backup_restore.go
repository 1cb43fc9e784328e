package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
	"github.com/locketpod/locket/internal/durable"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// A restoration is the flags of "backup restore".
type restoration struct {
	repository
	id                            string
	replace, acceptOlder, recover bool
	shares                        shareSource
}

func (c *cli) backupRestoreCommand() *cobra.Command {
	var r restoration
	cmd := &cobra.Command{
		Use:   "restore [REPO]",
		Short: "Restore a pod from a backup",
		Long: `Restore the pod of a snapshot, the newest unless --snapshot names another, into the folder
of the pods (--dir). It takes the backup and one passphrase, API key, owner's key or recovery
kit that opened the pod when the snapshot was made, and nothing else. The pod appears whole
or not at all, and is checked before.

A pod that is there already is left alone; --replace puts it aside. A snapshot that is older
than the pod was when it was last used on this machine is refused; --accept-older goes back
to it.`,
		Example: `  locket backup restore /mnt/disk/locket --dir ~/restored
  locket backup restore /mnt/disk/locket --snapshot 20261121T143000Z-1a2b3c4d --replace --accept-older
  locket backup restore s3://backups/locket --recovery`,
		Args: atMostOne("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.with(c, args, func(t backup.Target) error { return r.run(cmd.Context(), c, t) })
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&r.id, "snapshot", "", "id of the snapshot; default: the newest")
	f.BoolVar(&r.replace, "replace", false, "put a pod aside that is there already")
	f.BoolVar(&r.acceptOlder, "accept-older", false, "go back to a state that is older than the one last used here")
	f.BoolVar(&r.recover, "recovery", false, "open it with a recovery kit, whose sheets are asked for")
	r.shares.flags(cmd)
	return cmd
}

// restoreCommand is "backup restore" under a name of its own.
func (c *cli) restoreCommand() *cobra.Command {
	cmd := c.backupRestoreCommand()
	cmd.Short = "The same as 'locket backup restore'"
	return cmd
}

// restored is what "backup restore" prints.
type restored struct {
	Pod      locket.PodID `json:"pod"`
	Dir      string       `json:"dir"`
	Snapshot string       `json:"snapshot"`
	Taken    time.Time    `json:"taken"`
	Size     int64        `json:"size"`
	Aside    string       `json:"aside,omitempty"` // where the pod is that was there
}

func (r *restoration) run(ctx context.Context, c *cli, t backup.Target) error {
	h, id, err := newestHeader(ctx, t, r.id)
	if err != nil {
		return err
	}
	if h == nil {
		return locket.Errorf(locket.CodeNotFound, "there is no snapshot here; is %s the right place?", r.name)
	}
	dir, err := c.podsDir()
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(dir); err != nil {
		return locket.Errorf(locket.CodeInvalid, "can't use the folder %s: %s", dir, reason(err)).Because(err)
	}
	target := filepath.Join(dir, string(h.Pod()))
	if _, err := os.Lstat(target); err == nil && !r.replace {
		return locket.Errorf(locket.CodeExists, "the pod is there already, in %s: --replace puts it aside, --dir names another folder", target)
	}
	if r.recover || len(r.shares.files)+len(r.shares.photos) > 0 {
		return c.withRecovery(ctx, r.shares, func(cred keyring.Recovery) error { return r.restore(ctx, c, t, h, id, dir, cred) })
	}
	f, err := c.openFolder()
	if err != nil {
		return err
	}
	k, err := c.credential(ctx, f, h.Pod())
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	defer k.wipe()
	return r.restore(ctx, c, t, h, id, dir, k.keyring())
}

// restore writes the pod into a folder beside its place, tries it there, and puts it in
// its place.
func (r *restoration) restore(ctx context.Context, c *cli, t backup.Target, h *keyring.Header, id, dir string, cred keyring.Credential) (err error) {
	own, err := headerKeys(ctx, h, cred)
	if err != nil {
		return err
	}
	defer own.Wipe()
	keys, err := backupKeys(own)
	if err != nil {
		return err
	}
	o := backup.RestoreOptions{ID: id}
	if o.Seen, err = c.seenBackup(r.name); err != nil {
		return err
	}
	if r.acceptOlder {
		o.Seen = backup.Link{}
	}
	staging, err := makeStaging(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	bar := c.newProgress()
	defer bar.end()
	o.Report = bar.report
	pod := filepath.Join(staging, string(h.Pod()))
	m, err := restoreInto(ctx, t, pod, keys, o)
	if err != nil {
		return err
	}
	bar.end()
	if err := r.try(ctx, c, staging, h.Pod(), cred); err != nil {
		return err
	}
	out := restored{Pod: h.Pod(), Dir: filepath.Join(dir, string(h.Pod())), Snapshot: m.ID, Taken: m.Taken, Size: m.Size()}
	if out.Aside, err = putInPlace(dir, staging, string(h.Pod())); err != nil {
		return err
	}
	return c.print(out, func(p *printer) { p.restored(out) })
}

func makeStaging(dir string) (string, error) {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the program instead
	staging := filepath.Join(dir, ".restoring-"+hex.EncodeToString(b[:]))
	return staging, os.Mkdir(staging, 0o700)
}

func restoreInto(ctx context.Context, t backup.Target, pod string, keys backup.Keys, o backup.RestoreOptions) (m *backup.Manifest, err error) {
	if err := os.Mkdir(pod, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(pod)
	if err != nil {
		return nil, err
	}
	defer closing(root, &err)
	return backup.Restore(ctx, t, root, keys, o)
}

// try opens the restored pod where it is, as a command would. A state that is older than
// what this machine remembers is refused there.
func (r *restoration) try(ctx context.Context, c *cli, staging string, pod locket.PodID, cred keyring.Credential) (err error) {
	f, err := pods.Open(staging, pods.Options{State: c.state, Log: c.logger()})
	if err != nil {
		return err
	}
	defer closing(f, &err)
	if r.acceptOlder {
		return f.AcceptOlder(ctx, pod, cred)
	}
	err = f.Do(ctx, pod, cred, func(*store.View) error { return nil })
	if locket.CodeOf(err) == locket.CodeRolledBack {
		return locket.Errorf(locket.CodeRolledBack, "the pod was used on this machine after this snapshot was made; what was done since would be gone. "+
			"If that is what you want, give --accept-older. Nothing was restored").Because(err)
	}
	return err
}

// putInPlace moves the restored pod to where pods are, and what was there aside.
func putInPlace(dir, staging, pod string) (aside string, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer closing(root, &err)
	from := filepath.Join(filepath.Base(staging), pod)
	if _, err := root.Lstat(pod); errors.Is(err, fs.ErrNotExist) {
		return "", move(root, from, pod)
	} else if err != nil {
		return "", err
	}
	aside = fmt.Sprintf("%s.replaced-%s", pod, time.Now().UTC().Format("20060102T150405Z"))
	if err := exchange(root, from, pod, aside); err != nil {
		return "", err
	}
	return filepath.Join(dir, aside), nil
}

// exchange puts the pod in from into the place of another, which it puts aside. There is
// a pod in the place all the time, unless the system cannot exchange names: then there is
// none for a moment, but the one that was there is under its new name.
func exchange(root *os.Root, from, pod, aside string) error {
	if err := move(root, from, aside); err != nil {
		return err
	}
	err := durable.Exchange(root, aside, pod)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err // what is aside now stays: it may be either of the two
	}
	if err := move(root, aside, from); err != nil {
		return err
	}
	if err := move(root, pod, aside); err != nil {
		return err
	}
	return move(root, from, pod)
}

// move renames something into or within root's own folder, durably.
func move(root *os.Root, from, to string) error {
	if err := root.Rename(from, to); err != nil {
		return err
	}
	return durable.SyncDir(root, ".")
}

func (p *printer) restored(r restored) {
	p.line("Restored pod %s as of %s (snapshot %s, %s) to %s.", r.Pod, when(r.Taken), r.Snapshot, size(r.Size), r.Dir)
	if r.Aside != "" {
		p.line("The pod that was there is in %s.", r.Aside)
	}
	p.line("Check it: locket verify")
}
