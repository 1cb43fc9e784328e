package store

import (
	"maps"

	"github.com/locketpod/locket"
)

// mayTouch refuses what the principal is not permitted on an item that it may read.
func (w *Writer) mayTouch(p locket.Permission, r *itemRow) error {
	if w.v.access.Whole() {
		return nil
	}
	props, err := decodeStored(w.types[r.typ], r.props)
	if err != nil {
		return err
	}
	if f := r.facts(props); w.v.access.Permits(p, f) {
		w.v.review.waited(p, f, nil)
		return nil
	}
	return locket.Errorf(locket.CodeDenied, "your policy does not permit to %s this item; its owner can change that", p)
}

// mayWrite refuses to create r with the properties set, or to update it to them from
// old, unless the policy permits it on the item as it is and as it would be, for each
// of the properties, and the writer could read back what it wrote: nobody leaves
// behind what they can't see.
func (w *Writer) mayWrite(p locket.Permission, r *itemRow, old, set map[string]any) error {
	if w.v.access.Whole() {
		return nil
	}
	before, after := r.facts(old), r.facts(maps.Clone(old))
	if after.Props == nil {
		after.Props = make(map[string]any)
	}
	for name, v := range set {
		if v == nil {
			delete(after.Props, name)
		} else {
			after.Props[name] = v
		}
	}
	after.Time = itemTime(w.types[r.typ], after.Props, r.created)
	if p == locket.MayUpdate && !w.v.access.Permits(p, before) {
		return locket.Errorf(locket.CodeDenied, "your policy does not permit to %s this item; its owner can change that", p)
	}
	if !w.v.access.Permits(p, after) || !w.v.access.Permits(locket.MayRead, after) {
		return locket.Errorf(locket.CodeDenied, "your policy does not permit to %s an item like this; its owner can change that", p)
	}
	may, see := w.v.access.Properties(p, after), w.v.access.Properties(locket.MayRead, after)
	if p == locket.MayUpdate {
		was := w.v.access.Properties(p, before)
		for name := range set {
			if !was.Has(name) {
				return noProperty(p, r.typ, name)
			}
		}
	}
	for name := range set {
		if !may.Has(name) || !see.Has(name) {
			return noProperty(p, r.typ, name)
		}
	}
	if p == locket.MayUpdate {
		w.v.review.waited(p, before, set)
	}
	w.v.review.waited(p, after, set)
	return nil
}

func noProperty(p locket.Permission, typ, name string) error {
	return locket.Errorf(locket.CodeDenied, "your policy does not permit to %s %s.%s; leave it out", p, typ, name)
}

// trust is the level of what this transaction writes.
func (w *Writer) trust() locket.Trust { return locket.TrustOf(w.v.who.kind, w.source) }

// lowestTrust is the place of the least trusted among the current values of an item
// whose properties were set by the changes in clocks, or else at its creation.
func (w *Writer) lowestTrust(r *itemRow, clocks map[string]int64, props map[string]any) (int64, error) {
	setBy := make(map[int64]bool) // changes that set a value which is there now
	for name := range props {
		n, ok := clocks[name]
		if !ok {
			n = r.born
		}
		setBy[n] = true
	}
	lowest := int64(0)
	if setBy[w.change] {
		lowest = trustPlace(w.trust())
		if lowest == r.trust {
			return lowest, nil // nothing else is trusted less
		}
		delete(setBy, w.change)
	}
	for n := range setBy {
		at, err := w.trustOf(n)
		if err != nil {
			return 0, err
		}
		lowest = max(lowest, at)
	}
	return lowest, nil
}

func (w *Writer) trustOf(change int64) (int64, error) {
	var kind locket.PrincipalKind
	var src locket.Source
	err := w.queryRow(`SELECT p.kind, coalesce(c.import, '') FROM changes c JOIN principals p ON p.n = c.author WHERE c.n = ?`, change).
		Scan(&kind, &src.Import)
	return trustPlace(locket.TrustOf(kind, src)), err
}
