package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/portable"
)

// An Exported is an item with what belongs to it.
type Exported struct {
	portable.Item
	Revisions []portable.Revision
	Blobs     []locket.BlobInfo // that it refers to, now or in its history, and no item before it does
}

// An exportRows walks through all that an export has of items, item by item.
type exportRows struct {
	items   *cursor[itemRow]
	steps   *cursor[exportStep]
	history *cursor[pastRow]
	keys    *cursor[string]
	blobs   *cursor[exportBlob]
}

// An exportStep is an action on an item.
type exportStep struct {
	change int64
	action locket.Action
	from   locket.Provenance
}

type exportBlob struct {
	n    int64
	info locket.BlobInfo
}

func (q *snapshot) exportRows(ctx context.Context) (r *exportRows, err error) {
	r = new(exportRows)
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.items, err = q.itemCursor(ctx); err != nil {
		return r, err
	}
	// CROSS JOIN keeps leaves_item in front.
	rows, err := q.conn.QueryContext(ctx, `SELECT l.item, l.change, l.action, `+provenanceColumns+`
		FROM leaves l CROSS JOIN changes c ON c.n = l.change JOIN principals p ON p.n = c.author
		WHERE l.item > 0 AND l.action IN ('create', 'update', 'delete', 'restore') ORDER BY l.item, l.n`)
	r.steps, err = newCursor(rows, err, func(rows *sql.Rows, s *exportStep) (item int64, err error) {
		s.from, err = scanProvenance(rows, &item, &s.change, &s.action)
		return item, err
	})
	if err != nil {
		return r, err
	}
	if r.history, err = q.historyCursor(ctx); err != nil {
		return r, err
	}
	rows, err = q.conn.QueryContext(ctx, `SELECT item, key FROM keys ORDER BY item, key`)
	r.keys, err = newCursor(rows, err, func(rows *sql.Rows, key *string) (item int64, err error) {
		return item, rows.Scan(&item, key)
	})
	if err != nil {
		return r, err
	}
	rows, err = q.conn.QueryContext(ctx, `SELECT r.item, b.n, b.id, b.size, b.sha256
		FROM blob_refs r CROSS JOIN blobs b ON b.n = r.blob ORDER BY r.item, r.blob`)
	r.blobs, err = newCursor(rows, err, func(rows *sql.Rows, b *exportBlob) (item int64, err error) {
		var id, sum []byte
		err = rows.Scan(&item, &b.n, &id, &b.info.Size, &sum)
		b.info.ID, b.info.SHA256 = locket.BlobID(uuidText(id)), hex.EncodeToString(sum)
		return item, err
	})
	return r, err
}

func (r *exportRows) close() {
	if r.items != nil {
		r.items.close()
	}
	if r.steps != nil {
		r.steps.close()
	}
	if r.history != nil {
		r.history.close()
	}
	if r.keys != nil {
		r.keys.close()
	}
	if r.blobs != nil {
		r.blobs.close()
	}
}

// gather calls fn with the rows of item n and leaves out those of items before it,
// which are erased.
func gather[T any](c *cursor[T], n int64, fn func(*T) error) error {
	for c.key <= n && c.key != atEnd {
		if c.key == n {
			if err := fn(&c.row); err != nil {
				return err
			}
		}
		if err := c.advance(); err != nil {
			return err
		}
	}
	return nil
}

