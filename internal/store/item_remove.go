package store

import (
	"errors"

	"github.com/locketpod/locket"
)

// Delete hides an item from lists, search and edges. Its values and history stay,
// and Restore brings it back. Deleting a deleted item does nothing.
func (w *Writer) Delete(id locket.ItemID, version int64) error {
	return w.setDeleted(locket.ActionDelete, id, version, w.change)
}

// Restore brings a deleted item back. Restoring a living one does nothing.
func (w *Writer) Restore(id locket.ItemID, version int64) error {
	return w.setDeleted(locket.ActionRestore, id, version, 0)
}

func (w *Writer) setDeleted(a locket.Action, id locket.ItemID, version, deleted int64) error {
	if err := w.v.may(locket.MayDelete); err != nil {
		return err
	}
	r, err := w.rowAt(id, version)
	if err != nil {
		return err
	}
	if err := w.mayTouch(locket.MayDelete, r); err != nil {
		return err
	}
	if (r.deleted > 0) == (deleted > 0) {
		return nil
	}
	t, err := w.types.get(r.typ)
	if err != nil {
		return err
	}
	props, err := decodeStored(t, r.props)
	if err != nil {
		return err
	}
	if err := w.exec(`UPDATE items SET deleted = ?, updated = ?, version = version + 1 WHERE n = ?`, deleted, int64(w.hlc), r.n); err != nil {
		return err
	}
	if deleted > 0 {
		err = errors.Join(w.reindex(r.n, termsOf(t, props), terms{}), w.dropVector(r.n))
	} else {
		err = w.indexTerms(r.n, termsOf(t, props))
	}
	if err != nil {
		return err
	}
	return w.note(a, r.n, r.id, r.typ, nil)
}

// Erase removes an item for good: values, history, index terms, vector, edges, keys, and
// blobs that nothing else refers to. What stays is the signed fact that an item
// was erased, and the hashes of what was done with it before.
func (w *Writer) Erase(id locket.ItemID, version int64) error {
	if err := w.v.may(locket.MayManage); err != nil {
		return err
	}
	r, err := w.rowAt(id, version)
	if err != nil {
		return err
	}
	if err := w.mayTouch(locket.MayManage, r); err != nil {
		return err
	}
	t, err := w.types.get(r.typ)
	if err != nil {
		return err
	}
	if r.deleted == 0 {
		props, err := decodeStored(t, r.props)
		if err != nil {
			return err
		}
		if err := w.reindex(r.n, termsOf(t, props), terms{}); err != nil {
			return err
		}
	}
	if err := w.unrefBlobs(r.n); err != nil {
		return err
	}
	if err := w.dropVector(r.n); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM items WHERE n = ?`,
		`DELETE FROM history WHERE item = ?`,
		`DELETE FROM edges WHERE source = ?`,
		`DELETE FROM edges WHERE target = ?`,
		`DELETE FROM keys WHERE item = ?`,
		`DELETE FROM recalls WHERE item = ?`,
		`UPDATE leaves SET salt = NULL, data = NULL WHERE item = ? AND item > 0`,
	} {
		if err := w.exec(q, r.n); err != nil {
			return err
		}
	}
	// A ledger line says what the record was called. There is no index for this: what is
	// erased is rare.
	err = w.exec(`UPDATE ledger SET file = '', record = '', item = NULL, reason = 'erased' WHERE item = ?`, r.id)
	if err != nil {
		return err
	}
	if err := w.dropAbout(id); err != nil {
		return err
	}
	w.erased = true
	w.entry.erase(r.n)
	// Other items' leaves name this one as the target of a link; the id itself
	// tells nothing. What this leaf says is known when it is signed.
	return w.note(locket.ActionErase, r.n, r.id, "", nil)
}
