package store

import (
	"context"

	"github.com/locketpod/locket"
)

// Used says that items of a recall were handed out: it notes them like any other read, and
// counts one use of each that the principal sees. That they were read is what its error is
// about. The count is no part of the journal, and not worth a wait or a failed
// read: it is left out while somebody else writes or when it can't be stored.
func (v *View) Used(ctx context.Context, ids []locket.ItemID) error {
	if err := v.may(locket.MayRead); err != nil {
		return err
	}
	if _, err := v.catalog(ctx); err != nil {
		return err
	}
	if err := sawItems(ctx, v, locket.ActionSearch, ids, func(id locket.ItemID) locket.ItemID { return id }); err != nil {
		return err
	}
	if len(ids) > 0 && len(v.s.writing) == 0 {
		_ = v.countUses(ctx, ids) // see above
	}
	return nil
}

func (v *View) countUses(ctx context.Context, ids []locket.ItemID) error {
	visible := v.visible("i", locket.MayRead)
	now := micros(v.s.now())
	return v.s.transaction(ctx, func(t *tx) error {
		for _, id := range ids {
			b, err := itemID(id)
			if err != nil {
				return err
			}
			err = t.exec(`INSERT INTO recalls(item, uses, last) SELECT i.n, 1, ? FROM items i WHERE i.id = ? AND i.deleted = 0 AND `+visible.sql+`
				ON CONFLICT(item) DO UPDATE SET uses = uses + 1, last = excluded.last`, append([]any{now, b}, visible.args...)...)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
