package recall

import (
	"context"
	"time"

	"github.com/locketpod/locket"
)

// A source is where memories are looked for: all that one principal may see and a query
// asks for, and nothing else.
type source interface {
	// counts returns in how many items any word of each list occurs, at most so many, and
	// of how many items.
	counts(ctx context.Context, words [][]string, most int) ([]int, int, error)
	// matching returns items in which all words of any list occur.
	matching(ctx context.Context, words [][]string, in period, limit int) ([]found, error)
	// latest returns the newest items of a period, whatever they say.
	latest(ctx context.Context, in period, limit int) ([]found, error)
	// around returns the items of a thread next to a position, in order, without those
	// at it. They need not be what the query asks for.
	around(ctx context.Context, thread string, position int64, before, after int) ([]locket.Item, error)
	// passing returns which of the items that around returned are what is looked for.
	passing(ctx context.Context, items []locket.Item) (map[locket.ItemID]bool, error)
	// nearest returns items by their vectors, the most similar first.
	nearest(ctx context.Context, model string, vector []float32, limit int) ([]found, error)
}

// A period is a stretch of time, from inclusive to exclusive. A zero end is open.
type period struct{ from, to time.Time }

// A found is an item with what Locket knows of its use.
type found struct {
	item       locket.Item
	uses       int64
	similarity float64 // of vectors
}
