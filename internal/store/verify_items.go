package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// An itemRows walks through all that is kept about items, item by item.
type itemRows struct {
	items   *cursor[itemRow]
	leaves  *cursor[itemLeaf]
	history *cursor[pastRow]
	edges   *cursor[edgeRow]
}

// An itemLeaf is a leaf about an item, with what is needed of its entry.
type itemLeaf struct {
	leafRow
	hlc    locket.HLC
	author int64
	source string // the import
}

type pastRow struct {
	past  past
	value *string // JSON; nil: there was none
}

type edgeRow struct {
	name   string
	target sql.NullString // UUID, 16 bytes; NULL: it is not there
	born   sql.NullInt64  // change that created the target
}

func (q *snapshot) itemRows(ctx context.Context) (r *itemRows, err error) {
	r = new(itemRows)
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.items, err = q.itemCursor(ctx); err != nil {
		return r, err
	}
	// CROSS JOIN keeps leaves_item in front.
	rows, err := q.conn.QueryContext(ctx, `SELECT l.n, l.change, l.item, l.action, l.salt, l.hash, coalesce(l.data, ''), c.hlc, c.author, coalesce(c.import, '')
		FROM leaves l CROSS JOIN changes c ON c.n = l.change WHERE l.item > 0 ORDER BY l.item, l.n`)
	r.leaves, err = newCursor(rows, err, func(rows *sql.Rows, l *itemLeaf) (int64, error) {
		*l = itemLeaf{}
		err := rows.Scan(&l.n, &l.change, &l.item, &l.action, &l.salt, &l.hash, &l.data, &l.hlc, &l.author, &l.source)
		return l.item, err
	})
	if err != nil {
		return r, err
	}
	if r.history, err = q.historyCursor(ctx); err != nil {
		return r, err
	}
	rows, err = q.conn.QueryContext(ctx, `SELECT e.source, e.name, i.id, i.born
		FROM edges e LEFT JOIN items i ON i.n = e.target ORDER BY e.source, e.name, e.target`)
	r.edges, err = newCursor(rows, err, func(rows *sql.Rows, e *edgeRow) (source int64, err error) {
		return source, rows.Scan(&source, &e.name, &e.target, &e.born)
	})
	return r, err
}

func (q *snapshot) itemCursor(ctx context.Context) (*cursor[itemRow], error) {
	rows, err := q.conn.QueryContext(ctx, `SELECT `+itemColumns+` FROM items i ORDER BY i.n`)
	return newCursor(rows, err, func(rows *sql.Rows, row *itemRow) (int64, error) {
		i, err := scanItem(rows)
		if err != nil {
			return 0, err
		}
		*row = *i
		return i.n, nil
	})
}

func (q *snapshot) historyCursor(ctx context.Context) (*cursor[pastRow], error) {
	rows, err := q.conn.QueryContext(ctx, `SELECT item, change, until, prop, value FROM history ORDER BY item, until, prop`)
	return newCursor(rows, err, func(rows *sql.Rows, p *pastRow) (item int64, err error) {
		*p = pastRow{}
		return item, rows.Scan(&item, &p.past.change, &p.past.until, &p.past.prop, &p.value)
	})
}

func (r *itemRows) close() {
	if r.items != nil {
		r.items.close()
	}
	if r.leaves != nil {
		r.leaves.close()
	}
	if r.history != nil {
		r.history.close()
	}
	if r.edges != nil {
		r.edges.close()
	}
}

