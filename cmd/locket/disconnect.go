package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (c *cli) disconnectCommand() *cobra.Command {
	var w connecting
	var keep bool
	cmd := &cobra.Command{
		Use:   "disconnect CLIENT",
		Short: "Take Locket out of an AI client, and end its agent",
		Long: `Take out of a client's configuration what 'locket connect' put in, hooks too, and end its
agent for good, with its keys. What the agent wrote stays in the pod. It is shown first, and
asked about; a copy of the file is kept beside it.`,
		Example: "  locket disconnect claude-code\n  locket disconnect cursor --keep-agent --yes",
		Args:    takes("CLIENT"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if w.client, err = findClient(args[0]); err != nil {
				return err
			}
			if w.name == "" {
				w.name = w.client.name
			}
			if keep {
				return c.disconnect(cmd.Context(), w, seat{}, nil)
			}
			return c.withPod(cmd.Context(), func(p pod) error {
				s, err := c.findSeat(cmd.Context(), p, w.name)
				if err != nil {
					return err
				}
				return c.disconnect(cmd.Context(), w, s, p)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&w.name, "name", "", "what the agent is called; default: CLIENT")
	f.BoolVar(&w.project, "project", false, "only in the configuration of the project in this folder")
	f.BoolVar(&keep, "keep-agent", false, "only change the configuration; the agent and its key stay")
	f.BoolVar(&w.dryRun, "dry-run", false, "only show what would change")
	f.BoolVarP(&w.yes, "yes", "y", false, "do not ask")
	return cmd
}

// disconnect takes the entry and the hooks out. The agent of s ends, if there is one.
func (c *cli) disconnect(ctx context.Context, w connecting, s seat, p pod) error {
	path, err := w.client.path(w.project)
	if err != nil {
		return err
	}
	f, err := openConfig(path)
	if err != nil {
		return err
	}
	if err := f.becomes(w.client.drop); err != nil {
		return err
	}
	files := []*configFile{f}
	if w.client.hooks != nil && !w.project {
		h, err := w.client.planNoHooks()
		if err != nil {
			return err
		}
		files = append(files, h)
	}
	out := connected{Client: w.client.name, DryRun: w.dryRun}
	if s.exists {
		out.Agent, out.Principal, out.KeyFile = w.name, s.agent.ID, s.file
		out.notes = []string{fmt.Sprintf("The agent %s ends for good, with its keys and sessions. What it wrote stays.", s.name)}
	}
	return c.carryOut(ctx, &out, files, s.exists, w.yes, w.client.title+" does without Locket from its next start on.", func() error {
		if !s.exists {
			return nil
		}
		return s.leave(ctx, p)
	})
}
