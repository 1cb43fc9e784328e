package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket/internal/memory"
)

func (c *cli) memoryStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Count the memories by kind, tier and namespace",
		Example: "  locket memory status\n  locket memory status --json",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[memory.Status](cmd.Context(), p, "memory.status", nil)
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) {
					embedder := out.Embedder
					if embedder == "" {
						embedder = "none: recall goes by words"
					}
					p.pairs([][2]string{
						{"memories", fmt.Sprint(out.Memories)},
						{"kinds", tally(out.Kinds)},
						{"tiers", tally(out.Tiers)},
						{"namespaces", tally(out.Namespaces)},
						{"your own", out.Namespace},
						{"embedder", embedder},
					})
				})
			})
		},
	}
}

// tally is counts by name, the largest first.
func tally(counts map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return int(counts[b] - counts[a])
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, 0, len(names))
	for _, n := range names {
		shown := n
		if n == "" {
			shown = "none"
		}
		parts = append(parts, fmt.Sprintf("%s %d", shown, counts[n]))
	}
	return strings.Join(parts, ", ")
}

func (c *cli) memoryAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List what is doubtful: duplicates, contradictions, unused and unsourced memories",
		Long: `List what is doubtful among the memories: those that say nearly the same, that contradict
each other, that nobody recalled in 30 days, of which nothing says what an agent took them
from, and those whose time is over. Nothing is changed.`,
		Example: "  locket memory audit\n  locket memory audit --limit 100 --json",
		Args:    takes(),
	}
	fields := opFlags(cmd, "memory.audit", "limit")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.withPod(cmd.Context(), func(p pod) error {
			out, err := run[memory.Audit](cmd.Context(), p, "memory.audit", fields)
			if err != nil {
				return err
			}
			return c.print(out, func(p *printer) { p.audit(out) })
		})
	}
	return cmd
}

func (p *printer) audit(a memory.Audit) {
	p.line("%s looked at", count(int64(a.Memories), "memory item"))
	pairs := func(name string, n int, list []memory.Pair) {
		p.line("%s", p.styled(bold, fmt.Sprintf("%s: %d", name, n)))
		for _, x := range list {
			p.line("  %s  %s\n  %s  %s", x.A, clip(clean(x.TextA, false), p.width-42), x.B, clip(clean(x.TextB, false), p.width-42))
		}
	}
	single := func(name string, n int, list []memory.Doubtful) {
		p.line("%s", p.styled(bold, fmt.Sprintf("%s: %d", name, n)))
		for _, x := range list {
			p.line("  %s  %s  %s", x.ID, when(x.Time), clip(clean(x.Text, false), p.width-60))
		}
	}
	pairs("nearly the same", a.Counts.Duplicates, a.Duplicates)
	pairs("contradicting", a.Counts.Contradictions, a.Contradictions)
	single("never recalled in 30 days", a.Counts.Unused, a.Unused)
	single("without a source", a.Counts.Unsourced, a.Unsourced)
	single("over, to be archived by 'locket memory tend'", a.Counts.Expired, a.Expired)
	if a.Partly {
		p.line("there are more memories; these were the oldest")
	}
}

func (c *cli) memoryTendCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "tend",
		Short:   "Archive the memories whose time is over",
		Long:    "Archive the memories whose time is over: they are hidden, as by 'forget', and 'locket op items.restore' brings them back.",
		Example: "  locket memory tend --dry-run\n  locket memory tend",
		Args:    takes(),
	}
	dry := cmd.Flags().Bool("dry-run", false, "change nothing, say what would be done")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		fields := map[string]string{"dryRun": fmt.Sprint(*dry)}
		return c.withPod(cmd.Context(), func(p pod) error {
			out, err := run[memory.Tended](cmd.Context(), p, "memory.tend", fields)
			if err != nil {
				return err
			}
			return c.print(out, func(p *printer) {
				did := "archived"
				if *dry {
					did = "to be archived"
				}
				p.line("%s: %s", did, count(int64(out.Archived), "memory item"))
			})
		})
	}
	return cmd
}

func (c *cli) memoryEmbedCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "embed",
		Short: "Make the vectors that recall by meaning needs",
		Long: `Make the vectors that recall by meaning needs, for the memories that have none of the
configured embedder's model. Run it after another embedder was configured; it goes on
where it was interrupted.`,
		Example: "  locket memory embed --embed http://127.0.0.1:11434 --embed-model nomic-embed-text",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				bar := c.newProgress()
				defer bar.end()
				out, err := runLong[memory.Embedded](cmd.Context(), p, "memory.embed", nil, bar.report)
				if err != nil {
					return err
				}
				bar.end()
				return c.print(out, func(p *printer) { p.line("%d vectors made with %s", out.Made, clean(out.Model, false)) })
			})
		},
	}
}
