package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
)

// agentNamed finds an agent by name or id for a command that needs one.
func agentNamed(ctx context.Context, p pod, name string) (locket.Principal, error) {
	if _, ok := locket.ParseUUID(name); ok {
		out, err := run[ops.Known](ctx, p, "principals.get", map[string]string{"id": name})
		if err == nil && out.Kind != locket.KindAgent {
			err = locket.Errorf(locket.CodeNotFound, "%s is no agent; 'locket principal show' shows it", clean(out.Name, false))
		}
		return out.Principal, err
	}
	agent, found, err := findAgent(ctx, p, name)
	if err == nil && !found {
		err = locket.Errorf(locket.CodeNotFound, "there is no agent %.60q; 'locket agents' lists them", name)
	}
	return agent, err
}

// pastAgent is agentNamed for commands that are also of use for those that were revoked.
func pastAgent(ctx context.Context, p pod, name string) (locket.PrincipalID, error) {
	agent, found, err := findAgent(ctx, p, name)
	if err == nil && !found {
		return whom(ctx, p, name)
	}
	return agent.ID, err
}

// withAgent opens the pod and finds an agent by name or id.
func (c *cli) withAgent(ctx context.Context, name string, fn func(p pod, agent locket.Principal) error) error {
	return c.withPod(ctx, func(p pod) error {
		agent, err := agentNamed(ctx, p, name)
		if err != nil {
			return err
		}
		return fn(p, agent)
	})
}

// agentState makes the commands that pause and resume.
func (c *cli) agentState(name string, state locket.PrincipalState, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:     name + " NAME",
		Short:   short,
		Long:    long,
		Example: "  locket agents " + name + " claude-code",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAgent(cmd.Context(), args[0], func(p pod, agent locket.Principal) error {
				out, err := changeAgent(cmd.Context(), p, agent, map[string]string{"state": string(state)})
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.line("%s is %s", clean(out.Name, false), out.State) })
			})
		},
	}
}

func changeAgent(ctx context.Context, p pod, agent locket.Principal, fields map[string]string) (locket.Principal, error) {
	fields["id"] = string(agent.ID)
	return run[locket.Principal](ctx, p, "principals.update", fields)
}

// narrowed is what "agents narrow" prints.
type narrowed struct {
	Agent  locket.Principal `json:"agent"`
	Before []string         `json:"before"`
	After  []string         `json:"after"`
	DryRun bool             `json:"dryRun,omitempty"`
}

func (c *cli) agentsNarrowCommand() *cobra.Command {
	var scopes []string
	var file string
	var dryRun, yes bool
	cmd := &cobra.Command{
		Use:   "narrow NAME",
		Short: "Change what an agent may do, and see before and after in words",
		Long: `Give an agent another policy: of scopes, which are memory.read, memory.write, memory.delete
and items.read, or of a file as 'locket policy schema' describes it. What it may do before
and after is shown in words, and asked about. It counts from the agent's next request on.`,
		Example: `  locket agents narrow claude-code --scopes memory.read
  locket agents narrow scribe --policy scribe.json --dry-run`,
		Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(scopes) > 0) == (file != "") {
				return locket.Errorf(locket.CodeInvalid, "say with --scopes or with --policy what the agent may do from now on")
			}
			ctx := cmd.Context()
			return c.withAgent(ctx, args[0], func(p pod, agent locket.Principal) error {
				text, wanted, err := c.narrowTo(agent, scopes, file)
				if err != nil {
					return err
				}
				out := narrowed{agent, may(agent), policy.Explain(wanted), dryRun}
				if dryRun || !c.json {
					if err := c.print(out, func(p *printer) { p.narrowed(out) }); err != nil || dryRun {
						return err
					}
				}
				if err := c.confirm(ctx, fmt.Sprintf("Let %s do this from now on?", clean(agent.Name, false)), yes); err != nil {
					return err
				}
				if out.Agent, err = changeAgent(ctx, p, agent, map[string]string{"policy": text}); err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.line("done") })
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&scopes, "scopes", nil, "what it may do, with commas between: memory.read, memory.write, memory.delete, items.read")
	f.StringVar(&file, "policy", "", `file with its policy; "-" is standard input`)
	f.BoolVar(&dryRun, "dry-run", false, "only show what would change")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// narrowTo is the policy that was asked for, also as JSON.
func (c *cli) narrowTo(agent locket.Principal, scopes []string, file string) (string, locket.Policy, error) {
	if file != "" {
		return readPolicy(c.in, file)
	}
	scopes, err := checkScopes(scopes)
	if err != nil {
		return "", locket.Policy{}, err
	}
	wanted := ops.AgentPolicy(agent.Name, scopes)
	text, err := json.Marshal(wanted)
	return string(text), wanted, err
}

func (p *printer) narrowed(n narrowed) {
	p.line("%s", p.styled(bold, clean(n.Agent.Name, false)+" before:"))
	p.sentences(n.Before)
	p.line("%s", p.styled(bold, "and after:"))
	p.sentences(n.After)
}

func (c *cli) agentsRevokeCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "End an agent for good, with its keys and sessions",
		Long: `End an agent for good, with its keys and sessions. What it wrote and the journal of what it
did stay: 'locket agents undo' takes back what it wrote, before or after. 'locket disconnect'
also takes it out of its client's configuration.`,
		Example: "  locket agents revoke scribe\n  locket agents revoke scribe --yes",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAgent(cmd.Context(), args[0], func(p pod, agent locket.Principal) error {
				if err := c.confirm(cmd.Context(), fmt.Sprintf("End %s for good, with its keys and sessions?", clean(agent.Name, false)), yes); err != nil {
					return err
				}
				out, err := run[locket.Principal](cmd.Context(), p, "principals.revoke", map[string]string{"id": string(agent.ID)})
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.line("%s is revoked, with its keys and sessions", clean(out.Name, false)) })
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (c *cli) agentsUndoCommand() *cobra.Command {
	var u undoing
	cmd := &cobra.Command{
		Use:   "undo NAME",
		Short: "Revert what an agent wrote, all or that of a session",
		Long: `Revert what an agent wrote: all of it, that of a session, or what it did lately. It is 'locket
undo' for an agent: shown first, asked about, and a change that can itself be undone.
'locket agents sessions' lists the sessions.`,
		Example: "  locket agents undo claude-code --since 2h\n  locket agents undo claude-code --session 5e55-10 --dry-run",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				id, err := pastAgent(cmd.Context(), p, args[0])
				if err != nil {
					return err
				}
				u.principal = string(id)
				return u.run(cmd.Context(), c, p)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&u.session, "session", "", "only what was done in this session, `ID`")
	f.StringVar(&u.since, "since", "", "only what was done since a `TIME` as in 2026-11-21T10:00:00Z, or in the last 2h or 30m")
	f.BoolVar(&u.dryRun, "dry-run", false, "only show what would be reverted")
	f.BoolVarP(&u.yes, "yes", "y", false, "do not ask")
	return cmd
}
