package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
)

// paging are the flags of commands that list.
type paging struct{ limit, cursor, order string }

func (p *paging) flags(cmd *cobra.Command, orders string) {
	cmd.Flags().StringVar(&p.limit, "limit", "", "most results to show, `N`")
	cmd.Flags().StringVar(&p.cursor, "cursor", "", "go on where the page before ended")
	if orders != "" {
		cmd.Flags().StringVar(&p.order, "order", "", orders)
	}
}

func (p *paging) fields(more map[string]string) map[string]string {
	more["limit"], more["cursor"], more["order"] = p.limit, p.cursor, p.order
	return more
}

func (c *cli) listCommand() *cobra.Command {
	var page paging
	var typ, trust string
	var deleted bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List items, those changed last first",
		Example: "  locket list\n  locket list --type Note --limit 10\n  locket list --type Event --order time --json\n  locket list --trust owner",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			fields := page.fields(map[string]string{"type": typ, "trust": trust})
			if deleted {
				fields["deleted"] = "true"
			}
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[locket.Page[locket.Item]](cmd.Context(), p, "items.list", fields)
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) {
					p.items(out.Items, strings.TrimPrefix(page.order, "-") == "time")
					p.more(out.Next)
				})
			})
		},
	}
	cmd.Flags().StringVar(&typ, "type", "", "only items of this type")
	cmd.Flags().StringVar(&trust, "trust", "", "only items whose least trusted value is of this `LEVEL`: owner, device, agent, plugin, peer or import")
	cmd.Flags().BoolVar(&deleted, "deleted", false, "deleted items instead")
	page.flags(cmd, "updated, created, time or a property; a leading - reverses")
	return cmd
}

func (c *cli) searchCommand() *cobra.Command {
	var page paging
	cmd := &cobra.Command{
		Use:   "search WORD...",
		Short: "Find items by words",
		Long: `Find items by words. Beside words there are "phrases", -not, type: from: to: before:
after: has: in: and trust:. Put -- before a word that begins with a dash.`,
		Example: "  locket search harbour atlas\n  locket search from:priya after:2026-01-01 proofs\n  locket search type:Photo lisboa --order newest\n  locket search -- bread -sourdough",
		Args:    takes("WORD..."),
		RunE: func(cmd *cobra.Command, args []string) error {
			fields := page.fields(map[string]string{"q": strings.Join(args, " ")})
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[locket.Page[locket.Hit]](cmd.Context(), p, "items.search", fields)
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) {
					p.hits(out.Items)
					p.more(out.Next)
				})
			})
		},
	}
	page.flags(cmd, "relevance, newest or oldest")
	return cmd
}

func (c *cli) historyCommand() *cobra.Command {
	var page paging
	cmd := &cobra.Command{
		Use:   "history ID",
		Short: "List the changes of an item, the latest first",
		Long: `List the changes of an item, the latest first: who made each and when, whether they signed
it themselves or the pod for them, how far that is to be trusted, what it came of, and the
values that it set.`,
		Example: "  locket history 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11",
		Args:    takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				out, err := run[locket.Page[locket.Revision]](cmd.Context(), p, "items.history", page.fields(map[string]string{"id": args[0]}))
				if err != nil {
					return err
				}
				return c.print(out, func(p *printer) {
					p.revisions(out.Items)
					p.more(out.Next)
				})
			})
		},
	}
	page.flags(cmd, "")
	return cmd
}

// items prints a list. byTime shows when things were, and not when they changed.
func (p *printer) items(items []locket.Item, byTime bool) {
	date := "CHANGED"
	if byTime {
		date = "WHEN"
	}
	var rows [][]string
	for _, it := range items {
		t := it.Updated
		if byTime {
			t = itsTime(it)
		}
		rows = append(rows, []string{string(it.ID), it.Type, when(t), title(it)})
	}
	p.table([]string{"ID", "TYPE", date, "NAME"}, rows)
}

// itsTime is the time that an item is about, as far as the built-in types tell.
func itsTime(it locket.Item) time.Time {
	for _, t := range locket.BuiltinTypes() {
		if t.Name != it.Type {
			continue
		}
		switch at := it.Props[t.TimeProperty].(type) {
		case time.Time:
			return at
		case string: // from a server
			if at, err := time.Parse(time.RFC3339Nano, at); err == nil {
				return at
			}
		}
	}
	return it.Created
}

func (p *printer) hits(hits []locket.Hit) {
	for _, h := range hits {
		p.line("%s  %s  %s", p.styled(dim, string(h.Item.ID)), clean(h.Item.Type, false), p.styled(bold, clean(title(h.Item), false)))
		if h.Snippet != "" {
			p.line("    %s", clip(clean(h.Snippet, false), p.width-4))
		}
	}
	if len(hits) == 0 {
		p.line("nothing found")
	}
}

// item writes one item: what it is, then its properties, long texts last.
func (p *printer) item(it locket.Item) {
	state := "changed"
	if it.Deleted {
		state = "deleted"
	}
	p.line("%s  %s  version %d, %s %s", p.styled(bold, clean(it.Type, false)), it.ID, it.Version, state, when(it.Updated))
	var short, long [][2]string
	for _, name := range slices.Sorted(maps.Keys(it.Props)) {
		kv := [2]string{name, display(it.Props[name])}
		if strings.Contains(kv[1], "\n") {
			long = append(long, kv)
		} else {
			short = append(short, kv)
		}
	}
	p.pairs(append(short, long...))
}

// display is a property's value for people. Values from a server are those of JSON,
// those from a folder have the types that locket.Item names.
func display(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.Local().Format("2006-01-02 15:04 MST")
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = display(x)
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

// title is what an item is called in a list.
func title(it locket.Item) string {
	for _, name := range []string{"name", "text", "description", "url"} {
		if s := strings.TrimSpace(it.Text(name)); s != "" {
			first, _, _ := strings.Cut(s, "\n")
			return first
		}
	}
	return "(no name)"
}
