package store

import (
	"context"
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
	blobs, err := w.numbers(`SELECT blob FROM blob_refs WHERE item = ?`, n)
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
func (t *tx) numbers(query string, args ...any) ([]int64, error) {
	rows, err := t.conn.QueryContext(t.ctx, query, args...)
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

// CollectBlobs removes blobs that no item came to refer to within a day, and
// files that no blob names: the leavings of crashes. It returns how many.
func (s *Store) CollectBlobs(ctx context.Context) (int, error) {
	v := s.View(locket.Principal{Kind: locket.KindPod})
	before := s.now().Add(-orphanAge)
	removed := 0
	_, err := v.Write(ctx, func(w *Writer) error {
		orphans, err := w.numbers(`SELECT blob FROM loose WHERE added < ?`, micros(before))
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
