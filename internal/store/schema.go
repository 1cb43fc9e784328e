package store

import (
	"encoding/json"
	"slices"

	"github.com/locketpod/locket"
)

// Extend declares a type, or more properties of one that exists. What is
// declared already may be repeated but not changed.
func (w *Writer) Extend(t locket.Type) error {
	if err := w.v.mayAll(locket.MayManage); err != nil {
		return err
	}
	if err := w.types.checkType(t); err != nil {
		return err
	}
	known := w.types[t.Name]
	fresh := locket.Type{Name: t.Name}
	if known == nil {
		fresh.TimeProperty = t.TimeProperty
	}
	for _, p := range t.Properties {
		if known != nil {
			if _, ok := known.Property(p.Name); ok {
				continue
			}
		}
		fresh.Properties = append(fresh.Properties, p)
	}
	if known != nil && len(fresh.Properties) == 0 {
		return nil
	}
	return w.declare(fresh)
}

// Types returns the types that the principal may know of, with what this transaction
// has declared, sorted by name.
func (w *Writer) Types() []locket.Type { return w.shown.all() }

// addType adds t to the types that were added before, or to the one of its name.
func addType(added []locket.Type, t locket.Type) []locket.Type {
	i := slices.IndexFunc(added, func(a locket.Type) bool { return a.Name == t.Name })
	if i < 0 {
		return append(added, t)
	}
	added[i].Properties = append(added[i].Properties, t.Properties...)
	return added
}

// declare adds t, which nothing declared contradicts, to pod.types: as a type of its
// own, or as more of one that was added before.
func (w *Writer) declare(t locket.Type) error {
	var stored []byte
	if err := w.queryRow(`SELECT types FROM pod WHERE n = 1`).Scan(&stored); err != nil {
		return err
	}
	var added []locket.Type
	if err := json.Unmarshal(stored, &added); err != nil {
		return err
	}
	all, err := json.Marshal(addType(added, t))
	if err != nil {
		return err
	}
	if err := w.exec(`UPDATE pod SET types = ? WHERE n = 1`, string(all)); err != nil {
		return err
	}
	w.types.add(t)
	if err := w.script(typeIndexes([]locket.Type{t})); err != nil {
		return err
	}
	def, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return w.manage(locket.ActionSchema, map[string]any{"type": t.Name, "definition": string(def)})
}
