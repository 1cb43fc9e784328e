package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

const maxConditions = 20

// Query lists items by type and property in a stable order.
func (v *View) Query(ctx context.Context, q locket.Query) (locket.Page[locket.Item], error) {
	var page locket.Page[locket.Item]
	if err := v.may(locket.MayRead); err != nil {
		return page, err
	}
	c, err := v.catalog(ctx)
	if err != nil {
		return page, err
	}
	limit, err := limitOf(q.Limit, 50, 1000)
	if err != nil {
		return page, err
	}
	l, err := v.newListing(c, q)
	if err != nil {
		return page, err
	}
	page, err = l.page(ctx, v.s.db, v.full, limit)
	if err != nil {
		return page, failure("query", err)
	}
	return page, sawItems(ctx, v, locket.ActionRead, page.Items, func(it locket.Item) locket.ItemID { return it.ID })
}

// Query is [View.Query] as the transaction sees the pod. It is for deciding what to
// write, and not recorded: what is shown of its answer is read with [Writer.Get].
func (w *Writer) Query(q locket.Query) (locket.Page[locket.Item], error) {
	var page locket.Page[locket.Item]
	if err := w.v.may(locket.MayRead); err != nil {
		return page, err
	}
	limit, err := limitOf(q.Limit, 50, 1000)
	if err != nil {
		return page, err
	}
	if _, err := w.v.catalog(w.ctx); err != nil {
		return page, err
	}
	l, err := w.v.newListing(w.shown, q)
	if err != nil {
		return page, err
	}
	page, err = l.page(w.ctx, w.conn, w.types, limit)
	return page, failure("query", err)
}

// page reads one page of the list, with all types to read rows with.
func (l *listing) page(ctx context.Context, db querier, full catalog, limit int) (page locket.Page[locket.Item], err error) {
	query, args := l.sql(limit + 1)
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return page, err
	}
	defer rows.Close()
	var at listCursor
	for rows.Next() {
		var next listCursor
		r, err := scanItem(rows, &next.Key)
		if err != nil {
			return page, err
		}
		if len(page.Items) == limit {
			page.Next = l.v.encodeCursor(at)
			break
		}
		it, err := l.v.item(ctx, r, full)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, it)
		at = listCursor{Order: l.order, Key: next.Key, N: r.n}
	}
	return page, rows.Err()
}

// A listCursor is the place after an item: its key in the order, and its number.
type listCursor struct {
	Order string
	Key   any
	N     int64
}

// A part is a piece of a statement about items AS i that depends on their type: what
// may be seen of them does.
type part func(typ string) filter

// fixed is a part that is the same for all types.
func fixed(sql string, args ...any) part {
	return func(string) filter { return filter{sql, args} }
}

// A listing is a checked query on its way to SQL. It reads one index per type, and
// per clause of the policy, in the wanted order and merges them, so that a page costs
// its length and not the size of the pod.
type listing struct {
	v       *View
	types   []string
	deleted bool
	order   string
	key     part // what the order is by
	desc    bool
	tests   []part
}

func (v *View) newListing(c catalog, q locket.Query) (*listing, error) {
	l := &listing{v: v, types: c.names(), deleted: q.Deleted, order: q.Order}
	if q.Type != "" {
		if _, err := c.get(q.Type); err != nil {
			return nil, err
		}
		l.types = []string{q.Type}
	}
	if l.order == "" {
		l.order = "-updated"
	}
	if err := l.orderBy(c, q.Type); err != nil {
		return nil, err
	}
	if len(q.Where) > maxConditions {
		return nil, locket.Errorf(locket.CodeTooLarge, "a query has at most %d conditions", maxConditions)
	}
	for _, cond := range q.Where {
		if err := l.condition(c, q.Type, cond); err != nil {
			return nil, err
		}
	}
	trust, err := trustTest(q.Trust)
	if err != nil {
		return nil, err
	}
	l.tests = append(l.tests, trust...)
	return l, l.after(q.Cursor)
}

// trustTest leaves only items of the levels.
func trustTest(levels []locket.Trust) ([]part, error) {
	if len(levels) == 0 {
		return nil, nil
	}
	args := make([]any, len(levels))
	for i, t := range levels {
		place := trustPlace(t)
		if place < 0 || len(levels) > len(locket.Trusts()) {
			return nil, locket.Errorf(locket.CodeInvalid, "trust %q: levels are owner, device, agent, plugin, peer and import, each at most once", clip(string(t), 20))
		}
		args[i] = place
	}
	return []part{fixed("i.trust IN ("+placeholders(len(args))+")", args...)}, nil
}

