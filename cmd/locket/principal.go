package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

func (c *cli) principalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "principal",
		Short: "Manage who may act: devices, agents, plugins and peers",
		Long: `Manage who may act in the pod beside its owner: devices, agents, plugins and peers. Each
acts within a policy and under its own name. NAME is a name or an id.`,
		Example: "  locket principal list\n  locket principal pause scribe\n  locket principal policy scribe policy.json",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		c.principalListCommand(), c.principalShowCommand(), c.principalAddCommand(), c.principalRenameCommand(),
		c.stateCommand("pause", locket.StatePaused, "Refuse a principal until it is resumed", "Refuse a principal from its next request on, until 'locket principal resume'. Its keys and sessions stay."),
		c.stateCommand("resume", locket.StateActive, "Let a paused principal go on", "Let a paused principal go on."),
		c.principalRevokeCommand(), c.principalPolicyCommand(), c.keygenCommand(),
	)
	return cmd
}

func (c *cli) principalListCommand() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the owner and all who may act",
		Example: "  locket principal list\n  locket principal list --kind device",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				return c.listPrincipals(cmd.Context(), p, locket.PrincipalKind(kind))
			})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only devices, agents, plugins or peers: device, agent, plugin or peer")
	return cmd
}

// listPrincipals lists those of a kind, all if it is "".
func (c *cli) listPrincipals(ctx context.Context, p pod, kind locket.PrincipalKind) error {
	out, err := run[ops.Principals](ctx, p, "principals.list", nil)
	if err != nil {
		return err
	}
	counts, err := waitingFor(ctx, p)
	if err != nil {
		return err
	}
	list := []asking{}
	for _, w := range out.Principals {
		if kind == "" || w.Kind == kind {
			list = append(list, asking{ops.Known{Principal: w, May: may(w)}, counts[w.ID]})
		}
	}
	return c.print(locket.Page[asking]{Items: list}, func(p *printer) { p.principals(list, kind) })
}

// An asking is a principal and how many of its requests wait for the owner.
type asking struct {
	ops.Known
	Waiting int `json:"waiting,omitempty"`
}

func (p *printer) principals(list []asking, kind locket.PrincipalKind) {
	if kind == locket.KindAgent && len(list) == 0 {
		p.line("no agent may come in yet; 'locket agents add' lets one in")
		return
	}
	var rows [][]string
	for _, w := range list {
		seen := "never"
		if !w.Seen.IsZero() {
			seen = when(w.Seen)
		}
		row := []string{w.Name, string(w.Kind), string(w.State), seen, string(w.ID)}
		if kind == locket.KindAgent {
			row = []string{w.Name, string(w.State), seen, strings.Join(w.May, " ")}
		}
		rows = append(rows, row)
	}
	head := []string{"NAME", "KIND", "STATE", "LAST SEEN", "ID"}
	if kind == locket.KindAgent {
		head = []string{"NAME", "STATE", "LAST SEEN", "MAY"}
	}
	p.table(head, rows)
	for _, w := range list {
		if w.Waiting > 0 {
			p.line("waiting for you: %s of %s; 'locket approvals' lists what", count(int64(w.Waiting), "request"), clean(w.Name, false))
		}
	}
}

func (c *cli) principalShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a principal and what it may do, in words",
		Long:    "Show a principal and what it may do, in words; with --json its policy, too.",
		Example: "  locket principal show scribe\n  locket principal show scribe --json",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPrincipal(cmd.Context(), args[0], func(p pod, id string) error {
				out, err := run[ops.Known](cmd.Context(), p, "principals.get", map[string]string{"id": id})
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) {
					p.principal(out.Principal)
					p.sentences(out.May)
				})
			})
		},
	}
}

// withPrincipal opens the pod and finds a principal by name or id.
func (c *cli) withPrincipal(ctx context.Context, name string, fn func(p pod, id string) error) error {
	return c.withPod(ctx, func(p pod) error {
		id, err := whom(ctx, p, name)
		if err != nil {
			return err
		}
		return fn(p, string(id))
	})
}

func (p *printer) principal(w locket.Principal) {
	p.line("%s  %s, %s", p.styled(bold, clean(w.Name, false)), w.Kind, w.State)
	pairs := [][2]string{{"id", string(w.ID)}}
	for _, kv := range [][2]string{{"made by", string(w.Maker)}, {"created", when(w.Created)}, {"last seen", when(w.Seen)}, {"public key", w.PublicKey}} {
		if kv[1] != "" {
			pairs = append(pairs, kv)
		}
	}
	p.pairs(pairs)
}

// sentences writes what a policy permits.
func (p *printer) sentences(may []string) {
	for _, s := range may {
		p.line("%s", clean(s, false))
	}
}

func (c *cli) principalRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rename NAME NEW",
		Short:   "Give a principal another name",
		Example: "  locket principal rename scribe 'work scribe'",
		Args:    takes("NAME", "NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changePrincipal(cmd.Context(), args[0], map[string]string{"name": args[1]}, "%s is called so from now on")
		},
	}
}

// stateCommand makes the commands that pause and resume.
func (c *cli) stateCommand(name string, state locket.PrincipalState, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:     name + " NAME",
		Short:   short,
		Long:    long,
		Example: "  locket principal " + name + " scribe",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changePrincipal(cmd.Context(), args[0], map[string]string{"state": string(state)}, "%s is "+string(state))
		},
	}
}

func (c *cli) changePrincipal(ctx context.Context, name string, fields map[string]string, done string) error {
	return c.withPrincipal(ctx, name, func(p pod, id string) error {
		fields["id"] = id
		out, err := run[locket.Principal](ctx, p, "principals.update", fields)
		if err != nil {
			return err
		}
		return c.print(out, func(p *printer) { p.line(done, clean(out.Name, false)) })
	})
}

func (c *cli) principalRevokeCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "End a principal for good, with its keys and sessions",
		Long: `End a principal for good, with its keys and sessions. What it wrote and the journal of what
it did stay. 'locket principal pause' can be taken back, and this can't.`,
		Example: "  locket principal revoke scribe\n  locket principal revoke 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11 --yes",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPrincipal(cmd.Context(), args[0], func(p pod, id string) error {
				question := fmt.Sprintf("End %s for good, with its keys and sessions?", clean(args[0], false))
				if err := c.confirm(cmd.Context(), question, yes); err != nil {
					return err
				}
				out, err := run[locket.Principal](cmd.Context(), p, "principals.revoke", map[string]string{"id": id})
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

func (c *cli) principalPolicyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "policy NAME FILE",
		Short: "Give a principal another policy",
		Long: `Give a principal another policy, which counts from its next request on, and say in words
what it may do then. "-" is standard input. 'locket policy test' shows beforehand what
a policy lets be seen.`,
		Example: "  locket principal policy scribe policy.json",
		Args:    takes("NAME", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, _, err := readPolicy(c.in, args[1])
			if err != nil {
				return err
			}
			return c.withPrincipal(cmd.Context(), args[0], func(p pod, id string) error {
				out, err := run[locket.Principal](cmd.Context(), p, "principals.update", map[string]string{"id": id, "policy": text})
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) {
					p.line("%s from now on:", clean(out.Name, false))
					p.sentences(may(out))
				})
			})
		},
	}
}
