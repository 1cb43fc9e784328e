package store

import (
	"encoding/json"

	"github.com/locketpod/locket"
)

// Extend declares a type, or more properties of one that exists. What is
// declared already may be repeated but not changed.
func (w *Writer) Extend(t locket.Type) error {
	if err := w.v.may(locket.ActionSchema); err != nil {
		return err
	}
	if err := w.types.checkType(t); err != nil {
		return err
	}
	var had []byte
	err := w.queryRow(`SELECT coalesce((SELECT def FROM types WHERE name = ?), '{}')`, t.Name).Scan(&had)
	if err != nil {
		return err
	}
	added := locket.Type{}
	if err := json.Unmarshal(had, &added); err != nil {
		return err
	}
	grew := w.types[t.Name] == nil
	if grew {
		added.TimeProperty = t.TimeProperty
	}
	added.Name = t.Name
	for _, p := range t.Properties {
		if known := w.types[t.Name]; known != nil {
			if _, ok := known.Property(p.Name); ok {
				continue
			}
		}
		added.Properties = append(added.Properties, p)
		grew = true
	}
	if !grew {
		return nil
	}
	return w.declare(added)
}

func (w *Writer) declare(t locket.Type) error {
	def, err := json.Marshal(t)
	if err != nil {
		return err
	}
	err = w.exec(`INSERT INTO types(name, def) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET def = excluded.def`, t.Name, string(def))
	if err != nil {
		return err
	}
	w.types.add(t)
	if err := w.script(typeIndexes([]locket.Type{t})); err != nil {
		return err
	}
	// A declaration is no item; its leaf stands under the item number 0.
	return w.note(locket.ActionSchema, 0, make([]byte, 16), t.Name, map[string]any{"definition": string(def)}, string(def))
}
