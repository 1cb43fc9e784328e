package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/store"
)

func (c *cli) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Explain, test and check policies",
		Long: `A policy says in JSON what a principal may do; what it does not permit is as if it were
not there. 'locket principal policy' gives one to somebody.`,
		Example: "  locket policy explain scribe\n  locket policy test policy.json",
		Args:    takes(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.policyExplainCommand(), c.policyTestCommand(), c.policyCheckCommand(), c.policySchemaCommand())
	return cmd
}

// maxPolicyFile bounds what is read of a file with a policy; policies are shorter.
const maxPolicyFile = 1 << 20

// readPolicy reads a policy from a file, or from in if path is "-".
func readPolicy(in io.Reader, path string) (text string, p locket.Policy, err error) {
	data, err := readFile(in, path, maxPolicyFile)
	if err != nil {
		return "", p, err
	}
	p, err = policy.Parse(data)
	return string(data), p, err
}

func (c *cli) policyExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME [ITEM]",
		Short: "Say in words what a principal may do, and by which rule",
		Long: `Say in words what a principal may do. With the id of an item, say what it may do with that
one: by which rules, and with which of its properties. NAME is a name or an id.`,
		Example: "  locket policy explain scribe\n  locket policy explain scribe 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return takes("NAME")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPrincipal(cmd.Context(), args[0], func(p pod, id string) error {
				fields := map[string]string{"id": id}
				if len(args) == 2 {
					fields["item"] = args[1]
				}
				out, err := run[ops.Explanation](cmd.Context(), p, "principals.explain", fields)
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.explanation(out) })
			})
		},
	}
}

func (p *printer) explanation(e ops.Explanation) {
	if e.Principal.State != locket.StateActive {
		p.line("%s is %s: its requests are refused. Otherwise:", clean(e.Principal.Name, false), e.Principal.State)
	}
	p.sentences(e.May)
	if len(e.Decisions) > 0 {
		p.line("")
		p.decisions(e.Decisions)
	}
}

func (p *printer) decisions(list []store.Decision) {
	var rows [][]string
	for _, d := range list {
		row := []string{string(d.Permission), "no", "", ""}
		if d.Permitted {
			row = []string{string(d.Permission), "yes", strings.Join(d.Rules, ", "), "all"}
		} else if d.Review {
			row = []string{string(d.Permission), "once approved", strings.Join(d.Rules, ", "), "all"}
		}
		if len(d.Properties) > 0 {
			row[3] = strings.Join(d.Properties, ", ")
		}
		rows = append(rows, row)
	}
	p.table([]string{"TO", "MAY", "BY", "PROPERTIES"}, rows)
}

func (c *cli) policyTestCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "test FILE",
		Short: "Show what a policy would let somebody see",
		Long: `Show what a policy would let somebody see of this pod, without giving it to anybody: what it
permits in words, how many items of each type, and the latest of them with the properties
that would be seen. "-" is standard input.`,
		Example: "  locket policy test policy.json\n  locket policy test policy.json --limit 200 --json",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, _, err := readPolicy(c.in, args[0])
			if err != nil {
				return err
			}
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[ops.PolicyTest](cmd.Context(), p, "policies.test", map[string]string{"policy": text, "limit": fmt.Sprint(limit)})
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) { p.policyTest(out) })
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 10, "most items to show, `N`")
	return cmd
}

func (p *printer) policyTest(t ops.PolicyTest) {
	p.sentences(t.May)
	p.line("")
	if t.Stats.Items == 0 {
		p.line("No item of this pod would be seen.")
		return
	}
	var pairs [][2]string
	for _, name := range slices.Sorted(maps.Keys(t.Stats.ByType)) {
		pairs = append(pairs, [2]string{name, fmt.Sprint(t.Stats.ByType[name])})
	}
	p.pairs(pairs)
	p.line("")
	var rows [][]string
	for _, it := range t.Items {
		rows = append(rows, []string{string(it.ID), it.Type, strings.Join(slices.Sorted(maps.Keys(it.Props)), ", "), title(it)})
	}
	p.table([]string{"ID", "TYPE", "PROPERTIES", "NAME"}, rows)
}

// checked is what "policy check" prints.
type checked struct {
	May []string `json:"may"`
}

func (c *cli) policyCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Read a policy and say in words what it permits",
		Long: `Read a policy and say in words what it permits. It needs no pod, so whether the types and
properties that it names are there is not checked. "-" is standard input.`,
		Example: "  locket policy check policy.json",
		Args:    takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			_, parsed, err := readPolicy(c.in, args[0])
			if err != nil {
				return err
			}
			out := checked{policy.Explain(parsed)}
			return c.print(out, func(p *printer) { p.sentences(out.May) })
		},
	}
}

func (c *cli) policySchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of policies",
		Example: "  locket policy schema > policy.schema.json",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			_, err := c.out.Write(policy.Schema())
			return err
		},
	}
}
