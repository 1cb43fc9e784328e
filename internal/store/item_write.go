package store

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/locketpod/locket"
)

// A Draft is an item to be created.
type Draft struct {
	ID    locket.ItemID  // "": a new one is made
	Type  string         // a declared type
	Props map[string]any // values of the kinds declared; see locket.Item, or as decoded from JSON
	Keys  []string       // external identities, each unique in the pod, that Find answers to
}

// Create adds an item.
func (w *Writer) Create(d Draft) (locket.Item, error) {
	if err := w.v.may(locket.MayCreate); err != nil {
		return locket.Item{}, err
	}
	if d.ID != "" && !w.v.access.Whole() {
		return locket.Item{}, locket.Errorf(locket.CodeDenied, "only the owner may choose the id of a new item; leave it out")
	}
	if _, err := w.shown.get(d.Type); err != nil {
		return locket.Item{}, err
	}
	t := w.types[d.Type]
	props, err := w.checkProps(t, d.Props)
	if err != nil {
		return locket.Item{}, err
	}
	maps.DeleteFunc(props, func(_ string, v any) bool { return v == nil })
	id, err := w.newID(d.ID)
	if err != nil {
		return locket.Item{}, err
	}
	if err := w.checkKeys(d.Keys); err != nil {
		return locket.Item{}, err
	}
	r := &itemRow{
		n: w.item, id: id, typ: d.Type, clocks: "{}", born: w.change,
		created: w.hlc, updated: w.hlc, time: itemTime(t, props, w.hlc), version: 1,
		trust: trustPlace(w.trust()),
	}
	if err := w.mayWrite(locket.MayCreate, r, nil, props); err != nil {
		return locket.Item{}, err
	}
	if err := w.insert(t, r, props, d.Keys); err != nil {
		return locket.Item{}, err
	}
	w.item++
	return r.present(t, props), nil
}

func (w *Writer) insert(t *locket.Type, r *itemRow, props map[string]any, keys []string) (err error) {
	if r.props, err = encodeProps(props); err != nil {
		return err
	}
	err = w.exec(`INSERT INTO items(n, id, type, props, born, created, updated, time, version, trust) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 1, ?)`,
		r.n, r.id, r.typ, r.props, r.born, int64(r.created), int64(r.updated), r.time, r.trust)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := w.insertKey(k, r.n); err != nil {
			return err
		}
	}
	if err := w.refBlobs(t, r.n, props); err != nil {
		return err
	}
	if err := w.indexTerms(r.n, termsOf(t, props)); err != nil {
		return err
	}
	return w.note(locket.ActionCreate, r.n, r.id, r.typ, props)
}

// newID returns the id of a new item: the one wanted, unless it is taken, or a
// random one.
func (w *Writer) newID(wanted locket.ItemID) ([]byte, error) {
	if wanted == "" {
		return itemID(locket.NewItemID(w.now()))
	}
	id, err := itemID(wanted)
	if err != nil {
		return nil, err
	}
	var n int
	if err := w.queryRow(`SELECT count(*) FROM items WHERE id = ?`, id).Scan(&n); err != nil {
		return nil, err
	}
	if n > 0 {
		return nil, locket.Errorf(locket.CodeExists, "there is an item with this id already")
	}
	return id, nil
}

// checkKeys refuses a key that is taken.
func (w *Writer) checkKeys(keys []string) error {
	for _, k := range keys {
		if err := checkKey(k); err != nil {
			return err
		}
		if _, ok, err := w.Find(k); err != nil {
			return err
		} else if ok {
			return locket.Errorf(locket.CodeExists, "there is an item with this external key already")
		}
	}
	return nil
}

// checkProps coerces every property and checks what references lead to.
func (w *Writer) checkProps(t *locket.Type, props map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(props))
	for _, name := range slices.Sorted(maps.Keys(props)) { // the same input fails in the same way
		v := props[name]
		p, ok := t.Property(name)
		if _, shown := w.shown[t.Name].Property(name); !ok || !shown {
			return nil, locket.Errorf(locket.CodeInvalid, "%s has no property %q; declare it in the schema or leave it out", t.Name, clip(name, 60))
		}
		c, err := coerce(t.Name, p, v)
		if err != nil {
			return nil, err
		}
		if err := w.checkTargets(t.Name, p, c); err != nil {
			return nil, err
		}
		out[name] = c
	}
	return out, nil
}

