package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/locketpod/locket"
)

// Link adds an edge between two living items. An edge that is there stays.
func (w *Writer) Link(e locket.Edge) error {
	return w.edge(locket.ActionLink, e,
		`INSERT INTO edges(source, name, target) VALUES(?, ?, ?) ON CONFLICT DO NOTHING`)
}

// Unlink removes an edge. Removing one that is not there does nothing.
func (w *Writer) Unlink(e locket.Edge) error {
	return w.edge(locket.ActionUnlink, e,
		`DELETE FROM edges WHERE source = ? AND name = ? AND target = ?`)
}

func (w *Writer) edge(a locket.Action, e locket.Edge, query string) error {
	if err := w.v.may(locket.MayLink); err != nil {
		return err
	}
	if !nameForm.MatchString(e.Name) {
		return locket.Errorf(locket.CodeInvalid, "%q is not an edge name; use letters, digits and _, beginning with a letter", clip(e.Name, 60))
	}
	source, err := w.row(e.Source)
	if err != nil {
		return err
	}
	target, err := w.row(e.Target)
	if err != nil {
		return err
	}
	if source.deleted > 0 || target.deleted > 0 {
		return notFound("item")
	}
	if err := w.mayTouch(locket.MayLink, source); err != nil {
		return err
	}
	n, err := w.affected(query, source.n, e.Name, target.n)
	if err != nil || n == 0 {
		return err
	}
	return w.note(a, source.n, source.id, "", map[string]any{"name": e.Name, "target": string(e.Target)})
}

// Find returns the item with an external key; ok is false if there is none.
func (w *Writer) Find(key string) (id locket.ItemID, ok bool, err error) {
	if err := w.v.may(locket.MayRead); err != nil {
		return "", false, err
	}
	f := w.v.visible("i", locket.MayRead)
	var b []byte
	err = w.queryRow(`SELECT i.id FROM keys k JOIN items i ON i.n = k.item WHERE k.key = ? AND `+f.sql,
		append([]any{w.v.key(key)}, f.args...)...).Scan(&b)
	if locket.CodeOf(failure("", err)) == locket.CodeNotFound {
		return "", false, nil
	}
	return locket.ItemID(uuidText(b)), err == nil, err
}

// key is an external key as it is stored. Principals with bounds have keys of their
// own: that one is taken must not tell them of an item that they can't see.
func (v *View) key(key string) string {
	if v.unbounded(locket.MayRead) {
		return key
	}
	return uuidText(v.who.id) + " " + key
}

// insertKey gives row n a key that Find does not find. If it is taken all the same, its
// item has left what the principal can see, and the key goes over.
func (w *Writer) insertKey(key string, n int64) error {
	return w.exec(`INSERT INTO keys(key, item) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET item = excluded.item`, w.v.key(key), n)
}

// SetKey gives an item one more external key. A key that another item has is
// refused with CodeExists.
func (w *Writer) SetKey(key string, id locket.ItemID) error {
	if err := w.v.may(locket.MayUpdate); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	r, err := w.row(id)
	if err != nil {
		return err
	}
	owner, ok, err := w.Find(key)
	switch {
	case err != nil:
		return err
	case ok && owner != id:
		return locket.Errorf(locket.CodeExists, "another item has this external key already")
	case ok:
		return nil
	}
	return w.insertKey(key, r.n)
}

const maxKey = 1024

func checkKey(k string) error {
	if k == "" || len(k) > maxKey {
		return locket.Errorf(locket.CodeInvalid, "an external key is 1 to %d bytes long", maxKey)
	}
	return nil
}

// Directions of Edges.
const (
	Out  = "out"  // the item is the source
	In   = "in"   // the item is the target
	Both = "both" // either
)

// Edges lists the living items linked with one, out- and ingoing, ordered by
// direction, edge name and age. name "" means all names.
func (v *View) Edges(ctx context.Context, id locket.ItemID, dir, name string, limit int, cursor string) (locket.Page[locket.Linked], error) {
	var page locket.Page[locket.Linked]
	if err := v.may(locket.MayRead); err != nil {
		return page, err
	}
	if dir == "" {
		dir = Both
	}
	if dir != Out && dir != In && dir != Both {
		return page, locket.Errorf(locket.CodeInvalid, "direction %q: use out, in or both", clip(dir, 20))
	}
	limit, err := limitOf(limit, 100, 1000)
	if err != nil {
		return page, err
	}
	var at edgeCursor
	if err := v.decodeCursor(cursor, &at); err != nil {
		return page, err
	}
	b, err := itemID(id)
	if err != nil {
		return page, err
	}
	if _, err := v.catalog(ctx); err != nil {
		return page, err
	}
	f := v.visible("i", locket.MayRead)
	args := slices.Concat([]any{b}, f.args, []any{dir, dir, name, name, at.Dir, at.Name, at.N}, f.args, []any{limit + 1})
	rows, err := v.s.db.QueryContext(ctx, edgesQuery(f.sql), args...)
	if err != nil {
		return page, failure("read edges", err)
	}
	defer rows.Close()
	if page, err = v.linkedPage(ctx, rows, id, limit); err == nil && len(page.Items) == 0 {
		err = v.exists(ctx, id)
	}
	if err == nil {
		err = sawItems(ctx, v, locket.ActionRead, page.Items, func(l locket.Linked) locket.ItemID { return l.Item.ID })
	}
	return page, failure("read edges", err)
}

// linkedPage reads the rows of edgesQuery for the item id.
func (v *View) linkedPage(ctx context.Context, rows *sql.Rows, id locket.ItemID, limit int) (page locket.Page[locket.Linked], err error) {
	var at edgeCursor
	for rows.Next() {
		var next edgeCursor
		r, err := scanItem(rows, &next.Dir, &next.Name)
		if err != nil {
			return page, err
		}
		if len(page.Items) == limit {
			page.Next = v.encodeCursor(at)
			break
		}
		it, err := v.item(ctx, r, v.full)
		if err != nil {
			return page, err
		}
		l := locket.Linked{Edge: locket.Edge{Source: id, Name: next.Name, Target: it.ID}, Item: it}
		if next.Dir == In {
			l.Edge.Source, l.Edge.Target = it.ID, id
		}
		page.Items = append(page.Items, l)
		next.N = r.n
		at = next
	}
	return page, rows.Err()
}

// exists says CodeNotFound for an item that is not there for the principal.
func (v *View) exists(ctx context.Context, id locket.ItemID) error {
	there, err := v.sees(ctx, v.s.db, id)
	if err == nil && !there {
		err = notFound("item")
	}
	return err
}

type edgeCursor struct {
	Dir, Name string
	N         int64
}

// edgesQuery walks edges by its primary key and by edges_target. visible is what both
// ends must fulfil, as items AS i. Parameters: id, those of visible, direction twice,
// name twice, the three parts of the cursor, those of visible, limit.
func edgesQuery(visible string) string {
	return `WITH me AS (SELECT i.n FROM items i WHERE i.id = ? AND ` + visible + `),
ends(dir, name, n) AS (
	SELECT 'out', name, target FROM edges WHERE source = (SELECT n FROM me) AND ? IN ('out', 'both')
	UNION ALL
	SELECT 'in', name, source FROM edges WHERE target = (SELECT n FROM me) AND ? IN ('in', 'both')
)
SELECT ` + itemColumns + `, e.dir, e.name FROM ends e JOIN items i ON i.n = e.n
WHERE i.deleted = 0 AND (? = '' OR e.name = ?) AND (e.dir, e.name, e.n) > (?, ?, ?) AND ` + visible + `
ORDER BY e.dir, e.name, e.n LIMIT ?`
}
