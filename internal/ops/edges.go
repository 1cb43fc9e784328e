package ops

import (
	"context"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

type listEdgesIn struct {
	ID        locket.ItemID `path:"id" help:"id of the item"`
	Direction string        `query:"direction,omitempty" help:"out (default), in or both"`
	Name      string        `query:"name,omitempty" help:"only edges of this name"`
	Limit     int           `query:"limit,omitempty" help:"most edges to return, 1 to 1000; default 50"`
	Cursor    string        `query:"cursor,omitempty" help:"where to go on: next of the page before"`
}

func listEdges(ctx context.Context, c *Call, in listEdgesIn) (locket.Page[locket.Linked], error) {
	if in.Direction == "" {
		in.Direction = "out"
	}
	return paged(c.View.Edges(ctx, in.ID, in.Direction, in.Name, in.Limit, in.Cursor))
}

type edgeIn struct {
	Source locket.ItemID `path:"source" help:"id of the item it leads from"`
	Name   string        `path:"name" help:"name of the edge, e.g. mentions"`
	Target locket.ItemID `path:"target" help:"id of the item it leads to"`
}

func linkItems(ctx context.Context, c *Call, in edgeIn) (Written, error) {
	return write(ctx, c, func(w *store.Writer) error { return w.Link(locket.Edge(in)) })
}

func unlinkItems(ctx context.Context, c *Call, in edgeIn) (Written, error) {
	return write(ctx, c, func(w *store.Writer) error { return w.Unlink(locket.Edge(in)) })
}
