package main

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func (c *cli) undoCommand() *cobra.Command {
	var u undoing
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Revert what a principal or a session did",
		Long: `Revert what a principal or a session did: values go back to the latest that somebody else
had set, what was created is deleted, what was deleted comes back. What others have changed
since stays. It is shown first, and asked about. The undoing is itself a change, in the
journal, and can be undone.`,
		Example: `  locket undo --principal scribe --since 2h
  locket undo --principal scribe --since 2026-11-21T10:00:00Z --dry-run
  locket undo --session 91919191919191919191919191919191 --yes`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if u.principal == "" && u.session == "" {
				return locket.Errorf(locket.CodeInvalid, "say whose changes to undo, with --principal or --session")
			}
			return c.withPod(cmd.Context(), func(p pod) error { return u.run(cmd.Context(), c, p) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&u.principal, "principal", "", "what this principal did, `NAME` or id")
	f.StringVar(&u.session, "session", "", "what was done in this session, `ID`")
	f.StringVar(&u.since, "since", "", "only what was done since a `TIME` as in 2026-11-21T10:00:00Z, or in the last 2h or 30m")
	f.BoolVar(&u.dryRun, "dry-run", false, "only show what would be reverted")
	f.BoolVarP(&u.yes, "yes", "y", false, "do not ask")
	return cmd
}

// An undoing is the flags of one run of undo.
type undoing struct {
	principal, session, since string
	dryRun, yes               bool
}

func (u *undoing) run(ctx context.Context, c *cli, p pod) error {
	fields := map[string]string{"session": u.session, "since": sinceTime(u.since, time.Now())}
	if u.principal != "" {
		id, err := whom(ctx, p, u.principal)
		if err != nil {
			return err
		}
		fields["principal"] = string(id)
	}
	if u.dryRun || !u.yes {
		stop, err := u.preview(ctx, c, p, fields)
		if stop || err != nil {
			return err
		}
	}
	out, err := run[store.Undone](ctx, p, "journal.undo", fields)
	if err != nil {
		return err
	}
	return c.print(out, func(p *printer) { p.undone(out, "") })
}

// preview shows what would be reverted and asks whether to; stop is true if there is
// nothing more to do.
func (u *undoing) preview(ctx context.Context, c *cli, p pod, fields map[string]string) (stop bool, err error) {
	try := maps.Clone(fields)
	try["dryRun"] = "true"
	out, err := run[store.Undone](ctx, p, "journal.undo", try)
	if err != nil {
		return true, err
	}
	if u.dryRun || !c.json {
		if err := c.print(out, func(p *printer) { p.undone(out, "would be ") }); err != nil {
			return true, err
		}
	}
	if u.dryRun || touched(out) == 0 && !c.json {
		return true, nil
	}
	return false, c.confirm(ctx, "Undo "+count(int64(out.Changes), "change")+"?", false)
}

func touched(u store.Undone) int { return u.Reverted + u.Deleted + u.Restored + u.Links }

// sinceTime is a time in RFC 3339, or so long before now. What is neither stays, for
// the operation to refuse.
func sinceTime(text string, now time.Time) string {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d.Abs()).UTC().Format(time.RFC3339Nano)
	}
	return text
}

// undone tells what an undo did, or with "would be " what one would do.
func (p *printer) undone(u store.Undone, wouldBe string) {
	if touched(u) == 0 {
		p.line("%s; there is nothing to undo", count(int64(u.Changes), "change"))
	} else {
		p.line("%s: %s %sreverted, %s %sdeleted, %s %srestored, %s %schanged", count(int64(u.Changes), "change"),
			count(int64(u.Reverted), "item"), wouldBe, count(int64(u.Deleted), "item"), wouldBe,
			count(int64(u.Restored), "item"), wouldBe, count(int64(u.Links), "link"), wouldBe)
	}
	var rows [][]string
	for _, it := range u.Items {
		rows = append(rows, []string{string(it.Item), strings.Join(it.What, ", ")})
	}
	if len(rows) > 0 {
		p.table([]string{"ITEM", "WHAT"}, rows)
	}
	if len(u.Skipped) == 0 {
		return
	}
	p.line("%s left as it is:", count(int64(len(u.Skipped)+u.More), "part"))
	for _, s := range u.Skipped {
		p.line("  %s", clean(strings.TrimSpace(string(s.Item)+"  "+s.Reason), false))
	}
	if u.More > 0 {
		p.line("  and %d more", u.More)
	}
}
