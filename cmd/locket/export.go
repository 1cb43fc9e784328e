package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
)

// exportLine is one line of an export; one of the fields is set.
type exportLine struct {
	Item *locket.Item `json:"item,omitempty"`
	Edge *locket.Edge `json:"edge,omitempty"`
}

// exported counts what an export wrote.
type exported struct {
	Items int64 `json:"items"`
	Edges int64 `json:"edges"`
	Blobs int64 `json:"blobs"`
}

func (c *cli) exportCommand() *cobra.Command {
	var blobs string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write all items and links to a file",
		Long: `Write all items and links as JSON Lines: one object per line, {"item": …} or {"edge": …};
the edges of an item follow it. The file is not encrypted and readable by you alone. An
existing file is never overwritten; "-" is standard output. --blobs names a new folder
for the files that items hold, each named by its blob id.`,
		Example: "  locket export locket.jsonl --blobs files\n  locket export - | wc -l",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e := exporter{c: c, blobs: blobs}
			return c.withPod(cmd.Context(), func(p pod) error { return e.run(cmd.Context(), p, args[0]) })
		},
	}
	cmd.Flags().StringVar(&blobs, "blobs", "", "new folder for the files that items hold")
	return cmd
}

// An exporter is one run of export.
type exporter struct {
	c     *cli
	blobs string
	count exported
}

func (e *exporter) run(ctx context.Context, p pod, path string) error {
	if e.blobs != "" {
		if err := os.Mkdir(e.blobs, 0o700); err != nil {
			return locket.Errorf(locket.CodeExists, "the folder for the files must be new and in an existing folder").Because(err)
		}
	}
	write := func(w io.Writer) error { return e.items(ctx, p, w) }
	if path == "-" {
		return write(e.c.out)
	}
	if err := writeNew(path, write); err != nil {
		return err
	}
	return e.c.print(e.count, func(p *printer) {
		p.line("exported %d items, %d links and %d files; they are not encrypted", e.count.Items, e.count.Edges, e.count.Blobs)
	})
}

// items writes page by page, the oldest first, so that what is added meanwhile comes
// last.
func (e *exporter) items(ctx context.Context, p pod, w io.Writer) error {
	b := bufio.NewWriter(w)
	lines := json.NewEncoder(b)
	lines.SetEscapeHTML(false)
	for cursor := ""; ; {
		page, err := run[locket.Page[locket.Item]](ctx, p, "items.list", map[string]string{"order": "created", "limit": "500", "cursor": cursor})
		if err != nil {
			return err
		}
		for i := range page.Items {
			if err := lines.Encode(exportLine{Item: &page.Items[i]}); err != nil {
				return err
			}
			if err := e.rest(ctx, p, page.Items[i], lines); err != nil {
				return err
			}
		}
		e.count.Items += int64(len(page.Items))
		if cursor = page.Next; cursor == "" {
			return b.Flush()
		}
	}
}

// rest writes what belongs to an item: its outgoing edges and its files.
func (e *exporter) rest(ctx context.Context, p pod, it locket.Item, lines *json.Encoder) error {
	for cursor := ""; ; {
		page, err := run[locket.Page[locket.Linked]](ctx, p, "edges.list", map[string]string{"id": string(it.ID), "limit": "500", "cursor": cursor})
		if err != nil {
			return err
		}
		for i := range page.Items {
			if err := lines.Encode(exportLine{Edge: &page.Items[i].Edge}); err != nil {
				return err
			}
		}
		e.count.Edges += int64(len(page.Items))
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if e.blobs == "" {
		return nil
	}
	for _, name := range []string{"blob", "rawBlob"} {
		if err := e.blob(ctx, p, it.Props[name]); err != nil {
			return err
		}
	}
	return nil
}

// blob writes one file, unless another item has had it written already.
func (e *exporter) blob(ctx context.Context, p pod, id any) error {
	if id == nil {
		return nil
	}
	text := fmt.Sprint(id)
	if _, ok := locket.ParseUUID(text); !ok {
		return locket.Errorf(locket.CodeInternal, "a blob has an id that is none")
	}
	err := writeNew(filepath.Join(e.blobs, text), func(w io.Writer) error { return fetchBlob(ctx, p, text, w) })
	switch {
	case locket.CodeOf(err) == locket.CodeExists:
		return nil
	case err != nil:
		return err
	}
	e.count.Blobs++
	return nil
}
