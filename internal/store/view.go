package store

import (
	"context"
	"sync"

	"github.com/locketpod/locket"
)

// A View is what one principal may see and do in one open pod. It is the only
// door to a pod's data, and is valid until the function it was handed to
// returns. Safe for concurrent use.
type View struct {
	s   *Store
	who locket.Principal

	mu    sync.Mutex
	types catalog // guarded by mu; nil until first needed
}

// Principal returns who acts through the view.
func (v *View) Principal() locket.Principal { return v.who }

// may is the one place where it is decided whether the principal can do a kind
// of thing at all. Only the owner and the pod itself can do anything.
func (v *View) may(locket.Action) error {
	if v.who.Kind == locket.KindOwner || v.who.Kind == locket.KindPod {
		return nil
	}
	return locket.Errorf(locket.CodeDenied, "this principal has no policy that permits it")
}

func (v *View) catalog(ctx context.Context) (catalog, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.types == nil {
		c, err := loadCatalog(ctx, v.s.db)
		if err != nil {
			return nil, failure("read types", err)
		}
		v.types = c
	}
	return v.types, nil
}

// Types returns all types, built-in and added, sorted by name.
func (v *View) Types(ctx context.Context) ([]locket.Type, error) {
	if err := v.may(locket.ActionRead); err != nil {
		return nil, err
	}
	c, err := v.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return c.all(), nil
}

// Get returns one item. A deleted one is returned as such; an erased one is not
// found.
func (v *View) Get(ctx context.Context, id locket.ItemID) (locket.Item, error) {
	if err := v.may(locket.ActionRead); err != nil {
		return locket.Item{}, err
	}
	b, err := itemID(id)
	if err != nil {
		return locket.Item{}, err
	}
	var types []byte
	r, err := scanItem(v.s.db.QueryRowContext(ctx, `SELECT `+itemColumns+`, pod.types FROM items i JOIN pod ON pod.n = 1 WHERE i.id = ?`, b), &types)
	if err != nil {
		return locket.Item{}, itemFailure(err)
	}
	c, err := catalogWith(types)
	if err != nil {
		return locket.Item{}, failure("read types", err)
	}
	return r.item(c)
}

// Stats counts what the principal may see.
func (v *View) Stats(ctx context.Context) (locket.Stats, error) {
	st := locket.Stats{ByType: make(map[string]int64)}
	if err := v.may(locket.ActionRead); err != nil {
		return st, err
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT type, count(*) FROM items WHERE deleted = 0 GROUP BY type`)
	if err != nil {
		return st, failure("count", err)
	}
	defer rows.Close()
	for rows.Next() {
		var t string
		var n int64
		if err := rows.Scan(&t, &n); err != nil {
			return st, failure("count", err)
		}
		st.ByType[t] = n
		st.Items += n
	}
	if err := rows.Err(); err != nil {
		return st, failure("count", err)
	}
	var pages, size int64
	err = v.s.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM items WHERE deleted > 0), (SELECT count(*) FROM edges),
		(SELECT count(*) FROM blobs), (SELECT coalesce(sum(size), 0) FROM blobs), (SELECT coalesce(max(n), 0) FROM changes),
		(SELECT page_count FROM pragma_page_count), (SELECT page_size FROM pragma_page_size)`).
		Scan(&st.Deleted, &st.Edges, &st.Blobs, &st.BlobBytes, &st.Changes, &pages, &size)
	st.FileBytes = pages * size
	return st, failure("count", err)
}

// CheckIntegrity reads and verifies every page and index. It returns what is
// wrong, one line each, at most 100.
func (v *View) CheckIntegrity(ctx context.Context) ([]string, error) {
	if err := v.may(locket.ActionRead); err != nil {
		return nil, err
	}
	rows, err := v.s.db.QueryContext(ctx, `PRAGMA integrity_check(100)`)
	if err != nil {
		return nil, failure("check integrity", err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, failure("check integrity", err)
		}
		if line != "ok" {
			found = append(found, line)
		}
	}
	return found, failure("check integrity", rows.Err())
}
