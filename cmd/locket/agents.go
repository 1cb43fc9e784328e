package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
)

func (c *cli) agentsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agents",
		Short: "List AI agents, let one in, and see what it did",
		Long: `List the AI agents that may come in: their state, when they were last here, and what they
may do. Every read and write of theirs is in the journal. 'locket connect' lets the agent of
an AI client in and configures the client. NAME is a name or an id.`,
		Example: "  locket agents\n  locket agents show claude-code\n  locket agents log claude-code\n  locket agents pause claude-code",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error { return c.listPrincipals(cmd.Context(), p, locket.KindAgent) })
		},
	}
	cmd.AddCommand(
		c.agentsAddCommand(), c.agentsShowCommand(), c.agentsLogCommand(), c.agentsSessionsCommand(),
		c.agentState("pause", locket.StatePaused, "Refuse an agent until it is resumed", "Refuse an agent from its next request on, until 'locket agents resume'. Its keys and sessions stay, and its hooks fall silent."),
		c.agentState("resume", locket.StateActive, "Let a paused agent go on", "Let a paused agent go on."),
		c.agentsNarrowCommand(), c.agentsUndoCommand(), c.agentsRevokeCommand(),
	)
	return cmd
}

// A grantee is the flags that say what a new agent may do.
type grantee struct {
	policy string // file
	types  []string
	where  []string // PROPERTY=VALUE
	write  bool
	review bool // what it changes waits for the owner
}

func (c *cli) agentsAddCommand() *cobra.Command {
	var g grantee
	var noKey bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Let an agent in, within a policy",
		Long: `Let an agent in and print its API key. The key is shown this one time. What the agent may
do is said by --policy, a file as 'locket policy schema' describes it, or by --read: the
types of items that it may read and search, only those with a property's value if --where
names one, and with --write also create, update and link. With neither it may do nothing
yet; 'locket principal policy NAME FILE' changes that. With --review its changes wait until
you approve them with 'locket approvals'.`,
		Example: `  locket agents add scribe --read Note --where folder=work
  locket agents add planner --read Event,Person
  locket agents add assistant --policy assistant.json
  locket agents add diary --read Note --where folder=diary --write --json
  locket agents add editor --read Note --write --review`,
		Args: takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := g.check(); err != nil {
				return err
			}
			return c.withPod(cmd.Context(), func(p pod) error {
				text, err := g.text(cmd.Context(), c.in, p)
				if err != nil {
					return err
				}
				return c.addPrincipal(cmd.Context(), p, map[string]string{
					"kind": string(locket.KindAgent), "name": args[0], "policy": text, "key": fmt.Sprint(!noKey),
				})
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&g.policy, "policy", "", `file with its policy; "-" is standard input`)
	f.StringSliceVar(&g.types, "read", nil, "`TYPES` of items that it may read and search, with commas between")
	f.StringArrayVar(&g.where, "where", nil, "only items with this `PROPERTY=VALUE`; may be given several times")
	f.BoolVar(&g.write, "write", false, "it may create, update and link these items, too")
	f.BoolVar(&g.review, "review", false, "what it changes waits until you approve it")
	f.BoolVar(&noKey, "no-key", false, "make no API key")
	return cmd
}

func (g *grantee) check() error {
	switch {
	case g.policy != "" && (len(g.types) > 0 || len(g.where) > 0 || g.write):
		return locket.Errorf(locket.CodeInvalid, "--policy says it all; leave out --read, --where and --write, or --policy")
	case len(g.types) == 0 && (len(g.where) > 0 || g.write):
		return locket.Errorf(locket.CodeInvalid, "say with --read which types of items this is about")
	case g.review && g.policy == "" && !g.write:
		return locket.Errorf(locket.CodeInvalid, "--review is about changes; say with --write or --policy that it may make some")
	}
	return nil
}

// text is the policy as JSON, "" if none is given.
func (g *grantee) text(ctx context.Context, in io.Reader, p pod) (string, error) {
	if g.policy != "" {
		text, given, err := readPolicy(in, g.policy)
		if err != nil || !g.review {
			return text, err
		}
		return policyText(policy.Reviewed(given))
	}
	if len(g.types) == 0 {
		return "", nil
	}
	rule := locket.Rule{Actions: []locket.Permission{locket.MayRead, locket.MaySearch}, Types: g.types}
	if g.write {
		rule.Actions = append(rule.Actions, locket.MayCreate, locket.MayUpdate, locket.MayLink)
	}
	if len(g.where) > 0 {
		schema, err := run[ops.Schema](ctx, p, "schema.get", nil)
		if err != nil {
			return "", err
		}
		if rule.Where, err = tests(schema, g.types, g.where); err != nil {
			return "", err
		}
	}
	given := locket.Policy{Rules: []locket.Rule{rule}}
	if g.review {
		given = policy.Reviewed(given)
	}
	return policyText(given)
}

func policyText(p locket.Policy) (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}

// tests makes tests of PROPERTY=VALUE arguments, as one of the types declares the
// property. Several values of one property are alternatives.
func tests(schema ops.Schema, types, pairs []string) (map[string]locket.Match, error) {
	kinds := make(map[string]locket.Kind)
	for _, t := range schema.Types {
		if !slices.Contains(types, t.Name) {
			continue
		}
		for _, p := range t.Properties {
			kinds[p.Name] = p.Kind
		}
	}
	where := make(map[string]locket.Match)
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		kind, known := kinds[name]
		if !ok || !known {
			return nil, locket.Errorf(locket.CodeInvalid, "--where takes PROPERTY=VALUE with a property of %s; 'locket op schema.get' lists them", strings.Join(types, ", "))
		}
		m := where[name]
		m.In = append(m.In, value(kind, text))
		where[name] = m
	}
	return where, nil
}

func (c *cli) agentsLogCommand() *cobra.Command {
	var q journalQuery
	cmd := &cobra.Command{
		Use:   "log NAME",
		Short: "Show what an agent read and wrote, and what it was refused",
		Long: `Show what an agent read and wrote, and what it was refused, the latest first: what it asked,
and what the items are called that it saw or changed, as far as you may see them.`,
		Example: "  locket agents log scribe\n  locket agents log scribe --follow\n  locket agents log scribe --limit 500 --json",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.principal, q.agent = args[0], true
			return c.showJournal(cmd.Context(), q)
		},
	}
	q.paging(cmd)
	return cmd
}
