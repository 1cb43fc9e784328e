package ops

import (
	"context"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

type createItemIn struct {
	Type  string         `json:"type" help:"type of the item, e.g. Note"`
	Props map[string]any `json:"props" help:"its properties, by name"`
	ID    locket.ItemID  `json:"id,omitempty" help:"id to give it, a UUID version 7; default: a new one"`
}

func createItem(ctx context.Context, c *Call, in createItemIn) (it locket.Item, err error) {
	_, err = c.View.Write(ctx, func(w *store.Writer) error {
		it, err = w.Create(store.Draft{ID: in.ID, Type: in.Type, Props: in.Props})
		return err
	})
	return it, err
}

type itemIn struct {
	ID locket.ItemID `path:"id" help:"id of the item"`
}

func getItem(ctx context.Context, c *Call, in itemIn) (locket.Item, error) {
	return c.View.Get(ctx, in.ID)
}

type updateItemIn struct {
	ID      locket.ItemID  `path:"id" help:"id of the item"`
	Version Version        `header:"If-Match,omitempty" help:"version the change is based on; it fails if the item has changed since"`
	Props   map[string]any `json:"props" help:"properties to set; null removes one, others stay"`
}

func updateItem(ctx context.Context, c *Call, in updateItemIn) (it locket.Item, err error) {
	_, err = c.View.Write(ctx, func(w *store.Writer) error {
		it, err = w.Update(in.ID, int64(in.Version), in.Props)
		return err
	})
	return it, err
}

type versionedItemIn struct {
	ID      locket.ItemID `path:"id" help:"id of the item"`
	Version Version       `header:"If-Match,omitempty" help:"version it must have"`
}

func deleteItem(ctx context.Context, c *Call, in versionedItemIn) (Written, error) {
	return write(ctx, c, func(w *store.Writer) error { return w.Delete(in.ID, int64(in.Version)) })
}

func restoreItem(ctx context.Context, c *Call, in versionedItemIn) (it locket.Item, err error) {
	_, err = c.View.Write(ctx, func(w *store.Writer) error {
		if err := w.Restore(in.ID, int64(in.Version)); err != nil {
			return err
		}
		it, err = w.Get(in.ID)
		return err
	})
	return it, err
}

// Erased is the receipt for an item that is gone for good. Change is the signed entry
// that says who erased it, and that it was there.
type Erased struct {
	Change  locket.Change `json:"change"`
	Item    locket.ItemID `json:"item"`
	Gone    string        `json:"gone"`
	Remains string        `json:"remains"`
}

func eraseItem(ctx context.Context, c *Call, in versionedItemIn) (Erased, error) {
	w, err := write(ctx, c, func(w *store.Writer) error { return w.Erase(in.ID, int64(in.Version)) })
	return Erased{
		Change: w.Change, Item: in.ID,
		Gone: "its values, history, links, words of the search index, files that nothing else uses, and the contents of its journal entries",
		Remains: "copies and backups of the pod that were made before " + w.Change.Time.Format(time.RFC3339) +
			" still hold it, as do exports and whoever has read it; the journal keeps that there was an item of this id",
	}, err
}

type itemHistoryIn struct {
	ID     locket.ItemID `path:"id" help:"id of the item"`
	Limit  int           `query:"limit,omitempty" help:"most entries to return, 1 to 1000; default 50"`
	Cursor string        `query:"cursor,omitempty" help:"where to go on: next of the page before"`
}

func itemHistory(ctx context.Context, c *Call, in itemHistoryIn) (locket.Page[locket.Revision], error) {
	return paged(c.View.History(ctx, in.ID, in.Limit, in.Cursor))
}
