package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/locketpod/locket"
)

// History returns what was done with an item, newest first: who, when, and the
// values each change set.
func (v *View) History(ctx context.Context, id locket.ItemID, limit int, cursor string) (locket.Page[locket.Revision], error) {
	var page locket.Page[locket.Revision]
	if err := v.may(locket.ActionRead); err != nil {
		return page, err
	}
	limit, err := limitOf(limit, 100, 1000)
	if err != nil {
		return page, err
	}
	before := historyCursor{Leaf: 1 << 62}
	if err := decodeCursor(cursor, &before); err != nil {
		return page, err
	}
	b, err := itemID(id)
	if err != nil {
		return page, err
	}
	h, err := v.timeline(ctx, b)
	if err != nil {
		return page, err
	}
	rows, err := v.s.db.QueryContext(ctx, `SELECT l.n, l.change, l.action, coalesce(l.data, ''), p.id, c.hlc
		FROM leaves l JOIN changes c ON c.n = l.change JOIN principals p ON p.n = c.author
		WHERE l.item = ? AND l.n < ? ORDER BY l.n DESC LIMIT ?`, h.item.n, before.Leaf, limit+1)
	if err != nil {
		return page, failure("read history", err)
	}
	defer rows.Close()
	for rows.Next() {
		var leaf int64
		var r locket.Revision
		var hlc locket.HLC
		var author []byte
		var data string
		if err := rows.Scan(&leaf, &r.Change, &r.Action, &data, &author, &hlc); err != nil {
			return page, failure("read history", err)
		}
		if len(page.Items) == limit {
			page.Next = encodeCursor(before)
			break
		}
		r.Author, r.Time = locket.PrincipalID(uuidText(author)), hlc.Time()
		if r.Props, err = h.set(r, data); err != nil {
			return page, failure("read history", err)
		}
		page.Items = append(page.Items, r)
		before.Leaf = leaf
	}
	return page, failure("read history", rows.Err())
}

type historyCursor struct{ Leaf int64 }

// A timeline holds what is needed to tell which change set which value.
type timeline struct {
	item   *itemRow
	typ    *locket.Type
	props  map[string]any   // current, stored form
	clocks map[string]int64 // change that set each current property, if not the first
	past   map[int64]map[string]any
}

func (v *View) timeline(ctx context.Context, id []byte) (*timeline, error) {
	c, err := v.catalog(ctx)
	if err != nil {
		return nil, err
	}
	h := &timeline{past: make(map[int64]map[string]any)}
	if h.item, err = scanItem(v.s.db.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items i WHERE i.id = ?`, id)); err != nil {
		return nil, itemFailure(err)
	}
	if h.typ, err = c.get(h.item.typ); err != nil {
		return nil, err
	}
	if h.props, err = decodeStored(h.typ, h.item.props); err != nil {
		return nil, failure("read history", err)
	}
	if err := json.Unmarshal([]byte(h.item.clocks), &h.clocks); err != nil {
		return nil, failure("read history", err)
	}
	return h, v.readPast(ctx, h)
}

func (v *View) readPast(ctx context.Context, h *timeline) error {
	rows, err := v.s.db.QueryContext(ctx, `SELECT change, prop, value FROM history WHERE item = ?`, h.item.n)
	if err != nil {
		return failure("read history", err)
	}
	defer rows.Close()
	for rows.Next() {
		var change int64
		var prop string
		var value *string
		if err := rows.Scan(&change, &prop, &value); err != nil {
			return failure("read history", err)
		}
		if h.past[change] == nil {
			h.past[change] = make(map[string]any)
		}
		if h.past[change][prop], err = h.value(prop, value); err != nil {
			return failure("read history", err)
		}
	}
	return failure("read history", rows.Err())
}

func (h *timeline) value(prop string, stored *string) (any, error) {
	if stored == nil {
		return nil, nil
	}
	m, err := decodeStored(h.typ, fmt.Sprintf("{%q:%s}", prop, *stored))
	return m[prop], err
}

// set returns the values that a revision set, for people.
func (h *timeline) set(r locket.Revision, data string) (map[string]any, error) {
	switch r.Action {
	case locket.ActionCreate, locket.ActionUpdate:
	case locket.ActionLink, locket.ActionUnlink:
		var e locket.Edge
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return nil, errors.New("leaf data is no edge")
		}
		return map[string]any{"name": e.Name, "target": e.Target}, nil
	default:
		return nil, nil
	}
	props := make(map[string]any)
	for name, v := range h.past[r.Change] {
		props[name] = v
	}
	for name, v := range h.props {
		setBy, ok := h.clocks[name]
		if ok && setBy == r.Change || !ok && r.Change == h.item.born {
			props[name] = v
		}
	}
	for name, setBy := range h.clocks {
		if _, present := h.props[name]; !present && setBy == r.Change {
			props[name] = nil
		}
	}
	return present(h.typ, props), nil
}