// checkTargets refuses a reference or blob property whose target the principal can't
// reach: a blob could be read through an item of its own.
func (w *Writer) checkTargets(typ string, p locket.Property, v any) error {
	if p.Kind != locket.Reference && p.Kind != locket.Blob {
		return nil
	}
	for _, s := range each(v) {
		id, what := s.(string), "item" // coerce has checked it
		var there bool
		var err error
		if p.Kind == locket.Blob {
			what = "blob"
			there, err = w.v.reaches(w.ctx, w.conn, locket.BlobID(id))
		} else {
			there, err = w.v.sees(w.ctx, w.conn, locket.ItemID(id))
		}
		if err != nil {
			return err
		}
		if !there {
			return locket.Errorf(locket.CodeInvalid, "%s.%s: there is no %s with this id in the pod", typ, p.Name, what)
		}
	}
	return nil
}

// each returns the values of a property, one or many.
func each(v any) []any {
	switch l := v.(type) {
	case nil:
		return nil
	case []any:
		return l
	}
	return []any{v}
}

// Update sets properties of a living item; nil removes one. version is the
// version the caller has seen, or 0; CodeConflict if the item has another.
// Setting what is set already changes nothing and makes no new version.
func (w *Writer) Update(id locket.ItemID, version int64, set map[string]any) (locket.Item, error) {
	if err := w.v.may(locket.MayUpdate); err != nil {
		return locket.Item{}, err
	}
	r, err := w.rowAt(id, version)
	if err != nil {
		return locket.Item{}, err
	}
	if r.deleted > 0 {
		return locket.Item{}, locket.Errorf(locket.CodeConflict, "the item is deleted; restore it first")
	}
	t, err := w.types.get(r.typ)
	if err != nil {
		return locket.Item{}, err
	}
	changed, err := w.checkProps(t, set)
	if err != nil {
		return locket.Item{}, err
	}
	old, err := decodeStored(t, r.props)
	if err != nil {
		return locket.Item{}, err
	}
	if err := w.mayWrite(locket.MayUpdate, r, old, changed); err != nil {
		return locket.Item{}, err
	}
	maps.DeleteFunc(changed, func(name string, v any) bool { return reflect.DeepEqual(old[name], v) })
	if len(changed) == 0 {
		w.saw(r)
	} else if err := w.replace(t, r, old, changed); err != nil {
		return locket.Item{}, err
	}
	return w.v.item(w.ctx, r, w.types)
}

// replace writes changed over old, keeping what it replaces as history.
func (w *Writer) replace(t *locket.Type, r *itemRow, old, changed map[string]any) error {
	var clocks map[string]int64
	if err := json.Unmarshal([]byte(r.clocks), &clocks); err != nil {
		return err
	}
	props := maps.Clone(old)
	for name, v := range changed {
		if err := w.keep(r, clocks, name, old); err != nil {
			return err
		}
		clocks[name] = w.change
		if v == nil {
			delete(props, name)
		} else {
			props[name] = v
		}
	}
	c, err := json.Marshal(clocks)
	if err != nil {
		return err
	}
	if r.props, err = encodeProps(props); err != nil {
		return err
	}
	r.clocks, r.updated = string(c), w.hlc
	if _, again := w.pending[r.n]; !again {
		r.version++ // once for all updates that become one action of the journal
	}
	r.time = itemTime(t, props, r.created)
	if r.trust, err = w.lowestTrust(r, clocks, props); err != nil {
		return err
	}
	err = w.exec(`UPDATE items SET props = ?, clocks = ?, updated = ?, time = ?, version = ?, trust = ? WHERE n = ?`,
		r.props, r.clocks, int64(r.updated), r.time, r.version, r.trust, r.n)
	if err != nil {
		return err
	}
	if err := w.refBlobs(t, r.n, changed); err != nil {
		return err
	}
	was, is := termsOf(t, old), termsOf(t, props)
	if err := w.reindex(r.n, was, is); err != nil {
		return err
	}
	if was != is {
		if err := w.dropVector(r.n); err != nil {
			return err
		}
	}
	return w.note(locket.ActionUpdate, r.n, r.id, r.typ, changed)
}

// keep stores the value that a property has now as history, under the change
// that set it. A property that this same transaction set before needs none.
func (w *Writer) keep(r *itemRow, clocks map[string]int64, name string, old map[string]any) error {
	setBy, isSet := clocks[name]
	v, present := old[name]
	if !isSet {
		if !present {
			return nil // never had a value
		}
		setBy = r.born
	}
	if setBy == w.change {
		return nil
	}
	var stored any // NULL: absent
	if present {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		stored = string(b)
	}
	return w.exec(`INSERT INTO history(item, until, prop, change, value) VALUES(?, ?, ?, ?, ?)`, r.n, w.change, name, setBy, stored)
}

// itemTime is the item's own time in microseconds: its type's time property, or
// else its creation.
func itemTime(t *locket.Type, props map[string]any, created locket.HLC) int64 {
	if us, ok := props[t.TimeProperty].(int64); ok {
		return us
	}
	return micros(created.Time())
}
