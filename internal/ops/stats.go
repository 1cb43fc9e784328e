package ops

import (
	"context"

	"github.com/locketpod/locket"
)

func getStats(ctx context.Context, c *Call, _ noIn) (locket.Stats, error) {
	return c.View.Stats(ctx)
}

type getChangeIn struct {
	ID int64 `path:"id" help:"number of the change; of one's own, if one may not see them all"`
}

func getChange(ctx context.Context, c *Call, in getChangeIn) (locket.Change, error) {
	return c.View.Change(ctx, in.ID)
}
