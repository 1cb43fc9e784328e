package store

import (
	"context"

	"github.com/locketpod/locket"
)

// Stats counts what the principal may see. Its changes are its own unless it may see
// all of the journal, and the size of the file, which tells of everything, is for
// those only.
func (v *View) Stats(ctx context.Context) (locket.Stats, error) {
	st := locket.Stats{ByType: make(map[string]int64)}
	if err := v.may(locket.MayRead); err != nil {
		return st, err
	}
	if err := v.countItems(ctx, &st); err != nil {
		return st, err
	}
	err := v.countRest(ctx, &st)
	if err == nil {
		err = v.saw(ctx, locket.ActionRead)
	}
	return st, failure("count", err)
}

func (v *View) countItems(ctx context.Context, st *locket.Stats) error {
	f := v.visible("i", locket.MayRead)
	rows, err := v.s.db.QueryContext(ctx, `SELECT type, count(*) FROM items i WHERE deleted = 0 AND `+f.sql+` GROUP BY type`, f.args...)
	if err != nil {
		return failure("count", err)
	}
	defer rows.Close()
	for rows.Next() {
		var t string
		var n int64
		if err := rows.Scan(&t, &n); err != nil {
			return failure("count", err)
		}
		st.ByType[t] = n
		st.Items += n
	}
	return failure("count", rows.Err())
}

func (v *View) countRest(ctx context.Context, st *locket.Stats) error {
	if v.unbounded(locket.MayRead) && v.unbounded(locket.MayManage) {
		var pages, size int64
		err := v.s.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM items WHERE deleted > 0), (SELECT count(*) FROM edges),
			(SELECT count(*) FROM blobs), (SELECT coalesce(sum(size), 0) FROM blobs), (SELECT coalesce(max(n), 0) FROM changes),
			(SELECT page_count FROM pragma_page_count), (SELECT page_size FROM pragma_page_size)`).
			Scan(&st.Deleted, &st.Edges, &st.Blobs, &st.BlobBytes, &st.Changes, &pages, &size)
		st.FileBytes = pages * size
		return err
	}
	f, g := v.visible("i", locket.MayRead), v.visible("o", locket.MayRead)
	err := v.s.db.QueryRowContext(ctx, `SELECT count(*) FROM items i WHERE i.deleted > 0 AND `+f.sql, f.args...).Scan(&st.Deleted)
	if err != nil {
		return err
	}
	err = v.s.db.QueryRowContext(ctx, `SELECT count(*) FROM edges e JOIN items i ON i.n = e.source JOIN items o ON o.n = e.target
		WHERE `+f.sql+` AND `+g.sql, append(append([]any{}, f.args...), g.args...)...).Scan(&st.Edges)
	if err != nil {
		return err
	}
	if err := v.countBlobs(ctx, st); err != nil {
		return err
	}
	return v.s.db.QueryRowContext(ctx, `SELECT seq FROM principals WHERE n = ?`, v.who.n).Scan(&st.Changes)
}

// countBlobs counts the blobs that visible items show.
func (v *View) countBlobs(ctx context.Context, st *locket.Stats) error {
	f := v.visible("i", locket.MayRead)
	rows, err := v.s.db.QueryContext(ctx, `SELECT `+itemColumns+`, b.n, b.id, b.size FROM blobs b JOIN blob_refs r ON r.blob = b.n
		JOIN items i ON i.n = r.item WHERE `+f.sql+` ORDER BY b.n`, f.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var counted int64
	for rows.Next() {
		var n, size int64
		var id []byte
		r, err := scanItem(rows, &n, &id, &size)
		if err != nil {
			return err
		}
		if n == counted {
			continue
		}
		ok, err := v.showsBlob(r, uuidText(id))
		if err != nil {
			return err
		}
		if ok {
			counted = n
			st.Blobs++
			st.BlobBytes += size
		}
	}
	return rows.Err()
}
