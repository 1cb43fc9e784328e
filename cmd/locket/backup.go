package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
	"github.com/locketpod/locket/internal/pods"
)

func (c *cli) backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Back up the pod, check backups, and restore them",
		Long: `Back up the pod to a folder or an S3-compatible store, check what is there, and restore it.
A backup is incremental and can be made while a server runs. Everything in it is encrypted,
in the age format, to the pod and to recipients that you add, and signed by the pod; a bare
machine restores it with the backup and one passphrase, key or recovery kit of its time.

REPO is a folder, or s3://BUCKET/PREFIX with the credentials in AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY. ` + envBackup + ` may hold it.`,
		Example: `  locket backup create /mnt/disk/locket
  locket backup verify /mnt/disk/locket
  locket backup restore /mnt/disk/locket --dir ~/restored
  locket backup prune /mnt/disk/locket --keep-daily 14 --keep-monthly 12`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.backupCreateCommand(), c.backupListCommand(), c.backupVerifyCommand(), c.backupRestoreCommand(),
		c.backupPruneCommand(), c.backupIdentityCommand(), c.backupRecipientCommand())
	return cmd
}

func (c *cli) backupCreateCommand() *cobra.Command {
	var r repository
	cmd := &cobra.Command{
		Use:   "create [REPO]",
		Short: "Make a snapshot",
		Long: `Make a snapshot of the pod as it is now. Only what has changed since the last snapshot is
written. Others read and write meanwhile; a snapshot that was cut short is as if it had not
been begun, and what it wrote is used by the next.`,
		Example: "  locket backup create /mnt/disk/locket\n  locket backup create s3://backups/locket",
		Args:    atMostOne("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.with(c, args, func(t backup.Target) error {
				return c.withVisit(cmd.Context(), func(v *pods.Visit) error { return c.backUp(cmd.Context(), v, t, r.name) })
			})
		},
	}
	r.flags(cmd)
	return cmd
}

// backedUp is what "backup create" prints.
type backedUp struct {
	Snapshot string   `json:"snapshot"`
	Pages    uint32   `json:"pages"`
	NewPages uint32   `json:"newPages"`
	Blobs    int      `json:"blobs"`
	NewBlobs int      `json:"newBlobs"`
	Size     int64    `json:"size"`    // bytes of the pod
	Written  int64    `json:"written"` // bytes put into the repository
	Notes    []string `json:"notes,omitempty"`
}

func (c *cli) backUp(ctx context.Context, v *pods.Visit, t backup.Target, name string) (err error) {
	if err := ownTarget(ctx, t, v.Keys().Pod()); err != nil {
		return err
	}
	own, err := v.BackupKeys(ctx)
	if err != nil {
		return err
	}
	defer own.Wipe()
	keys, err := backupKeys(own)
	if err != nil {
		return err
	}
	frozen, err := v.Freeze(ctx)
	if err != nil {
		return err
	}
	defer closing(frozen, &err)
	bar := c.newProgress()
	defer bar.end()
	sum, err := backup.Create(ctx, t, frozenSource{frozen}, backup.State{
		Pod: frozen.Pod, Epoch: frozen.Epoch, Generation: frozen.Generation, Taken: frozen.Taken, Database: frozen.Database,
		Header: frozen.Header, Checkpoint: frozen.Checkpoint,
	}, keys, bar.report)
	if err != nil {
		return err
	}
	bar.end()
	if err := c.noteBackup(name, sum.Link); err != nil { // the snapshot is made all the same
		fmt.Fprintf(c.err, "locket: the snapshot is made, but that it was can't be remembered in %s\n", c.state)
	}
	out := backedUp{sum.ID, sum.Pages, sum.NewPages, sum.Blobs, sum.NewBlobs, sum.Size, sum.Written, sum.Notes}
	return c.print(out, func(p *printer) {
		p.line("Made snapshot %s: %s, of which %s were written.", out.Snapshot, size(out.Size), size(out.Written))
		for _, n := range out.Notes {
			p.line("  %s", clean(n, false))
		}
	})
}

// ownTarget refuses to mix the snapshots of two pods.
func ownTarget(ctx context.Context, t backup.Target, pod locket.PodID) error {
	h, _, err := newestHeader(ctx, t, "")
	if err != nil || h == nil || h.Pod() == pod {
		return err
	}
	return locket.Errorf(locket.CodeConflict, "there are backups of another pod here, %s; choose another folder or prefix", h.Pod())
}

// A frozenSource is a pod as a backup reads it.
type frozenSource struct{ *pods.Frozen }

func (s frozenSource) Blobs() iter.Seq2[backup.BlobFile, error] {
	return func(yield func(backup.BlobFile, error) bool) {
		for f, err := range s.Files() {
			if !yield(backup.BlobFile{Name: f.Name, Size: f.Size}, err) {
				return
			}
		}
	}
}

func (s frozenSource) OpenBlob(name string) (io.ReadCloser, error) { return s.OpenFile(name) }

func (c *cli) backupListCommand() *cobra.Command {
	var r repository
	cmd := &cobra.Command{
		Use:   "list [REPO]",
		Short: "List the snapshots",
		Long: `List the snapshots of a repository. Without a passphrase or key that opens one of them, ids
and times are all that can be told.`,
		Example: "  locket backup list /mnt/disk/locket",
		Args:    atMostOne("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.withKeys(cmd.Context(), c, args, func(t backup.Target, keys backup.Keys) error {
				list, err := backup.List(cmd.Context(), t, keys)
				if err != nil {
					return err
				}
				out := locket.Page[listed]{Items: []listed{}}
				for _, s := range list {
					out.Items = append(out.Items, listing(s))
				}
				return c.print(out, func(p *printer) { p.snapshots(out.Items) })
			})
		},
	}
	r.flags(cmd)
	return cmd
}

// A listed is a snapshot in a list.
type listed struct {
	ID      string       `json:"id"`
	Time    time.Time    `json:"time"`
	Pod     locket.PodID `json:"pod,omitempty"`
	Epoch   int64        `json:"epoch,omitempty"` // of the pod's key
	Size    int64        `json:"size,omitempty"`
	Problem string       `json:"problem,omitempty"`
}

func listing(s backup.Snapshot) listed {
	l := listed{ID: s.ID, Time: s.Time, Problem: s.Problem}
	if s.Manifest != nil {
		l.Pod, l.Epoch, l.Size = s.Manifest.Pod, s.Manifest.Epoch, s.Manifest.Size()
	}
	return l
}

func (p *printer) snapshots(list []listed) {
	if len(list) == 0 {
		p.line("there is no snapshot here yet; 'locket backup create' makes one")
		return
	}
	var rows [][]string
	for _, s := range list {
		rows = append(rows, []string{s.ID, when(s.Time), fmt.Sprint(s.Epoch), size(s.Size), clean(s.Problem, false)})
	}
	p.table([]string{"SNAPSHOT", "TAKEN", "KEY", "SIZE", ""}, rows)
}
