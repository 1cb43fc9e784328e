package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

func (c *cli) approvalsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approvals",
		Short: "List what agents want to change and wait for you, and decide",
		Long: `List what waits for you: the changes that agents asked for and that their policies permit
only once you approve them ("review"). The oldest comes first. ID is the id of one, or the
beginning of it. What nobody decides in 30 days is dropped.`,
		Example: "  locket approvals\n  locket approvals show 0192f3a4\n  locket approvals approve 0192f3a4 --remember\n  locket approvals reject 0192f3a4",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[ops.Approvals](cmd.Context(), p, "approvals.list", nil)
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.approvals(out.Approvals) })
			})
		},
	}
	cmd.AddCommand(c.approvalsShowCommand(), c.approveCommand(), c.rejectCommand())
	return cmd
}

func (p *printer) approvals(list []ops.Approval) {
	if len(list) == 0 {
		p.line("nothing waits for you")
		return
	}
	var rows [][]string
	for _, a := range list {
		rows = append(rows, []string{a.ID, when(a.Asked), a.Name, a.Summary})
	}
	p.table([]string{"ID", "ASKED", "WHO", "WANTS TO"}, rows)
}

func (c *cli) approvalsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show all that was asked for",
		Example: "  locket approvals show 0192f3a4",
		Args:    takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				list, err := chosen(cmd.Context(), p, args, "")
				if err != nil {
					return err
				}
				a, err := run[ops.Approval](cmd.Context(), p, "approvals.get", map[string]string{"id": list[0].ID})
				if err != nil {
					return err
				}
				input, err := json.MarshalIndent(a.Input, "", "  ")
				if err != nil {
					return err
				}
				return c.print(a, func(p *printer) {
					pairs := [][2]string{{"id", a.ID}, {"who", a.Name}, {"wants to", a.Summary}, {"asked", when(a.Asked)}, {"until", when(a.Expires)}}
					if a.Source.Session != "" {
						pairs = append(pairs, [2]string{"session", a.Source.Session})
					}
					p.pairs(append(pairs, [2]string{"operation", a.Op}, [2]string{"input", string(input)}))
				})
			})
		},
	}
}

// A decision is the flags of one run of approve or reject.
type decision struct {
	op, done string
	remember bool
	all, yes bool
	agent    string
	reason   string
}

func (c *cli) approveCommand() *cobra.Command {
	d := decision{op: "approvals.approve", done: "approved"}
	cmd := &cobra.Command{
		Use:   "approve [ID...]",
		Short: "Do what waits, as whoever asked for it",
		Long: `Do what waits, as whoever asked for it: their name is on the change, and yours on the
approval. If it can't be done any more, because an item has changed, it waits on. With
--remember the like waits no longer: their policy permits it from now on, and what it says
then is shown.`,
		Example: "  locket approvals approve 0192f3a4\n  locket approvals approve 0192f3a4 --remember\n  locket approvals approve --all --agent scribe",
	}
	return c.decisionCommand(cmd, &d)
}

func (c *cli) rejectCommand() *cobra.Command {
	d := decision{op: "approvals.reject", done: "rejected"}
	cmd := &cobra.Command{
		Use:   "reject [ID...]",
		Short: "Drop what waits",
		Long: `Drop what waits. With --remember the like waits no longer: their policy refuses it from now
on, and what it says then is shown.`,
		Example: "  locket approvals reject 0192f3a4 --reason 'wrong folder'\n  locket approvals reject 0192f3a4 --remember\n  locket approvals reject --all --agent scribe --yes",
	}
	cmd.Flags().StringVar(&d.reason, "reason", "", "why, for the journal")
	return c.decisionCommand(cmd, &d)
}

