package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// An itemPast is what tells the contents of the leaves that are about an item.
type itemPast struct {
	id   [16]byte
	typ  string
	sets map[int64]map[string]any // what each change set, in stored form; nil where it removed a value
}

func (h *timeline) itemPast() *itemPast {
	return &itemPast{id: [16]byte(h.item.id), typ: h.item.typ, sets: h.sets()}
}

// sets is what every change set that the rows of the item name. Two values of one
// property that name the same change don't come from it: the last is taken.
func (h *timeline) sets() map[int64]map[string]any {
	if len(h.clocks) == 0 && len(h.past) == 0 {
		return map[int64]map[string]any{h.item.born: h.props}
	}
	sets := map[int64]map[string]any{h.item.born: {}}
	put := func(change int64, name string, value any) {
		if sets[change] == nil {
			sets[change] = make(map[string]any)
		}
		sets[change][name] = value
	}
	for _, p := range h.past {
		put(p.change, p.prop, p.value)
	}
	for name, v := range h.props {
		put(h.setBy(name), name, v)
	}
	for name, change := range h.clocks {
		if _, present := h.props[name]; !present {
			put(change, name, nil)
		}
	}
	return sets
}

// content puts a leaf together. It is nil if the leaf's content was erased. p is nil
// if the item is not there, or if there is none.
func (l *leafRow) content(p *itemPast) (*journal.Leaf, error) {
	if l.salt == nil {
		return nil, nil
	}
	if len(l.salt) != journal.SaltSize {
		return nil, fmt.Errorf("salt of %d bytes", len(l.salt))
	}
	props, err := decodeData(l.data)
	if err != nil {
		return nil, err
	}
	leaf := &journal.Leaf{Salt: [journal.SaltSize]byte(l.salt), Action: string(l.action), Props: props}
	if l.action == locket.ActionErase {
		id, _ := props["item"].(string)
		leaf.Item, _ = locket.ParseUUID(id)
		return leaf, nil
	}
	if l.item == 0 {
		return leaf, nil
	}
	if p == nil {
		return nil, fmt.Errorf("item %d is not there", l.item)
	}
	leaf.Item = p.id
	switch l.action {
	case locket.ActionCreate, locket.ActionUpdate:
		if props != nil {
			return nil, errors.New("values that the item should have")
		}
		leaf.Type, leaf.Props = p.typ, p.sets[l.change]
	case locket.ActionDelete, locket.ActionRestore:
		leaf.Type = p.typ
	}
	return leaf, nil
}

// fillIn gives the record's leaves the contents that are there. pastOf finds the item
// of a leaf; if it is nil, only leaves about no item are filled in.
func (r *record) fillIn(pastOf func(item int64) (*itemPast, error)) error {
	for i := range r.rows {
		l := &r.rows[i]
		var p *itemPast
		if l.item != 0 {
			if pastOf == nil {
				continue
			}
			var err error
			if p, err = pastOf(l.item); err != nil {
				return err
			}
		}
		leaf, err := l.content(p)
		if err != nil {
			return faultAt(r.N, "the content of an action (%s) can't be read", plain(string(l.action)))
		}
		r.Leaves[i].Leaf = leaf
	}
	return nil
}

// maxPasts bounds the values of items that pasts keeps.
const maxPasts = 200_000

// pasts reads items and keeps those that were asked for last, as far as there is room:
// entries that follow each other are often about the same items.
type pasts struct {
	*snapshot
	kept   map[int64]*itemPast
	values int // in kept
}

// of returns nil for an item that is not there.
func (k *pasts) of(ctx context.Context, n int64) (*itemPast, error) {
	if p, ok := k.kept[n]; ok {
		return p, nil
	}
	r, err := scanItem(k.conn.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items i WHERE i.n = ?`, n))
	var p *itemPast
	size := 1
	if err == nil {
		h, err := newTimeline(r, k.types)
		if err != nil {
			return nil, unreadable()
		}
		if r.clocks != "{}" { // else nothing was ever replaced
			if err := h.readPast(ctx, k.conn); err != nil {
				return nil, err
			}
		}
		p = h.itemPast()
		size += len(h.props) + len(h.past)
	} else if locket.CodeOf(itemFailure(err)) != locket.CodeNotFound {
		return nil, err
	}
	if k.values += size; k.values > maxPasts || k.kept == nil {
		k.kept, k.values = make(map[int64]*itemPast), size
	}
	k.kept[n] = p
	return p, nil
}
