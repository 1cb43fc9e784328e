package store

import (
	"slices"

	"github.com/locketpod/locket"
)

const (
	linksAtOnce = 500
	maxLinks    = 100_000
)

// Links returns the edges that lead from living items (Out) or to them (In), as the
// transaction sees them, in the order of the ages of the items and the names of the edges.
// Like [Writer.Query] it is not recorded: it tells ids, and what those are of is read with
// [Writer.Get].
func (w *Writer) Links(ids []locket.ItemID, dir string) ([]locket.Edge, error) {
	if err := w.v.may(locket.MayRead); err != nil {
		return nil, err
	}
	near, far := "src", "dst"
	if dir == In {
		near, far = "dst", "src"
	}
	var all []locket.Edge
	for some := range slices.Chunk(ids, linksAtOnce) {
		args := make([]any, len(some))
		for i, id := range some {
			b, err := itemID(id)
			if err != nil {
				return nil, err
			}
			args[i] = b
		}
		f, g := w.v.visible(near, locket.MayRead), w.v.visible(far, locket.MayRead)
		args = slices.Concat(args, f.args, g.args, []any{maxLinks - len(all) + 1})
		found, err := w.links(linksQuery(near, len(some), f.sql, g.sql), args)
		if err != nil {
			return nil, failure("read edges", err)
		}
		if all = append(all, found...); len(all) > maxLinks {
			return nil, locket.Errorf(locket.CodeTooLarge, "there are more than %d links", maxLinks)
		}
	}
	return all, nil
}

func (w *Writer) links(query string, args []any) (list []locket.Edge, err error) {
	rows, err := w.conn.QueryContext(w.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var source, target []byte
		var e locket.Edge
		if err := rows.Scan(&source, &e.Name, &target); err != nil {
			return nil, err
		}
		e.Source, e.Target = locket.ItemID(uuidText(source)), locket.ItemID(uuidText(target))
		list = append(list, e)
	}
	return list, rows.Err()
}

// linksQuery finds the edges of n items: those at the near end, src or dst, of which and
// of the far ones the conditions hold. Parameters: n ids, those of the conditions, limit.
func linksQuery(near string, n int, visible, farVisible string) string {
	query := `SELECT src.id, e.name, dst.id FROM items src JOIN edges e ON e.source = src.n JOIN items dst ON dst.n = e.target WHERE src.deleted = 0 AND dst.deleted = 0 AND `
	return query + near + `.id IN (` + placeholders(n) + `) AND ` + visible + ` AND ` + farVisible + ` ORDER BY src.n, e.name, dst.n LIMIT ?`
}
