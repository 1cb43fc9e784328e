package store

import (
	"database/sql"
	"errors"

	"github.com/locketpod/locket"
)

// An act is a leaf of an item.
type act struct {
	change int64
	action locket.Action
	data   string
}

// item undoes what was done to one item. What the writer refuses is skipped.
func (u *undo) item(w *Writer, n int64) error {
	r, err := scanItem(w.queryRow(`SELECT `+itemColumns+` FROM items i WHERE i.n = ?`, n))
	if errors.Is(err, sql.ErrNoRows) {
		return nil // erased since
	} else if err != nil {
		return err
	}
	h, err := newTimeline(r, w.types)
	if err != nil {
		return err
	}
	if err := h.readPast(w.ctx, w.conn); err != nil {
		return err
	}
	acts, err := w.acts(n)
	if err != nil {
		return err
	}
	id := locket.ItemID(uuidText(r.id))
	what, err := u.revert(w, h, id, acts)
	if code := locket.CodeOf(err); err != nil && code != locket.CodeInternal && code != locket.CodeCancelled && code != locket.CodeDiskFull {
		u.skip(id, locket.MessageOf(err))
		err = nil
	}
	if len(what) > 0 && len(u.out.Items) < shownUndo {
		u.out.Items = append(u.out.Items, UndoneItem{id, what})
	}
	return err
}

func (w *Writer) acts(n int64) ([]act, error) {
	rows, err := w.conn.QueryContext(w.ctx, `SELECT change, action, coalesce(data, '') FROM leaves WHERE item = ? AND item > 0 ORDER BY n`, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var acts []act
	for rows.Next() {
		var a act
		if err := rows.Scan(&a.change, &a.action, &a.data); err != nil {
			return nil, err
		}
		acts = append(acts, a)
	}
	return acts, rows.Err()
}

// revert brings an item back to what others had made of it.
func (u *undo) revert(w *Writer, h *timeline, id locket.ItemID, acts []act) (what []string, err error) {
	did := func(err error, name string, count *int) error {
		if err == nil {
			what = append(what, name)
			*count++
		}
		return err
	}
	deleted, wanted := h.item.deleted > 0, u.deletedWithout(h, acts)
	if u.mine[h.item.born] {
		if !u.onlyMine(h) {
			return nil, locket.Errorf(locket.CodeConflict, "somebody else has changed it since it was created; delete it yourself")
		}
		wanted = true
	}
	if deleted && !wanted {
		if err := did(w.Restore(id, 0), "restored", &u.out.Restored); err != nil {
			return what, err
		}
		deleted = false
	}
	if set := u.before(h); len(set) > 0 && !u.mine[h.item.born] {
		if deleted {
			return what, locket.Errorf(locket.CodeConflict, "it is deleted; restore it and undo again")
		}
		_, err := w.Update(id, 0, present(h.typ, set))
		if err := did(err, "reverted", &u.out.Reverted); err != nil {
			return what, err
		}
	}
	links, err := u.links(w, id, acts)
	u.out.Links += links
	if links > 0 {
		what = append(what, "links")
	}
	if err != nil || deleted || !wanted {
		return what, err
	}
	return what, did(w.Delete(id, 0), "deleted", &u.out.Deleted)
}

// deletedWithout reports whether the item would be deleted now if what is to be undone
// had not happened. Who came later has the last word.
func (u *undo) deletedWithout(h *timeline, acts []act) bool {
	deleted := false
	for _, a := range acts {
		if !u.mine[a.change] && (a.action == locket.ActionDelete || a.action == locket.ActionRestore) {
			deleted = a.action == locket.ActionDelete
		}
	}
	return deleted
}

// onlyMine reports whether nobody else has set a value that the item has.
func (u *undo) onlyMine(h *timeline) bool {
	for name := range h.props {
		if !u.mine[h.setBy(name)] {
			return false
		}
	}
	return true
}

// before is what the properties that are to be undone were before, in stored form; nil
// for one that there was not.
func (u *undo) before(h *timeline) map[string]any {
	set := make(map[string]any)
	check := func(name string) {
		change := h.setBy(name)
		if !u.mine[change] {
			return
		}
		var value any
		for u.mine[change] {
			p, ok := h.replacedBy(name, change)
			if !ok {
				value = nil
				break
			}
			change, value = p.change, p.value
		}
		set[name] = value
	}
	for name := range h.props {
		check(name)
	}
	for name := range h.clocks { // those that were removed, too
		check(name)
	}
	return set
}

// replacedBy is the value of a property that a change replaced.
func (h *timeline) replacedBy(name string, change int64) (past, bool) {
	for _, p := range h.past {
		if p.prop == name && p.until == change {
			return p, true
		}
	}
	return past{}, false
}

// links brings back the links that the item is the source of.
func (u *undo) links(w *Writer, id locket.ItemID, acts []act) (changed int, err error) {
	type link struct{ name, target string }
	last, without := make(map[link]act), make(map[link]bool)
	var order []link
	for _, a := range acts {
		if a.action != locket.ActionLink && a.action != locket.ActionUnlink {
			continue
		}
		props, err := decodeData(a.data)
		if err != nil {
			return changed, err
		}
		name, _ := props["name"].(string)
		target, _ := props["target"].(string)
		l := link{name, target}
		if _, known := last[l]; !known {
			order = append(order, l)
		}
		last[l] = a
		if !u.mine[a.change] {
			without[l] = a.action == locket.ActionLink
		}
	}
	for _, l := range order {
		a := last[l]
		if !u.mine[a.change] || (a.action == locket.ActionLink) == without[l] {
			continue
		}
		e := locket.Edge{Source: id, Name: l.name, Target: locket.ItemID(l.target)}
		if without[l] {
			err = w.Link(e)
		} else {
			err = w.Unlink(e)
		}
		if locket.CodeOf(err) == locket.CodeNotFound {
			continue // the other end is gone
		} else if err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
}
