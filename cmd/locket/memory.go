package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/memory/recall"
	"github.com/locketpod/locket/internal/ops"
)

func (c *cli) memoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "memory",
		Short: "Recall, remember and tidy what agents know",
		Long: `Recall, remember and tidy what agents know. Memories are items of type Memory: 'locket get',
'history' and 'undo' work on them as on all others. Agents reach the same through 'locket mcp'.`,
		Example: `  locket memory recall "what did Priya say about the harbour last May?"
  locket memory remember "The boat is moored at pier 4" --tags boat,harbour
  locket memory audit`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.model.flags(cmd.PersistentFlags())
	cmd.AddCommand(c.memoryRecallCommand(), c.memoryRememberCommand(), c.memoryListCommand(), c.memoryForgetCommand(),
		c.memoryStatusCommand(), c.memoryAuditCommand(), c.memoryTendCommand(), c.memoryEmbedCommand())
	return cmd
}

// opFlags gives a command a flag for each of the fields of an operation that are named,
// and returns where their texts go.
func opFlags(cmd *cobra.Command, op string, names ...string) map[string]string {
	o, _ := ops.Find(op)
	for _, f := range o.Fields() {
		switch {
		case !slices.Contains(names, f.Name):
		case f.Type.Kind() == reflect.Bool:
			cmd.Flags().Bool(f.Name, false, f.Help)
		default:
			cmd.Flags().String(f.Name, "", f.Help)
		}
	}
	fields := make(map[string]string)
	cmd.PreRun = func(*cobra.Command, []string) {
		for _, n := range names {
			if f := cmd.Flags().Lookup(n); f != nil && f.Changed {
				fields[n] = f.Value.String()
			}
		}
	}
	return fields
}

// lists makes the named fields, which are texts with commas between, lists as JSON.
func lists(fields map[string]string, names ...string) error {
	for _, n := range names {
		if fields[n] == "" {
			continue
		}
		b, err := json.Marshal(strings.Split(fields[n], ","))
		if err != nil {
			return err
		}
		fields[n] = string(b)
	}
	return nil
}

func (c *cli) memoryRecallCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recall QUESTION...",
		Short: "Recall what answers a question, with the reason for each hit",
		Long: `Recall what answers a question, with the reason for each hit. Ask as you would ask a person:
names, and times such as "last May" or "two weeks ago", are understood. It works by words;
with an embedder (--embed) also by meaning.`,
		Example: `  locket memory recall what did Priya say about the harbour last May
  locket memory recall "which sourdough recipe?" --types Note,Message --limit 5 --json`,
		Args: takes("QUESTION..."),
	}
	fields := opFlags(cmd, "memory.recall", "namespace", "types", "kinds", "tags", "after", "before", "limit", "budget", "neighbours", "all")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fields["query"] = strings.Join(args, " ")
		if err := lists(fields, "types", "kinds", "tags"); err != nil {
			return err
		}
		return c.withPod(cmd.Context(), func(p pod) error {
			out, err := run[recall.Result](cmd.Context(), p, "memory.recall", fields)
			if err != nil {
				return err
			}
			return c.print(out, func(p *printer) { p.recalled(out) })
		})
	}
	return cmd
}

func (p *printer) recalled(r recall.Result) {
	for _, h := range r.Hits {
		p.line("%s  %s  %s", p.styled(dim, string(h.Item.ID)), when(itsTime(h.Item)), p.styled(dim, clean(strings.Join(h.Why, "; "), false)))
		for _, it := range h.Around {
			p.line("      %s", clip(clean(spoken(it), false), p.width-6))
		}
		p.line("    %s", strings.ReplaceAll(clean(spoken(h.Item), true), "\n", "\n    "))
	}
	if len(r.Hits) == 0 {
		p.line("nothing comes to mind")
		return
	}
	p.line("%s", p.styled(dim, fmt.Sprintf("%s by %s, about %d tokens", count(int64(len(r.Hits)), "hit"), r.Mode, r.Tokens)))
	if r.Left > 0 {
		p.line("%s", p.styled(dim, count(int64(r.Left), "more hit")+" did not fit into the budget: --budget"))
	}
}

