package store

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/locketpod/locket"
)

// itemColumns are what scanItem reads, of items AS i.
const itemColumns = `i.n, i.id, i.type, i.props, i.clocks, i.born, i.created, i.updated, i.time, i.version, i.trust, i.deleted`

// An itemRow is a row of items.
type itemRow struct {
	n                int64
	id               []byte
	typ              string
	props, clocks    string
	born             int64
	created, updated locket.HLC
	time             int64
	version          int64
	trust            int64 // place in locket.Trusts
	deleted          int64
}

type scanner interface{ Scan(dest ...any) error }

// scanItem reads the columns of itemColumns, and extra ones after them.
func scanItem(s scanner, extra ...any) (*itemRow, error) {
	var r itemRow
	dest := []any{&r.n, &r.id, &r.typ, &r.props, &r.clocks, &r.born, &r.created, &r.updated, &r.time, &r.version, &r.trust, &r.deleted}
	if err := s.Scan(append(dest, extra...)...); err != nil {
		return nil, err
	}
	return &r, nil
}

// present returns the row as the vocabulary knows it. props are the stored form of the
// properties that are to be shown; it takes them over.
func (r *itemRow) present(t *locket.Type, props map[string]any) locket.Item {
	return locket.Item{
		ID: locket.ItemID(uuidText(r.id)), Type: r.typ, Props: present(t, props),
		Created: r.created.Time(), Updated: r.updated.Time(), Version: r.version, Trust: trustAt(r.trust), Deleted: r.deleted > 0,
	}
}

// trustAt is the level at a place in locket.Trusts.
func trustAt(n int64) locket.Trust {
	levels := locket.Trusts()
	return levels[min(max(int(n), 0), len(levels)-1)]
}

// trustPlace is the place of a level in locket.Trusts.
func trustPlace(t locket.Trust) int64 { return int64(slices.Index(locket.Trusts(), t)) }

// itemFailure is failure for reading one item.
func itemFailure(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return notFound("item")
	}
	return failure("read item", err)
}

// row reads one item that the principal may read.
func (w *Writer) row(id locket.ItemID) (*itemRow, error) {
	b, err := itemID(id)
	if err != nil {
		return nil, err
	}
	f := w.v.visible("i", locket.MayRead)
	r, err := scanItem(w.queryRow(`SELECT `+itemColumns+` FROM items i WHERE i.id = ? AND `+f.sql, append([]any{b}, f.args...)...))
	if err != nil {
		return nil, itemFailure(err)
	}
	return r, nil
}

// rowAt is row for a caller who has seen a version; 0 means whichever is there.
func (w *Writer) rowAt(id locket.ItemID, version int64) (*itemRow, error) {
	r, err := w.row(id)
	if err != nil {
		return nil, err
	}
	if version != 0 && version != r.version {
		return nil, locket.Errorf(locket.CodeConflict, "the item was changed by somebody else: it has version %d, not %d; read it again and repeat", r.version, version)
	}
	return r, nil
}

// Get returns one item as the transaction sees it.
func (w *Writer) Get(id locket.ItemID) (locket.Item, error) {
	if err := w.v.may(locket.MayRead); err != nil {
		return locket.Item{}, err
	}
	r, err := w.row(id)
	if err != nil {
		return locket.Item{}, err
	}
	w.saw(r)
	return w.v.item(w.ctx, r, w.types)
}