// Items calls fn with every item, in the order of their creation. It may be called
// again, and gives the same.
func (x *Export) Items(ctx context.Context, fn func(*Exported) error) error {
	r, err := x.q.exportRows(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	x.ids, x.count = nil, 0
	given := make(map[int64]bool) // blobs
	for r.items.key != atEnd {
		e, ok, err := x.next(ctx, r, given)
		switch {
		case err != nil:
			return err
		case ok:
			x.count++
			if x.v.recorded {
				x.ids = append(x.ids, string(e.ID))
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err // rows that were read ahead don't end with their context
		}
	}
	return nil
}

// next puts together the item that r stands at, and goes on behind it.
func (x *Export) next(ctx context.Context, r *exportRows, given map[int64]bool) (*Exported, bool, error) {
	row := r.items.row
	n := r.items.key
	if err := r.items.advance(); err != nil {
		return nil, false, err
	}
	it, ok, err := x.item(ctx, &row)
	if err != nil {
		return nil, false, err
	}
	e := &Exported{Item: portable.Item{Item: it}}
	h, err := newTimeline(&row, x.q.types)
	if err != nil {
		return nil, false, err
	}
	if err := gather(r.history, n, h.addPast); err != nil {
		return nil, false, err
	}
	revisions := revisionMaker{timeline: h, e: e}
	if ok && x.whole {
		revisions.sets = h.sets()
	}
	err = gather(r.steps, n, func(s *exportStep) error { return x.addRevision(ctx, &revisions, s) })
	if err != nil {
		return nil, false, err
	}
	own := uuidText(x.v.who.id) + " "
	err = gather(r.keys, n, func(key *string) error {
		if k, mine := strings.CutPrefix(*key, own); x.whole {
			e.Keys = append(e.Keys, *key)
		} else if mine {
			e.Keys = append(e.Keys, k)
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return e, ok, gather(r.blobs, n, func(b *exportBlob) error {
		if ok && !given[b.n] && e.has(b.info.ID) {
			given[b.n] = true
			e.Blobs = append(e.Blobs, b.info)
		}
		return nil
	})
}

// has tells whether a blob is a value of an item as it is exported. Not all that it
// refers to are: one that was replaced in the transaction that set it is in no history.
func (e *Exported) has(id locket.BlobID) bool {
	if hasValue(e.Props, id) {
		return true
	}
	return slices.ContainsFunc(e.Revisions, func(r portable.Revision) bool { return hasValue(r.Was, id) })
}

func hasValue(props map[string]any, value any) bool {
	for _, v := range props {
		if slices.Contains(each(v), value) {
			return true
		}
	}
	return false
}

// addPast adds a value that was replaced.
func (h *timeline) addPast(p *pastRow) (err error) {
	past := p.past
	past.value, err = h.value(past.prop, p.value)
	h.past = append(h.past, past)
	return err
}

// A revisionMaker splits what each change set into what still is and what was.
type revisionMaker struct {
	*timeline
	e    *Exported
	sets map[int64]map[string]any // nil: the export has no history
}

func (x *Export) addRevision(ctx context.Context, m *revisionMaker, s *exportStep) error {
	if m.sets == nil {
		return nil
	}
	rev := portable.Revision{Provenance: s.from, Action: s.action}
	if err := x.v.bound(ctx, &rev.Provenance); err != nil {
		return err
	}
	if s.action == locket.ActionCreate || s.action == locket.ActionUpdate {
		was := maps.Clone(m.sets[s.change])
		for name, v := range was {
			if v == nil && s.action == locket.ActionCreate {
				delete(was, name) // set and removed at once
			} else if m.isNow(name, s.change) {
				rev.Is = append(rev.Is, name)
				delete(was, name)
			}
		}
		slices.Sort(rev.Is)
		if len(was) > 0 {
			rev.Was = present(m.typ, was)
		}
	}
	m.e.Revisions = append(m.e.Revisions, rev)
	return nil
}

// isNow tells whether a property is as a change has left it.
func (h *timeline) isNow(name string, change int64) bool {
	if _, present := h.props[name]; !present {
		n, removed := h.clocks[name]
		return removed && n == change
	}
	return h.setBy(name) == change
}

// Edges calls fn with every edge of which both ends are exported, by age of the source
// and name.
func (x *Export) Edges(ctx context.Context, fn func(locket.Edge) error) error {
	rows, err := x.q.conn.QueryContext(ctx, `SELECT e.source, e.name, s.id, t.id FROM edges e
		CROSS JOIN items s ON s.n = e.source CROSS JOIN items t ON t.n = e.target ORDER BY e.source, e.name, e.target`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var e locket.Edge
		var source, target []byte
		if err := rows.Scan(&n, &e.Name, &source, &target); err != nil {
			return unreadable()
		}
		e.Source, e.Target = locket.ItemID(uuidText(source)), locket.ItemID(uuidText(target))
		if ok, err := x.both(ctx, e); err != nil {
			return err
		} else if !ok {
			continue
		}
		if err := fn(e); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// both tells whether both ends of an edge are exported.
func (x *Export) both(ctx context.Context, e locket.Edge) (bool, error) {
	if x.whole && x.only == nil {
		return true, nil
	}
	for _, id := range []locket.ItemID{e.Source, e.Target} {
		_, err := x.Item(ctx, id)
		if locket.CodeOf(err) == locket.CodeNotFound {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

// EdgesFrom returns the first edges from an item, of those that Edges gives.
func (x *Export) EdgesFrom(ctx context.Context, id locket.ItemID, limit int) ([]locket.Edge, error) {
	b, err := itemID(id)
	if err != nil {
		return nil, err
	}
	rows, err := x.q.conn.QueryContext(ctx, `SELECT e.name, t.id FROM items s CROSS JOIN edges e ON e.source = s.n
		CROSS JOIN items t ON t.n = e.target WHERE s.id = ? ORDER BY e.name, e.target LIMIT ?`, b, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []locket.Edge
	for rows.Next() {
		e := locket.Edge{Source: id}
		var target []byte
		if err := rows.Scan(&e.Name, &target); err != nil {
			return nil, unreadable()
		}
		e.Target = locket.ItemID(uuidText(target))
		if ok, err := x.both(ctx, e); err != nil {
			return nil, err
		} else if ok {
			out = append(out, e)
		}
	}
	return out, rows.Err()
}
