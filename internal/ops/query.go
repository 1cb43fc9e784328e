package ops

import (
	"context"

	"github.com/locketpod/locket"
)

type listItemsIn struct {
	Type    string `query:"type,omitempty" help:"only items of this type"`
	Order   string `query:"order,omitempty" help:"updated, created, time or a property; a leading - reverses; default -updated"`
	Limit   int    `query:"limit,omitempty" help:"most items to return, 1 to 1000; default 50"`
	Cursor  string `query:"cursor,omitempty" help:"where to go on: next of the page before"`
	Deleted bool   `query:"deleted,omitempty" help:"deleted items instead of living ones"`
	Trust   string `query:"trust,omitempty" help:"only items whose least trusted value is of this level: owner, device, agent, plugin, peer or import"`
}

func listItems(ctx context.Context, c *Call, in listItemsIn) (locket.Page[locket.Item], error) {
	q := locket.Query{Type: in.Type, Order: in.Order, Limit: in.Limit, Cursor: in.Cursor, Deleted: in.Deleted}
	if in.Trust != "" {
		q.Trust = []locket.Trust{locket.Trust(in.Trust)}
	}
	return paged(c.View.Query(ctx, q))
}

type queryItemsIn struct {
	Type    string             `json:"type,omitempty" help:"only items of this type"`
	Where   []locket.Condition `json:"where,omitempty" help:"tests that must all hold; op is eq, ne, lt, le, gt, ge, prefix, under, in or exists"`
	Order   string             `json:"order,omitempty" help:"updated, created, time or a property; a leading - reverses; default -updated"`
	Limit   int                `json:"limit,omitempty" help:"most items to return, 1 to 1000; default 50"`
	Cursor  string             `json:"cursor,omitempty" help:"where to go on: next of the page before"`
	Deleted bool               `json:"deleted,omitempty" help:"deleted items instead of living ones"`
	Trust   []locket.Trust     `json:"trust,omitempty" help:"only items whose least trusted value is of one of these levels: owner, device, agent, plugin, peer, import"`
}

func queryItems(ctx context.Context, c *Call, in queryItemsIn) (locket.Page[locket.Item], error) {
	return paged(c.View.Query(ctx, locket.Query(in)))
}

type searchItemsIn struct {
	Text   string `query:"q" help:"words, \"phrases\", -not, type: from: to: before: after: has: in: trust:"`
	Order  string `query:"order,omitempty" help:"relevance (default), newest or oldest"`
	Limit  int    `query:"limit,omitempty" help:"most hits to return, 1 to 200; default 20"`
	Cursor string `query:"cursor,omitempty" help:"where to go on: next of the page before"`
}

func searchItems(ctx context.Context, c *Call, in searchItemsIn) (locket.Page[locket.Hit], error) {
	return paged(c.View.Search(ctx, locket.Search(in)))
}