// items compares items, history and edges with the leaves about them.
func (c *verification) items(ctx context.Context) error {
	r, err := c.itemRows(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	for done := int64(0); ; done++ {
		n := min(r.items.key, r.leaves.key, r.history.key, r.edges.key)
		if n == atEnd {
			return nil
		}
		if r.items.key == n {
			c.out.Items++
			err = c.item(ctx, n, r)
		} else {
			err = c.erased(n, r)
		}
		if err == nil && done%reportEvery == 0 {
			err = c.tell(ctx, locket.Progress{Stage: "comparing the items", Done: c.out.Items, Unit: "items"})
		}
		if err != nil {
			return err
		}
	}
}

// erased checks what is left of an item that is not there: hashes, and the leaf that
// says of which contents were erased.
func (c *verification) erased(n int64, r *itemRows) error {
	switch {
	case r.leaves.key != n && r.history.key == n:
		return podFault("the history has values of an item that is in no entry")
	case r.leaves.key != n:
		return podFault("there is a link %s from an item that is in no entry", plain(r.edges.row.name))
	}
	var hashes []journal.Hash
	first, last := r.leaves.row.change, itemLeaf{}
	whole := int64(0) // change of a leaf with a content
	for r.leaves.key == n {
		if last = r.leaves.row; last.action != locket.ActionErase && (last.salt != nil || last.data != "") && whole == 0 {
			whole = last.change
		}
		hashes = append(hashes, journal.Hash(last.hash))
		if err := r.leaves.advance(); err != nil {
			return err
		}
	}
	if last.action != locket.ActionErase {
		return faultAt(first, "it created an item that is gone, and that no entry erased")
	}
	leaf, err := last.content(nil)
	if err != nil || leaf == nil || !hasHash(leaf, last.hash) {
		return faultAt(last.change, "the content of an erasure is not what was signed")
	}
	before := hashes[:len(hashes)-1]
	want := erasedProps(locket.ItemID(locket.FormatUUID(leaf.Item)), before)
	if !sameProps(leaf.Props, want) {
		return faultAt(last.change, "what it erased are not all the actions on item %s whose contents are missing", locket.FormatUUID(leaf.Item))
	}
	if whole > 0 {
		return faultAt(whole, "an action on item %s, which was erased, has a content", locket.FormatUUID(leaf.Item))
	}
	switch n {
	case r.history.key:
		return podFault("the history has values of item %s, which was erased", locket.FormatUUID(leaf.Item))
	case r.edges.key:
		return podFault("there is a link %s from item %s, which was erased", plain(r.edges.row.name), locket.FormatUUID(leaf.Item))
	}
	return nil
}

func hasHash(l *journal.Leaf, hash []byte) bool {
	h, err := l.Hash()
	return err == nil && string(h[:]) == string(hash)
}

// item checks one item that is there.
func (c *verification) item(ctx context.Context, n int64, r *itemRows) error {
	i, err := c.newItemCheck(n, r)
	if err != nil {
		return err
	}
	if r.leaves.key != n {
		return podFault("%s is in no entry", i)
	}
	for r.leaves.key == n {
		if err := i.leaf(&r.leaves.row); err != nil {
			return err
		}
		if err := r.leaves.advance(); err != nil {
			return err
		}
	}
	if err := i.compare(); err != nil {
		return err
	}
	return i.compareEdges(ctx, c.conn, r.edges)
}

// newItemCheck reads the item that r stands at and its history.
func (c *verification) newItemCheck(n int64, r *itemRows) (*itemCheck, error) {
	row := r.items.row
	i := &itemCheck{row: &row, authors: c.authors}
	if len(row.id) != len(i.past.id) {
		return nil, podFault("an item has no id")
	}
	var err error
	if i.h, err = newTimeline(&row, c.types); err != nil {
		return nil, podFault("%s can't be read", i)
	}
	for r.history.key == n {
		if err := i.h.addPast(&r.history.row); err != nil {
			return nil, podFault("the history of %s can't be read", i)
		}
		if err := r.history.advance(); err != nil {
			return nil, err
		}
	}
	i.past = *i.h.itemPast()
	i.readSetters()
	return i, r.items.advance()
}

// sameProps compares texts and numbers.
func sameProps(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if w, ok := b[name]; !ok || v != w {
			return false
		}
	}
	return true
}

// checkPast checks that the rows of each property's history follow each other, up to
// the value that it has now.
func (h *timeline) checkPast() error {
	rows := slices.Clone(h.past)
	slices.SortFunc(rows, func(a, b past) int { // by property, then in time
		if a.prop != b.prop {
			if a.prop < b.prop {
				return -1
			}
			return 1
		}
		return int(min(max(a.until-b.until, -1), 1))
	})
	for i, p := range rows {
		next := h.setBy(p.prop)
		if i+1 < len(rows) && rows[i+1].prop == p.prop {
			next = rows[i+1].change
		}
		if p.change >= p.until || p.until != next {
			return errors.New("values that do not follow each other")
		}
	}
	return nil
}
