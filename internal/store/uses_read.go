package store

import (
	"context"
	"encoding/json"

	"github.com/locketpod/locket"
)

// Uses returns how often each of some items was recalled; those that never were, and
// those that the principal may not see, are not in it.
func (v *View) Uses(ctx context.Context, ids []locket.ItemID) (map[locket.ItemID]int64, error) {
	if err := v.may(locket.MayRead); err != nil {
		return nil, err
	}
	if _, err := v.catalog(ctx); err != nil {
		return nil, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	visible := v.visible("i", locket.MayRead)
	rows, err := v.s.db.QueryContext(ctx, `SELECT list.value, r.uses FROM json_each(?) list CROSS JOIN items i ON i.id = unhex(list.value, '-')
		JOIN recalls r ON r.item = i.n WHERE r.uses > 0 AND `+visible.sql, append([]any{string(list)}, visible.args...)...)
	if err != nil {
		return nil, failure("read uses", err)
	}
	defer rows.Close()
	out := make(map[locket.ItemID]int64)
	for rows.Next() {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, failure("read uses", err)
		}
		out[locket.ItemID(id)] = n
	}
	return out, failure("read uses", rows.Err())
}
