package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
)

// itemWithLinks is what "get --links --json" prints.
type itemWithLinks struct {
	locket.Item
	Links []locket.Linked `json:"links"`
	Next  string          `json:"next,omitempty"` // of the links
}

func (c *cli) getCommand() *cobra.Command {
	var links, provenance bool
	var content string
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show an item, its links, its content, or who wrote it",
		Example: `  locket get 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11
  locket get 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11 --links
  locket get 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11 --provenance
  locket get 0192f3a4-7c1e-7d30-9a55-3d6f0c2b8e11 --content photo.png`,
		Args: takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withPod(cmd.Context(), func(p pod) error {
				it, err := run[locket.Item](cmd.Context(), p, "items.get", map[string]string{"id": args[0]})
				switch {
				case err != nil:
					return err
				case content != "":
					return c.saveContent(cmd.Context(), p, it, content)
				case provenance:
					return c.showProvenance(cmd.Context(), p, it)
				case links:
					return c.showLinks(cmd.Context(), p, it)
				}
				return c.print(it, func(p *printer) { p.item(it) })
			})
		},
	}
	cmd.Flags().BoolVar(&links, "links", false, "show the items linked with it too")
	cmd.Flags().BoolVar(&provenance, "provenance", false, "show who wrote each value, when, and what it came of")
	cmd.Flags().StringVar(&content, "content", "", `write the file it holds to a new file, "-" for standard output`)
	return cmd
}

func (c *cli) showLinks(ctx context.Context, p pod, it locket.Item) error {
	page, err := run[locket.Page[locket.Linked]](ctx, p, "edges.list", map[string]string{"id": string(it.ID), "direction": "both", "limit": "1000"})
	if err != nil {
		return err
	}
	return c.print(itemWithLinks{it, page.Items, page.Next}, func(p *printer) {
		p.item(it)
		var rows [][]string
		for _, l := range page.Items {
			direction := "→"
			if l.Edge.Target == it.ID {
				direction = "←"
			}
			rows = append(rows, []string{direction + " " + l.Edge.Name, string(l.Item.ID), l.Item.Type, title(l.Item)})
		}
		p.line("")
		p.table([]string{"LINK", "ID", "TYPE", "NAME"}, rows)
	})
}

// saveContent writes the item's blob to a file that must not exist, or to standard
// output.
func (c *cli) saveContent(ctx context.Context, p pod, it locket.Item, path string) error {
	if it.Props["blob"] == nil {
		return locket.Errorf(locket.CodeNotFound, "the item holds no file")
	}
	blob := display(it.Props["blob"])
	if path == "-" {
		return fetchBlob(ctx, p, blob, c.out)
	}
	return writeNew(path, func(w io.Writer) error { return fetchBlob(ctx, p, blob, w) })
}

func fetchBlob(ctx context.Context, p pod, id string, w io.Writer) error {
	o, in, err := input("blobs.get", map[string]string{"id": id})
	if err != nil {
		return err
	}
	return p.fetch(ctx, o, in, w)
}
