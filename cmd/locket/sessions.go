package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/store"
)

func (c *cli) sessionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List and end the sessions and grants of a server",
		Long: `List and end sessions and grants: what lets somebody in for a while, without a key. A server
makes them, and they end with it at the latest.`,
		Example: "  locket sessions list\n  locket sessions end --all-others",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.sessionsListCommand(), c.sessionsEndCommand())
	return cmd
}

func (c *cli) sessionsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the sessions and grants that have not run out",
		Long: `List the sessions and grants that have not run out, the latest first. On a folder these are
what its servers wrote down: those of a server that was restarted are of no use any more.`,
		Example: "  locket sessions list\n  locket sessions list --server https://pod.example.com --json",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[ops.Grants](cmd.Context(), p, "grants.list", nil)
				if err != nil {
					return err
				}
				var called map[locket.PrincipalID]string
				if !c.json && len(out.Grants) > 0 {
					if called, err = names(cmd.Context(), p); err != nil {
						return err
					}
				}
				return c.print(locket.Page[store.Grant]{Items: out.Grants}, func(p *printer) { p.grants(out.Grants, called) })
			})
		},
	}
}

func (p *printer) grants(list []store.Grant, called map[locket.PrincipalID]string) {
	if len(list) == 0 {
		p.line("there are no sessions")
		return
	}
	var rows [][]string
	for _, g := range list {
		id, who, may := g.ID, called[g.Principal], "what they may"
		if g.Current {
			id += " (this one)"
		}
		if who == "" {
			who = string(g.Principal)
		}
		if g.Policy != nil {
			may = strings.Join(policy.Explain(*g.Policy), " ")
		}
		rows = append(rows, []string{id, who, g.Audience, when(g.Created), when(g.Expires), may})
	}
	p.table([]string{"ID", "WHO", "FOR", "CREATED", "ENDS", "MAY"}, rows)
}

// ended is what "sessions end" prints.
type ended struct {
	Ended []string `json:"ended"` // ids
}

func (c *cli) sessionsEndCommand() *cobra.Command {
	var others bool
	cmd := &cobra.Command{
		Use:   "end [ID]",
		Short: "End a session or a grant, or all others",
		Long: `End a session or a grant: its next request is refused. --all-others ends all that
'locket sessions list' shows but the one that asks.`,
		Example: "  locket sessions end 91919191919191919191919191919191\n  locket sessions end --all-others",
		Args: func(cmd *cobra.Command, args []string) error {
			if others {
				return takes()(cmd, args)
			}
			return takes("ID")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := endSessions(cmd.Context(), p, args)
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.line("ended %s", count(int64(len(out.Ended)), "session")) })
			})
		},
	}
	cmd.Flags().BoolVar(&others, "all-others", false, "end all but the one that asks")
	return cmd
}

// endSessions ends those of the given ids, or all others if there are none.
func endSessions(ctx context.Context, p pod, ids []string) (ended, error) {
	out := ended{Ended: []string{}}
	if len(ids) == 0 {
		all, err := run[ops.Grants](ctx, p, "grants.list", nil)
		if err != nil {
			return out, err
		}
		for _, g := range all.Grants {
			if !g.Current {
				ids = append(ids, g.ID)
			}
		}
	}
	for _, id := range ids {
		if _, err := run[ops.Written](ctx, p, "grants.end", map[string]string{"id": id}); err != nil {
			return out, err
		}
		out.Ended = append(out.Ended, id)
	}
	return out, nil
}
