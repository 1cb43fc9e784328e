package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// A Writer is one transaction of one principal. It is valid only inside the
// function it was handed to, and not for concurrent use. What a method refuses
// has changed nothing, so the function may go on after such an error.
type Writer struct {
	*tx
	v     *View
	types catalog // all types
	shown catalog // those that the principal may know of

	entry
	item   int64    // the next items.n
	read   []string // ids of items that were shown without being changed
	files  []string // blob files written, removed if the transaction fails
	unused []string // blob files to remove once it has committed
	erased bool     // an item was erased
}

// Write runs fn in one transaction and signs what it did as one change. If fn
// returns an error nothing has happened. A function that changed nothing gives
// the zero Change.
func (v *View) Write(ctx context.Context, fn func(*Writer) error) (locket.Change, error) {
	var c locket.Change
	w := &Writer{v: v}
	err := v.s.transaction(ctx, func(t *tx) error {
		w.tx = t
		if err := w.begin(); err != nil {
			return err
		}
		if err := fn(w); err != nil {
			return err
		}
		if err := v.review.tried(w); err != nil || len(w.leaves) == 0 {
			return err
		}
		var err error
		if c, err = w.sign(t); err != nil {
			return err
		}
		return v.review.end(t, c)
	})
	if errors.Is(err, errDryRun) && v.review != nil {
		return locket.Change{}, w.removeFiles(w.files, nil)
	}
	if err != nil {
		return locket.Change{}, w.removeFiles(w.files, err)
	}
	wrote(ctx)
	err = w.removeFiles(w.unused, nil)
	if w.erased && err == nil {
		// What was erased is gone only when its old pages are out of the log.
		err = v.s.Checkpoint(ctx)
	}
	if err == nil && len(w.read) > 0 {
		err = v.saw(ctx, locket.ActionRead, w.read...)
	}
	if !v.seesJournal() {
		c.ID = 0 // it counts what others do
	}
	return c, err
}

// From says what the changes of this transaction come of. It is called before the
// first of them.
func (w *Writer) From(s locket.Source) { w.source = s }

// removeFiles removes blob files and returns err, or else what went wrong.
func (w *Writer) removeFiles(names []string, err error) error {
	for _, name := range names {
		if e := w.v.s.blobs.Remove(name); e != nil && err == nil {
			err = failure("remove blob", e)
		}
	}
	return err
}

// begin reads where the numbering stands. The next item's number is above all
// that were ever used, so that an erased item's leaves never seem to be another's.
func (w *Writer) begin() (err error) {
	if w.types, err = loadCatalog(w.ctx, w.conn); err != nil {
		return err
	}
	w.shown = w.types
	if !w.v.access.Whole() {
		w.shown = shown(w.types, w.v.access)
	}
	w.entry = entry{v: w.v, kind: locket.EntryChange, source: w.v.source, pending: make(map[int64]int)}
	if err := w.entry.begin(w.tx); err != nil {
		return err
	}
	if err := w.dropExpired(); err != nil {
		return err
	}
	return w.queryRow(`SELECT max(coalesce((SELECT max(n) FROM items), 0), coalesce((SELECT max(item) FROM leaves WHERE item > 0), 0)) + 1`).Scan(&w.item)
}

// note adds a leaf for an action on an item. What a create or update set is in the
// item's own rows; the props of all others are kept with the leaf.
func (w *Writer) note(action locket.Action, n int64, id []byte, typ string, props map[string]any) error {
	if !journaled {
		return nil
	}
	if action == locket.ActionCreate || action == locket.ActionUpdate {
		w.merge(action, n, id, typ, props)
		return nil
	}
	data := ""
	if props != nil {
		b, err := json.Marshal(props)
		if err != nil {
			return err
		}
		data = string(b)
	}
	w.add(leaf{Leaf: journal.Leaf{Item: [16]byte(id), Action: string(action), Type: typ, Props: props}, item: n, data: data})
	return nil
}

// manage adds a leaf for an action that is about no item.
func (w *Writer) manage(action locket.Action, props map[string]any) error {
	return w.note(action, 0, make([]byte, 16), "", props)
}

// saw notes that an item was shown though nothing of it was changed.
func (w *Writer) saw(r *itemRow) { w.read = append(w.read, uuidText(r.id)) }

// now is the wall time of the transaction.
func (w *Writer) now() time.Time { return w.hlc.Time() }
