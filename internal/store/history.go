package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/locketpod/locket"
)

// History returns what was done with an item, newest first: who, when, and the
// values each change set. To a principal with bounds it tells of those changes only
// after which the item was one that they may see now, and of those values that they
// may see of it.
func (v *View) History(ctx context.Context, id locket.ItemID, limit int, cursor string) (locket.Page[locket.Revision], error) {
	var page locket.Page[locket.Revision]
	if err := v.may(locket.MayRead); err != nil {
		return page, err
	}
	limit, err := limitOf(limit, 100, 1000)
	if err != nil {
		return page, err
	}
	before := historyCursor{Leaf: 1 << 62}
	if err := v.decodeCursor(cursor, &before); err != nil {
		return page, err
	}
	h, err := v.timeline(ctx, id)
	if err != nil {
		return page, err
	}
	if err := v.revisions(ctx, h, before, limit, &page); err != nil {
		return page, failure("read history", err)
	}
	return page, v.saw(ctx, locket.ActionRead, string(id))
}

func (v *View) revisions(ctx context.Context, h *timeline, before historyCursor, limit int, page *locket.Page[locket.Revision]) error {
	rows, err := v.s.db.QueryContext(ctx, `SELECT l.n, l.action, coalesce(l.data, ''), `+provenanceColumns+`
		FROM leaves l JOIN changes c ON c.n = l.change JOIN principals p ON p.n = c.author
		WHERE l.item = ? AND l.item > 0 AND l.n < ? ORDER BY l.n DESC`, h.item.n, before.Leaf)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var leaf int64
		var data string
		var r locket.Revision
		if r.Provenance, err = scanProvenance(rows, &leaf, &r.Action, &data); err != nil {
			return err
		}
		if ok, err := v.shownRevision(ctx, h, &r, data); err != nil {
			return err
		} else if !ok {
			continue
		}
		if len(page.Items) == limit {
			page.Next = v.encodeCursor(before)
			break
		}
		if err := v.bound(ctx, &r.Provenance); err != nil {
			return err
		}
		page.Items = append(page.Items, r)
		before.Leaf = leaf
	}
	return rows.Err()
}

// shownRevision fills in what the principal may see of a revision; ok is false if
// that is nothing.
func (v *View) shownRevision(ctx context.Context, h *timeline, r *locket.Revision, data string) (ok bool, err error) {
	if r.Props, err = h.set(r.Change, r.Action, data); err != nil {
		return false, err
	}
	link := r.Action == locket.ActionLink || r.Action == locket.ActionUnlink
	if v.access.Whole() {
		if !link {
			r.Props = present(h.typ, r.Props)
		}
		return true, nil
	}
	then := h.at(r.Change)
	facts := h.item.facts(then)
	facts.Time = itemTime(h.typ, then, h.item.created)
	if !v.access.Permits(locket.MayRead, facts) {
		return false, nil
	}
	if link {
		target, _ := r.Props["target"].(string)
		return v.sees(ctx, v.s.db, locket.ItemID(target))
	}
	// What may be seen of the item as it is now bounds what may be seen of what it was.
	now, was := v.access.Properties(locket.MayRead, h.item.facts(h.props)), v.access.Properties(locket.MayRead, facts)
	for name := range r.Props {
		if !now.Has(name) || !was.Has(name) {
			delete(r.Props, name)
		}
	}
	if err := v.dropReferences(ctx, h.typ, r.Props); err != nil {
		return false, err
	}
	r.Props = present(h.typ, r.Props)
	edit := r.Action == locket.ActionCreate || r.Action == locket.ActionUpdate
	return !edit || len(r.Props) > 0, nil
}

type historyCursor struct{ Leaf int64 }

// A timeline holds what is needed to tell which change set which value.
type timeline struct {
	item   *itemRow
	typ    *locket.Type
	props  map[string]any   // current, stored form
	clocks map[string]int64 // change that set each current property, if not the first
	past   []past
}

// A past is a value that was replaced.
type past struct {
	prop          string
	change, until int64 // set by, replaced by
	value         any   // stored form; nil: there was none
}

// timeline reads an item that the principal may see, with all its past.
func (v *View) timeline(ctx context.Context, id locket.ItemID) (*timeline, error) {
	b, err := itemID(id)
	if err != nil {
		return nil, err
	}
	if _, err := v.catalog(ctx); err != nil {
		return nil, err
	}
	f := v.visible("i", locket.MayRead)
	r, err := scanItem(v.s.db.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items i WHERE i.id = ? AND `+f.sql, append([]any{b}, f.args...)...))
	if err != nil {
		return nil, itemFailure(err)
	}
	h, err := newTimeline(r, v.full)
	if err != nil {
		return nil, failure("read history", err)
	}
	return h, failure("read history", h.readPast(ctx, v.s.db))
}

func newTimeline(r *itemRow, full catalog) (*timeline, error) {
	h := &timeline{item: r}
	var err error
	if h.typ, err = full.get(r.typ); err != nil {
		return nil, err
	}
	if h.props, err = decodeStored(h.typ, r.props); err != nil {
		return nil, err
	}
	return h, json.Unmarshal([]byte(r.clocks), &h.clocks)
}

func (h *timeline) readPast(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, `SELECT change, until, prop, value FROM history WHERE item = ?`, h.item.n)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p past
		var value *string
		if err := rows.Scan(&p.change, &p.until, &p.prop, &value); err != nil {
			return err
		}
		if p.value, err = h.value(p.prop, value); err != nil {
			return err
		}
		h.past = append(h.past, p)
	}
	return rows.Err()
}

func (h *timeline) value(prop string, stored *string) (any, error) {
	if stored == nil {
		return nil, nil
	}
	m, err := decodeStored(h.typ, fmt.Sprintf("{%q:%s}", prop, *stored))
	return m[prop], err
}

// setBy is the change that set what a property is now.
func (h *timeline) setBy(prop string) int64 {
	if n, ok := h.clocks[prop]; ok {
		return n
	}
	return h.item.born
}

// set returns the values that a change set, in stored form; nil for one that it removed.
func (h *timeline) set(change int64, a locket.Action, data string) (map[string]any, error) {
	switch a {
	case locket.ActionCreate, locket.ActionUpdate:
	case locket.ActionLink, locket.ActionUnlink:
		return decodeData(data)
	default:
		return nil, nil
	}
	props := make(map[string]any)
	for _, p := range h.past {
		if p.change == change {
			props[p.prop] = p.value
		}
	}
	for name, v := range h.props {
		if h.setBy(name) == change {
			props[name] = v
		}
	}
	for name, setBy := range h.clocks {
		if _, present := h.props[name]; !present && setBy == change {
			props[name] = nil
		}
	}
	return props, nil
}

// at returns the item's properties as they were after a change, in stored form.
func (h *timeline) at(change int64) map[string]any {
	props := make(map[string]any)
	for name, v := range h.props {
		if h.setBy(name) <= change {
			props[name] = v
		}
	}
	for _, p := range h.past {
		if p.change <= change && change < p.until && p.value != nil {
			props[p.prop] = p.value
		}
	}
	return props
}

// decodeData reads the data of a leaf.
func decodeData(data string) (map[string]any, error) {
	if data == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("data of a leaf: %w", err)
	}
	for name, v := range m {
		n, err := storedNumbers(locket.Integer, v)
		if err != nil {
			return nil, err
		}
		m[name] = n
	}
	return m, nil
}
