package main

import (
	"context"
	"errors"
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
	if err := c.noteBackup(name, sum.Link); err != nil {
		return err
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

func (c *cli) backupVerifyCommand() *cobra.Command {
	var r repository
	var o backup.VerifyOptions
	cmd := &cobra.Command{
		Use:   "verify [REPO]",
		Short: "Read backups back, without restoring",
		Long: `Read everything back that a repository has, and compare it with what the signed manifests
say. Nothing is written. --sample 0.1 reads a tenth, chosen at random. A repository that is
older than when it was last used here is refused.`,
		Example: "  locket backup verify /mnt/disk/locket\n  locket backup verify /mnt/disk/locket --sample 0.1",
		Args:    atMostOne("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.withKeys(cmd.Context(), c, args, func(t backup.Target, keys backup.Keys) error {
				return c.verifyBackup(cmd.Context(), t, keys, r.name, o)
			})
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&o.ID, "snapshot", "", "only this snapshot")
	cmd.Flags().Float64Var(&o.Sample, "sample", 0, "the share of the objects that is read, 0 to 1; default: all")
	return cmd
}

// backupVerified is what "backup verify" prints.
type backupVerified struct {
	Snapshots int              `json:"snapshots"`
	Objects   int64            `json:"objects"`
	Bytes     int64            `json:"bytes"`
	Findings  []backup.Finding `json:"findings"`
	Foreign   []string         `json:"foreign,omitempty"` // ids of snapshots that can't be read with these keys
}

func (c *cli) verifyBackup(ctx context.Context, t backup.Target, keys backup.Keys, name string, o backup.VerifyOptions) error {
	var err error
	if o.Seen, err = c.seenBackup(name); err != nil {
		return err
	}
	bar := c.newProgress()
	defer bar.end()
	o.Report = bar.report
	v, err := backup.Verify(ctx, t, keys, o)
	if err != nil {
		return err
	}
	bar.end()
	out := backupVerified{v.Snapshots, v.Objects, v.Bytes, append([]backup.Finding{}, v.Findings...), v.Foreign}
	err = c.print(out, func(p *printer) {
		for _, f := range out.Findings {
			p.line("%s %s %s", p.styled(red, "fault:"), clean(f.Name, false), clean(f.Problem, false))
		}
		p.line("read %d snapshots: %d objects, %s", out.Snapshots, out.Objects, size(out.Bytes))
		if len(out.Foreign) > 0 {
			p.line("%d snapshots are of another key of the pod or for others, and were not read", len(out.Foreign))
		}
		if len(out.Findings) == 0 {
			p.line("no fault found")
		}
	})
	if err != nil {
		return err
	}
	if len(out.Findings) > 0 {
		return errFault
	}
	if o.ID != "" || v.Newest.ID == "" {
		return nil
	}
	return c.noteBackup(name, v.Newest)
}

func (c *cli) backupPruneCommand() *cobra.Command {
	var r repository
	var o backup.PruneOptions
	cmd := &cobra.Command{
		Use:   "prune [REPO]",
		Short: "Remove old snapshots, and what only they need",
		Long: `Remove snapshots but for the last few and the last of so many days, weeks and months, and
the objects that no other snapshot needs. The newest is always kept. --dry-run only says
what would go.`,
		Example: "  locket backup prune /mnt/disk/locket --keep-last 3 --keep-daily 14 --keep-monthly 12\n  locket backup prune /mnt/disk/locket --keep-last 1 --dry-run",
		Args:    atMostOne("REPO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.withKeys(cmd.Context(), c, args, func(t backup.Target, keys backup.Keys) error {
				return c.prune(cmd.Context(), t, keys, o)
			})
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.IntVar(&o.Policy.KeepLast, "keep-last", 0, "keep this many of the last snapshots")
	f.IntVar(&o.Policy.KeepDaily, "keep-daily", 0, "keep the last of each of so many days")
	f.IntVar(&o.Policy.KeepWeekly, "keep-weekly", 0, "keep the last of each of so many weeks")
	f.IntVar(&o.Policy.KeepMonthly, "keep-monthly", 0, "keep the last of each of so many months")
	f.BoolVar(&o.DryRun, "dry-run", false, "only say what would be removed")
	return cmd
}

// prunedOut is what "backup prune" prints.
type prunedOut struct {
	Removed []string         `json:"removed"`
	Kept    []string         `json:"kept"`
	Objects int              `json:"objects"`
	Bytes   int64            `json:"bytes"`
	Held    []backup.Finding `json:"held,omitempty"` // snapshots that can't be read, kept with all of their objects
	DryRun  bool             `json:"dryRun"`
}

func (c *cli) prune(ctx context.Context, t backup.Target, keys backup.Keys, o backup.PruneOptions) error {
	bar := c.newProgress()
	defer bar.end()
	o.Now, o.Report = time.Now(), bar.report
	p, err := backup.Prune(ctx, t, keys, o)
	if err != nil {
		return err
	}
	bar.end()
	out := prunedOut{append([]string{}, p.Removed...), append([]string{}, p.Kept...), p.Objects, p.Bytes, p.Held, o.DryRun}
	return c.print(out, func(pr *printer) {
		verb := "removed"
		if o.DryRun {
			verb = "would remove"
		}
		pr.line("%s %d snapshots and %d objects, %s; %d snapshots stay", verb, len(out.Removed), out.Objects, size(out.Bytes), len(out.Kept))
		for _, f := range out.Held {
			pr.line("  kept %s, which %s", clean(f.Name, false), clean(f.Problem, false))
		}
	})
}

// errNoSnapshot says that a repository has nothing to restore.
var errNoSnapshot = errors.New("locket: no snapshot")
