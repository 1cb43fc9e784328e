package store

import (
	"context"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
	"github.com/locketpod/locket/internal/portable"
)

// An Export is one state of the pod as far as a principal may read and export it. It
// is for one goroutine and valid until the function it was handed to returns.
type Export struct {
	v     *View
	q     *snapshot
	whole bool              // without bounds
	query string            // what selected the items; "": nothing did
	only  map[[16]byte]bool // the items that were selected
	n     int64             // entries of the journal
	ids   []string          // items given out, where reads are recorded
	count int64             // of them
}

// Export runs fn over the state of now, however long that takes; what is written
// meanwhile grows the write-ahead log. query, in the language of searches, selects
// items; "" selects all, deleted ones too.
func (v *View) Export(ctx context.Context, query string, fn func(*Export) error) error {
	if err := v.MayExportItems(); err != nil {
		return err
	}
	if _, err := v.catalog(ctx); err != nil {
		return err
	}
	x := &Export{v: v, query: query, whole: v.unbounded(locket.MayRead) && v.unbounded(locket.MayExport)}
	if query != "" {
		if err := x.selectItems(ctx); err != nil {
			return err
		}
	}
	return v.s.snapshot(ctx, func(q *snapshot) error {
		x.q = q
		if err := q.conn.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM changes`).Scan(&x.n); err != nil {
			return err
		}
		return fn(x)
	})
}

// MayExportItems refuses whom Export refuses, while that can still be the answer.
func (v *View) MayExportItems() error {
	if err := v.may(locket.MayRead); err != nil {
		return err
	}
	return v.may(locket.MayExport)
}

func (x *Export) selectItems(ctx context.Context) error {
	x.only = make(map[[16]byte]bool)
	for cursor := ""; ; {
		page, err := x.v.Search(ctx, locket.Search{Text: x.query, Order: "oldest", Limit: 200, Cursor: cursor})
		if err != nil {
			return err
		}
		for _, hit := range page.Items {
			id, _ := locket.ParseUUID(string(hit.Item.ID))
			x.only[id] = true
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// Header says what the export is of.
func (x *Export) Header(ctx context.Context) (portable.Header, error) {
	h := portable.Header{Pod: x.q.s.pod, Time: x.v.s.now().UTC(), Query: x.query, Complete: x.whole && x.query == "", History: x.whole}
	var err error
	if x.v.seesJournal() {
		h.Checkpoint, err = x.q.s.checkpoint(ctx, x.n)
	}
	return h, err
}

// Types are those that the owner added, and what was added to built-in ones, as far as
// the principal may know of them.
func (x *Export) Types() []locket.Type {
	var out []locket.Type
	known := x.v.types
	if x.whole {
		known = x.q.types
	}
	for _, t := range known.all() {
		was := builtin()[t.Name]
		if was == nil {
			out = append(out, t)
			continue
		}
		t.TimeProperty = ""
		t.Properties = slices.DeleteFunc(slices.Clone(t.Properties), func(p locket.Property) bool {
			_, known := was.Property(p.Name)
			return known
		})
		if len(t.Properties) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// Principals are for information: who the authors of changes are.
func (x *Export) Principals() []locket.Principal {
	if !x.v.seesJournal() {
		return nil
	}
	var out []locket.Principal
	for _, n := range x.q.numbers() {
		out = append(out, x.q.authors[n].row.principal)
	}
	return out
}

// may says whether an item is in the export.
func (x *Export) may(r *itemRow, f policy.Facts) bool {
	if x.only != nil && !x.only[[16]byte(r.id)] {
		return false
	}
	return x.whole || x.v.access.Permits(locket.MayRead, f) && x.v.access.Permits(locket.MayExport, f)
}

// item is what the export has of a row; ok is false if that is nothing.
func (x *Export) item(ctx context.Context, r *itemRow) (it locket.Item, ok bool, err error) {
	t, err := x.q.types.get(r.typ)
	if err != nil {
		return it, false, err
	}
	props, err := decodeStored(t, r.props)
	if err != nil {
		return it, false, err
	}
	f := r.facts(props)
	if !x.may(r, f) {
		return it, false, nil
	}
	if it, err = x.v.item(ctx, r, x.q.types); err != nil || x.whole {
		return it, err == nil, err
	}
	may := x.v.access.Properties(locket.MayExport, f)
	for name := range it.Props {
		if !may.Has(name) {
			delete(it.Props, name)
		}
	}
	return it, true, nil
}

// Item reads one item again, which Items has given out.
func (x *Export) Item(ctx context.Context, id locket.ItemID) (locket.Item, error) {
	b, err := itemID(id)
	if err != nil {
		return locket.Item{}, err
	}
	r, err := scanItem(x.q.conn.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items i WHERE i.id = ?`, b))
	if err != nil {
		return locket.Item{}, itemFailure(err)
	}
	it, ok, err := x.item(ctx, r)
	if err == nil && !ok {
		err = notFound("item")
	}
	return it, err
}

// OpenBlob returns the content of a blob that Items has given out. CodeNotFound if it
// was erased since the export began.
func (x *Export) OpenBlob(ctx context.Context, id locket.BlobID) (Blob, error) {
	return x.v.openBlob(ctx, id)
}

// exportChunk is how many ids stand in one entry of the journal.
const exportChunk = 2000

// Record puts into the journal that what Items has given out is being exported: for
// the owner, too, how much, and for those whose reads are recorded which items. It is
// called before anything goes out.
func (x *Export) Record(ctx context.Context, op string) error {
	for first := true; first || len(x.ids) > 0; first = false {
		chunk := x.ids[:min(exportChunk, len(x.ids))]
		x.ids = x.ids[len(chunk):]
		props := map[string]any{"op": op, "asked": clip(x.query, maxAsked), "count": x.count, "ids": texts(chunk)}
		if err := x.v.record(ctx, locket.ActionRead, props); err != nil {
			return err
		}
	}
	return nil
}
