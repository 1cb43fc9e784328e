package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// orphanAge is how long a blob may stay that no item refers to.
const orphanAge = 24 * time.Hour

// refBlobs notes that item n refers to the blobs among props.
func (w *Writer) refBlobs(t *locket.Type, n int64, props map[string]any) error {
	for name, v := range props {
		if p, _ := t.Property(name); p.Kind != locket.Blob {
			continue
		}
		for _, id := range each(v) {
			b, _ := uuidBytes(id.(string)) // coerce has checked it
			err := w.exec(`INSERT INTO blob_refs(blob, item) SELECT n, ? FROM blobs WHERE id = ? ON CONFLICT DO NOTHING`, n, b)
			if err != nil {
				return err
			}
			if err := w.exec(`DELETE FROM loose WHERE blob = (SELECT n FROM blobs WHERE id = ?)`, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// unrefBlobs drops the references of item n, and the blobs that have no other.
func (w *Writer) unrefBlobs(n int64) error {
	blobs, err := numbers(w.ctx, w.conn, `SELECT blob FROM blob_refs WHERE item = ?`, n)
	if err != nil {
		return err
	}
	for _, b := range blobs {
		if err := w.exec(`DELETE FROM blob_refs WHERE blob = ? AND item = ?`, b, n); err != nil {
			return err
		}
		var others int
		if err := w.queryRow(`SELECT count(*) FROM blob_refs WHERE blob = ?`, b).Scan(&others); err != nil {
			return err
		}
		if others == 0 {
			if err := w.dropBlob(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) dropBlob(n int64) error {
	var name *string
	if err := w.queryRow(`SELECT name FROM blobs WHERE n = ?`, n).Scan(&name); err != nil {
		return err
	}
	if name != nil {
		w.unused = append(w.unused, *name)
	}
	if err := w.exec(`DELETE FROM loose WHERE blob = ?`, n); err != nil {
		return err
	}
	return w.exec(`DELETE FROM blobs WHERE n = ?`, n)
}

// numbers runs a query that gives one column of numbers.
func numbers(ctx context.Context, q querier, query string, args ...any) ([]int64, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ns []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		ns = append(ns, n)
	}
	return ns, rows.Err()
}

// reaches reports whether the principal may read a blob: it is the value of a
// property that it may see, or put by itself and of no item yet.
func (v *View) reaches(ctx context.Context, q querier, id locket.BlobID) (bool, error) {
	b, ok := uuidBytes(string(id))
	if !ok {
		return false, nil
	}
	var n, owner int64
	err := q.QueryRowContext(ctx, `SELECT n, coalesce((SELECT owner FROM loose l WHERE l.blob = b.n), 0) FROM blobs b WHERE id = ?`, b).Scan(&n, &owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, failure("read blob", err)
	case v.unbounded(locket.MayRead) || owner == v.who.n:
		return true, nil
	}
	f := v.visible("i", locket.MayRead)
	rows, err := q.QueryContext(ctx, `SELECT `+itemColumns+` FROM blob_refs r JOIN items i ON i.n = r.item WHERE r.blob = ? AND `+f.sql,
		append([]any{n}, f.args...)...)
	if err != nil {
		return false, failure("read blob", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanItem(rows)
		if err != nil {
			return false, failure("read blob", err)
		}
		if ok, err := v.showsBlob(r, string(id)); ok || err != nil {
			return ok, err
		}
	}
	return false, failure("read blob", rows.Err())
}

// showsBlob reports whether a row that may be read has the blob as a value that may be
// seen now.
func (v *View) showsBlob(r *itemRow, id string) (bool, error) {
	t, err := v.full.get(r.typ)
	if err != nil {
		return false, err
	}
	props, err := decodeStored(t, r.props)
	if err != nil {
		return false, failure("read blob", err)
	}
	may := v.access.Properties(locket.MayRead, r.facts(props))
	for name, value := range props {
		if p, _ := t.Property(name); p.Kind == locket.Blob && may.Has(name) && slices.Contains(each(value), any(id)) {
			return true, nil
		}
	}
	return false, nil
}

// CollectBlobs removes blobs that no item came to refer to within a day, and
// files that no blob names: the leavings of crashes. It returns how many.
func (s *Store) CollectBlobs(ctx context.Context) (int, error) {
	v := s.upkeep()
	before := s.now().Add(-orphanAge)
	removed := 0
	_, err := v.Write(ctx, func(w *Writer) error {
		orphans, err := numbers(w.ctx, w.conn, `SELECT blob FROM loose WHERE added < ?`, micros(before))
		if err != nil {
			return err
		}
		for _, n := range orphans {
			if err := w.dropBlob(n); err != nil {
				return err
			}
		}
		removed = len(orphans)
		return nil
	})
	if err != nil {
		return 0, err
	}
	files, err := s.collectFiles(ctx, before)
	return removed + files, err
}

func (s *Store) collectFiles(ctx context.Context, before time.Time) (int, error) {
	removed := 0
	for f, err := range s.blobs.Entries() {
		if err != nil {
			return removed, failure("list blobs", err)
		}
		if f.ModTime.After(before) {
			continue
		}
		var n int
		if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM blobs WHERE name = ?`, f.Name).Scan(&n); err != nil {
			return removed, failure("list blobs", err)
		}
		if n > 0 {
			continue
		}
		if err := s.blobs.Remove(f.Name); err != nil {
			return removed, failure("remove blob", err)
		}
		removed++
	}
	return removed, nil
}
