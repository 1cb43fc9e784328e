package store

import (
	"context"

	"github.com/locketpod/locket"
)

// A LinkedPair is the two ends of an edge.
type LinkedPair struct {
	Source locket.Item
	Target locket.Item
}

// Linked lists edges of a name between living items, by age of the source, which is of
// the type. It walks all items of the type.
func (v *View) Linked(ctx context.Context, typ, name string, limit int) ([]LinkedPair, error) {
	if err := v.may(locket.MayRead); err != nil {
		return nil, err
	}
	c, err := v.catalog(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.get(typ); err != nil {
		return nil, err
	}
	if limit, err = limitOf(limit, 50, 1000); err != nil {
		return nil, err
	}
	source, target := allOf(filter{sql: "i.type = '" + typ + "'"}, v.visibleOf("i", typ, locket.MayRead)), v.visible("o", locket.MayRead)
	rows, err := v.s.db.QueryContext(ctx, `SELECT i.id, o.id FROM items i CROSS JOIN edges e ON e.source = i.n AND e.name = ?
		CROSS JOIN items o ON o.n = e.target WHERE i.deleted = 0 AND o.deleted = 0
		AND `+source.sql+` AND `+target.sql+` ORDER BY i.n LIMIT ?`,
		append(append(append([]any{name}, source.args...), target.args...), limit)...)
	if err != nil {
		return nil, failure("read edges", err)
	}
	defer rows.Close()
	var ids [][2]locket.ItemID
	for rows.Next() {
		var s, t []byte
		if err := rows.Scan(&s, &t); err != nil {
			return nil, failure("read edges", err)
		}
		ids = append(ids, [2]locket.ItemID{locket.ItemID(uuidText(s)), locket.ItemID(uuidText(t))})
	}
	if err := rows.Err(); err != nil {
		return nil, failure("read edges", err)
	}
	out := make([]LinkedPair, len(ids))
	for i, pair := range ids {
		if out[i].Source, err = v.Get(ctx, pair[0]); err != nil {
			return nil, err
		}
		if out[i].Target, err = v.Get(ctx, pair[1]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