// spoken is the text of a memory with who said it.
func spoken(it locket.Item) string {
	text := it.Text("text")
	if text == "" {
		text = title(it)
	}
	if s := it.Text("sender"); s != "" {
		return s + ": " + text
	}
	return text
}

func (c *cli) memoryRememberCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remember TEXT",
		Short: "Remember something, unless it is known",
		Long: `Remember something, unless it is known. TEXT "-" is standard input. If the same is known, or
nearly the same, nothing is written and the answer shows what it met; --force keeps it all
the same, --supersedes names what holds no longer because of it.`,
		Example: `  locket memory remember "The boat is moored at pier 4" --tags boat
  locket memory remember "Dinner is at 19:00 now" --supersedes '["0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11"]'
  locket memory remember "Guest wifi: blue door" --tier session --namespace shared/home`,
		Args: takes("TEXT"),
	}
	fields := opFlags(cmd, "memory.remember", "title", "kind", "namespace", "tags", "importance", "confidence", "time", "validFrom", "validThrough",
		"expires", "ttl", "tier", "sender", "thread", "position", "source", "from", "about", "supersedes", "contradicts", "force")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if fields["text"] = args[0]; args[0] == "-" {
			text, err := io.ReadAll(io.LimitReader(c.in, 1<<20))
			if err != nil {
				return locket.Errorf(locket.CodeInvalid, "standard input cannot be read").Because(err)
			}
			fields["text"] = string(text)
		}
		if err := lists(fields, "tags"); err != nil {
			return err
		}
		return c.withPod(cmd.Context(), func(p pod) error {
			out, err := run[memory.Remembered](cmd.Context(), p, "memory.remember", fields)
			if err != nil {
				return err
			}
			return c.print(out, func(p *printer) { p.remembered(out) })
		})
	}
	return cmd
}

func (p *printer) remembered(r memory.Remembered) {
	switch r.Met {
	case memory.MetSame:
		p.line("known already: %s", r.Item.ID)
		return
	case memory.MetSimilar:
		p.line("nearly the same is known already: %s; --force keeps this, too", r.Item.ID)
	default:
		p.line("remembered: %s in %s", r.Item.ID, clean(r.Item.Text("namespace"), false))
	}
	for _, s := range r.Similar {
		p.line("  %.0f %% like %s  %s", s.Similarity*100, s.ID, clip(clean(s.Text, false), p.width-50))
	}
}

func (c *cli) memoryListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List memories by when they were, the newest first",
		Example: "  locket memory list --namespace agents/claude-code --limit 20\n  locket memory list --from 2026-05-01 --to 2026-06-01 --oldest",
		Args:    takes(),
	}
	fields := opFlags(cmd, "memory.timeline", "from", "to", "namespace", "kind", "thread", "oldest", "limit", "cursor")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.withPod(cmd.Context(), func(p pod) error {
			out, err := run[locket.Page[locket.Item]](cmd.Context(), p, "memory.timeline", fields)
			if err != nil {
				return err
			}
			return c.print(out, func(p *printer) {
				var rows [][]string
				for _, it := range out.Items {
					rows = append(rows, []string{string(it.ID), when(itsTime(it)), it.Text("kind"), it.Text("namespace"), spoken(it)})
				}
				p.table([]string{"ID", "WHEN", "KIND", "NAMESPACE", "TEXT"}, rows)
				p.more(out.Next)
			})
		})
	}
	return cmd
}

func (c *cli) memoryForgetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "forget ID",
		Short:   "Hide a memory; 'locket op items.restore' brings it back",
		Example: "  locket memory forget 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11 --reason \"was never so\"",
		Args:    takes("ID"),
	}
	fields := opFlags(cmd, "memory.forget", "reason")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		fields["id"] = args[0]
		return c.withPod(cmd.Context(), func(p pod) error {
			out, err := run[ops.Written](cmd.Context(), p, "memory.forget", fields)
			if err != nil {
				return err
			}
			return c.print(out, func(p *printer) { p.line("forgotten; 'locket op items.restore %s' brings it back", args[0]) })
		})
	}
	return cmd
}