func (c *cli) decisionCommand(cmd *cobra.Command, d *decision) *cobra.Command {
	f := cmd.Flags()
	f.BoolVar(&d.remember, "remember", false, "change their policy, so that the like waits no longer")
	f.BoolVar(&d.all, "all", false, "decide about all that waits")
	f.StringVar(&d.agent, "agent", "", "with --all: only what this agent asked for, `NAME`")
	f.BoolVarP(&d.yes, "yes", "y", false, "with --all: do not ask")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		switch {
		case d.all == (len(args) > 0):
			return locket.Errorf(locket.CodeInvalid, "give the IDs of what to decide about, or --all; 'locket approvals' lists them")
		case d.agent != "" && !d.all:
			return locket.Errorf(locket.CodeInvalid, "--agent goes with --all")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withPod(cmd.Context(), func(p pod) error { return c.decide(cmd.Context(), p, d, args) })
	}
	return cmd
}

// decided is what approve and reject print as JSON.
type decided struct {
	Decided []ops.Decided `json:"decided"`
}

// decide stops at the first that fails, after it has told of those before.
func (c *cli) decide(ctx context.Context, p pod, d *decision, ids []string) error {
	list, err := chosen(ctx, p, ids, d.agent)
	if err != nil {
		return err
	}
	if d.all && len(list) > 0 {
		if !d.yes && !c.json {
			if err := c.print(nil, func(p *printer) { p.approvals(list) }); err != nil {
				return err
			}
		}
		question := strings.ToUpper(d.op[len("approvals."):][:1]) + d.op[len("approvals.")+1:] + " " + count(int64(len(list)), "request") + "?"
		if err := c.confirm(ctx, question, d.yes); err != nil {
			return err
		}
	}
	out := decided{Decided: []ops.Decided{}}
	var failed error
	for _, a := range list {
		fields := map[string]string{"id": a.ID}
		if d.remember {
			fields["remember"] = "true"
		}
		if d.reason != "" {
			fields["reason"] = d.reason
		}
		one, err := run[ops.Decided](ctx, p, d.op, fields)
		if err != nil {
			failed = err
			break
		}
		out.Decided = append(out.Decided, one)
	}
	if failed != nil && len(out.Decided) == 0 {
		return failed
	}
	err = c.print(out, func(p *printer) {
		for i, one := range out.Decided {
			p.line("%s: %s", d.done, clean(list[i].Name+" wants to "+list[i].Summary, false))
			p.sentences(one.Remembered)
		}
		if len(list) == 0 {
			p.line("nothing waits for you")
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// chosen finds what waits by ids or their beginnings; all, or all of an agent, if there
// are none.
func chosen(ctx context.Context, p pod, ids []string, agent string) ([]ops.Approval, error) {
	out, err := run[ops.Approvals](ctx, p, "approvals.list", nil)
	if err != nil {
		return nil, err
	}
	var list []ops.Approval
	if len(ids) == 0 {
		if agent != "" {
			id, err := whom(ctx, p, agent)
			if err != nil {
				return nil, err
			}
			for _, a := range out.Approvals {
				if a.Principal == id {
					list = append(list, a)
				}
			}
			return list, nil
		}
		return out.Approvals, nil
	}
	for _, id := range ids {
		a, err := byBeginning(out.Approvals, id)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func byBeginning(list []ops.Approval, id string) (found ops.Approval, err error) {
	for _, a := range list {
		switch {
		case !strings.HasPrefix(a.ID, id) || id == "":
		case found.ID != "":
			return found, locket.Errorf(locket.CodeInvalid, "several ids begin with %.36q; give more of it", id)
		default:
			found = a
		}
	}
	if found.ID == "" {
		return found, locket.Errorf(locket.CodeNotFound, "nothing with the id %.36q waits; 'locket approvals' shows what does", id)
	}
	return found, nil
}

// waitingFor counts what waits, by who asked.
func waitingFor(ctx context.Context, p pod) (map[locket.PrincipalID]int, error) {
	out, err := run[ops.Approvals](ctx, p, "approvals.list", nil)
	counts := make(map[locket.PrincipalID]int)
	for _, a := range out.Approvals {
		counts[a.Principal]++
	}
	return counts, err
}