func (l *listing) orderBy(c catalog, typ string) error {
	name, desc := strings.CutPrefix(l.order, "-")
	l.desc = desc
	switch name {
	case "updated":
		l.key = fixed("i.updated")
	case "created":
		l.key = fixed("i.n") // numbers are given in order of creation
	case "time":
		l.key = l.v.timeColumn
	default:
		p, err := queryProperty(c, typ, name)
		if err != nil {
			return err
		}
		if p.Many {
			return locket.Errorf(locket.CodeInvalid, "can't order by %s.%s: it is a list", typ, name)
		}
		if err := l.mayTest(c, name); err != nil {
			return err
		}
		l.key = func(typ string) filter { return l.v.column(typ, name) }
		// An item without the property has no place in its order.
		l.tests = append(l.tests, wrapped("", l.key, " IS NOT NULL"))
	}
	return nil
}

// wrapped is p with text round it and arguments after it.
func wrapped(before string, p part, after string, args ...any) part {
	return func(typ string) filter {
		f := p(typ)
		return filter{before + f.sql + after, slices.Concat(f.args, args)}
	}
}

func (l *listing) after(cursor string) error {
	var at struct {
		listCursor
		Key json.RawMessage
	}
	if err := l.v.decodeCursor(cursor, &at); err != nil {
		return err
	}
	if cursor == "" {
		return nil
	}
	key, err := keyOf(at.Key)
	if err != nil || at.Order != l.order {
		return locket.Errorf(locket.CodeInvalid, "the cursor belongs to a list in another order; begin again without it")
	}
	l.tests = append(l.tests, wrapped("(", l.key, ", i.n) "+map[bool]string{false: ">", true: "<"}[l.desc]+" (?, ?)", key, at.N))
	return nil
}

// keyOf reads the key of a cursor. A clock's reading does not fit into a float64.
func keyOf(text json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var key any
	if err := d.Decode(&key); err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case string:
		return key, nil
	case json.Number:
		if i, err := key.Int64(); err == nil {
			return i, nil
		}
		return key.Float64()
	}
	return nil, errors.New("a cursor's key is neither text nor a number")
}

// maxArms bounds the selects of one statement, of which SQLite takes 500.
const maxArms = 400

// sql returns the statement and its arguments. Every part is a constant of this
// package or a name that was checked; values are arguments.
func (l *listing) sql(limit int) (string, []any) {
	dir := map[bool]string{false: "ASC", true: "DESC"}[l.desc]
	var b strings.Builder
	var args []any
	b.WriteString(`SELECT * FROM (`)
	arms := 0
	for i, t := range l.types {
		for _, visible := range l.arms(t, maxArms-arms-(len(l.types)-i)) {
			if arms++; arms > 1 {
				b.WriteString(` UNION ALL `)
			}
			a := l.arm(t, visible)
			b.WriteString(`SELECT * FROM (` + a.sql + ` ORDER BY key ` + dir + `, i.n ` + dir + ` LIMIT ?)`)
			args = append(append(args, a.args...), limit)
		}
	}
	if arms == 0 {
		b.WriteString(`SELECT ` + itemColumns + `, NULL AS key FROM items i WHERE i.n = 0`) // there is none
	}
	b.WriteString(`) ORDER BY key ` + dir + `, n ` + dir + ` LIMIT ?`)
	return b.String(), append(args, limit)
}

// arms returns what is visible of a type as filters of which never two hold: one
// for each clause of the policy, so that an index can serve it, as long as there is
// room for so many.
func (l *listing) arms(typ string, room int) []filter {
	clauses := clauseFilters("i", l.v.access.Clauses(locket.MayRead, typ))
	if len(clauses) == 0 {
		return nil
	}
	if len(clauses) == 1 || len(clauses) > room || len(clauses) > 8 {
		return []filter{anyOf(clauses...)}
	}
	for i := len(clauses) - 1; i > 0; i-- {
		before := anyOf(clauses[:i]...)
		clauses[i] = allOf(clauses[i], filter{"(" + before.sql + ") IS NOT TRUE", before.args})
	}
	return clauses
}

// arm is the select of the visible items of a type.
func (l *listing) arm(typ string, visible filter) filter {
	key := l.key(typ)
	// "deleted = 0" as it stands in the partial indexes, or they are not used. The type
	// as text, too: an index on a property is only for one type.
	tests := []filter{{sql: map[bool]string{false: `i.deleted = 0`, true: `i.deleted > 0`}[l.deleted]}, {sql: `i.type = '` + typ + `'`}}
	if visible.sql != always {
		tests = append(tests, visible)
	}
	for _, t := range l.tests {
		tests = append(tests, t(typ))
	}
	where := allOf(tests...)
	return filter{
		`SELECT ` + itemColumns + `, ` + key.sql + ` AS key FROM items i WHERE ` + where.sql,
		slices.Concat(key.args, where.args),
	}
}
