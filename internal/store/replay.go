package store

import (
	"maps"
	"reflect"

	"github.com/locketpod/locket"
)

// A Past is an item of another pod with what was done with it there, to be done again.
type Past struct {
	ID    locket.ItemID
	Type  string
	Keys  []string
	Steps []Step // the first is a create
}

// A Step is a create, update, delete or restore.
type Step struct {
	Action locket.Action
	Props  map[string]any // values as of a Draft; nil removes one
}

// Replayed checks a past and says how many of its steps the pod's item of that id has
// behind it: 0 if there is none, all if it has gone on from there or is as it would be
// then. CodeConflict if it is another item.
func (w *Writer) Replayed(p *Past) (int, error) {
	if !w.v.access.Whole() {
		return 0, locket.Errorf(locket.CodeDenied, "only the owner may import an export of a pod, since its items come with their ids")
	}
	id, err := itemID(p.ID)
	if err != nil {
		return 0, err
	}
	want, err := w.checkSteps(p)
	if err != nil {
		return 0, err
	}
	r, err := scanItem(w.queryRow(`SELECT `+itemColumns+` FROM items i WHERE i.id = ?`, id))
	if locket.CodeOf(itemFailure(err)) == locket.CodeNotFound {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	other := locket.Errorf(locket.CodeConflict, "the pod has an item with this id that has other content or another history")
	if r.typ != p.Type {
		return 0, other
	}
	h, err := newTimeline(r, w.types)
	if err != nil {
		return 0, err
	}
	if err := h.readPast(w.ctx, w.conn); err != nil {
		return 0, err
	}
	have, err := w.steps(h)
	if err != nil {
		return 0, err
	}
	n := min(len(have), len(want))
	if reflect.DeepEqual(have[:n], want[:n]) {
		return n, nil
	}
	if props, deleted := ends(want); reflect.DeepEqual(props, h.props) && deleted == (r.deleted > 0) {
		return len(want), nil
	}
	return 0, other
}

// checkSteps returns the steps with their values in stored form.
func (w *Writer) checkSteps(p *Past) ([]Step, error) {
	t, err := w.types.get(p.Type)
	if err != nil {
		return nil, err
	}
	out := make([]Step, len(p.Steps))
	for i, s := range p.Steps {
		edit := s.Action == locket.ActionCreate || s.Action == locket.ActionUpdate
		if (i == 0) != (s.Action == locket.ActionCreate) || !edit && len(s.Props) > 0 || s.Action == locket.ActionUpdate && len(s.Props) == 0 {
			return nil, locket.Errorf(locket.CodeInvalid, "its history does not begin with its creation, or a change in it changes nothing")
		}
		if out[i], err = w.checkStep(t, s); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, locket.Errorf(locket.CodeInvalid, "its history is empty")
	}
	return out, nil
}

// checkStep does not ask whether references lead anywhere: what they lead to may come
// later, or was erased.
func (w *Writer) checkStep(t *locket.Type, s Step) (Step, error) {
	out := Step{Action: s.Action, Props: make(map[string]any, len(s.Props))}
	for name, v := range s.Props {
		p, ok := t.Property(name)
		if !ok {
			return out, locket.Errorf(locket.CodeInvalid, "%s has no property %q", t.Name, clip(name, 60))
		}
		c, err := coerce(t.Name, p, v)
		if err != nil {
			return out, err
		}
		if c != nil || s.Action != locket.ActionCreate {
			out.Props[name] = c
		}
	}
	return out, nil
}

// steps returns what was done with an item.
func (w *Writer) steps(h *timeline) ([]Step, error) {
	rows, err := w.conn.QueryContext(w.ctx, `SELECT change, action FROM leaves WHERE item = ? AND item > 0 ORDER BY n`, h.item.n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Step
	sets := h.sets()
	for rows.Next() {
		var change int64
		s := Step{Props: map[string]any{}}
		if err := rows.Scan(&change, &s.Action); err != nil {
			return nil, err
		}
		switch s.Action {
		case locket.ActionCreate, locket.ActionUpdate:
			s.Props = maps.Clone(sets[change])
			maps.DeleteFunc(s.Props, func(_ string, v any) bool { return v == nil && s.Action == locket.ActionCreate })
		case locket.ActionDelete, locket.ActionRestore:
		default:
			continue
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// ends says how an item is after steps in stored form.
func ends(steps []Step) (props map[string]any, deleted bool) {
	props = make(map[string]any)
	for _, s := range steps {
		switch s.Action {
		case locket.ActionDelete, locket.ActionRestore:
			deleted = s.Action == locket.ActionDelete
		}
		maps.Copy(props, s.Props)
	}
	maps.DeleteFunc(props, func(_ string, v any) bool { return v == nil })
	return props, deleted
}

// Replay does step i of a past that Replayed has checked in this transaction, or in an
// earlier one. Of one item it does at most one step in a transaction, since each is a
// change of its own.
func (w *Writer) Replay(p *Past, i int) error {
	if !w.v.access.Whole() {
		return notFound("item")
	}
	s := p.Steps[i]
	switch s.Action {
	case locket.ActionDelete:
		return w.Delete(p.ID, 0)
	case locket.ActionRestore:
		return w.Restore(p.ID, 0)
	}
	t, err := w.types.get(p.Type)
	if err != nil {
		return err
	}
	if s, err = w.checkStep(t, s); err != nil {
		return err
	}
	for name, v := range s.Props {
		if d, _ := t.Property(name); d.Kind == locket.Blob {
			if err := w.checkTargets(t.Name, d, v); err != nil {
				return err
			}
		}
	}
	if s.Action == locket.ActionCreate {
		return w.recreate(t, p, s.Props)
	}
	r, err := w.row(p.ID)
	if err != nil {
		return err
	}
	old, err := decodeStored(t, r.props)
	if err != nil {
		return err
	}
	if r.deleted > 0 {
		return locket.Errorf(locket.CodeInvalid, "its history has a change of a deleted item")
	}
	return w.replace(t, r, old, s.Props)
}

func (w *Writer) recreate(t *locket.Type, p *Past, props map[string]any) error {
	id, err := itemID(p.ID)
	if err != nil {
		return err
	}
	r := &itemRow{
		n: w.item, id: id, typ: t.Name, clocks: "{}", born: w.change,
		created: w.hlc, updated: w.hlc, time: itemTime(t, props, w.hlc), version: 1, trust: trustPlace(w.trust()),
	}
	if err := w.insert(t, r, props, nil); err != nil {
		return err
	}
	w.item++
	return nil
}

// ReplayKeys gives an item those of its external keys that no other has, and says how
// many of them others have.
func (w *Writer) ReplayKeys(p *Past) (taken int, err error) {
	r, err := w.row(p.ID)
	if err != nil {
		return 0, err
	}
	for _, k := range p.Keys {
		// Those of principals with bounds begin with who they are.
		if k == "" || len(k) > maxKey+len("00000000-0000-0000-0000-000000000000 ") {
			return 0, locket.Errorf(locket.CodeInvalid, "an external key is 1 to %d bytes long", maxKey)
		}
		owner, there, err := w.Find(k)
		switch {
		case err != nil:
			return 0, err
		case there && owner != p.ID:
			taken++
		case !there:
			if err := w.insertKey(k, r.n); err != nil {
				return 0, err
			}
		}
	}
	return taken, nil
}

// Relink is Link for edges of another pod, whose ends may be deleted. CodeNotFound if
// one is not there at all.
func (w *Writer) Relink(e locket.Edge) error {
	if !w.v.access.Whole() {
		return notFound("item")
	}
	if !nameForm.MatchString(e.Name) {
		return locket.Errorf(locket.CodeInvalid, "%q is not an edge name", clip(e.Name, 60))
	}
	source, err := w.row(e.Source)
	if err != nil {
		return err
	}
	target, err := w.row(e.Target)
	if err != nil {
		return err
	}
	n, err := w.affected(`INSERT INTO edges(source, name, target) VALUES(?, ?, ?) ON CONFLICT DO NOTHING`, source.n, e.Name, target.n)
	if err != nil || n == 0 {
		return err
	}
	return w.note(locket.ActionLink, source.n, source.id, "", map[string]any{"name": e.Name, "target": string(e.Target)})
}
