package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/backup"
)

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
	if keys.Sign == nil {
		return locket.Errorf(locket.CodeNotFound, "there is no snapshot here, so there is nothing to remove")
	}
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
