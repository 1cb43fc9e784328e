package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"github.com/locketpod/locket"
)

// maxCandidates is how many items one search of a principal with bounds looks at, in
// the order that was asked for, the newest first if by relevance.
const maxCandidates = 1000

// apartIndex is an index like search, in memory, of one connection, for one search.
const apartIndex = `CREATE VIRTUAL TABLE IF NOT EXISTS temp.apart USING fts5(
	title, body, sender, recipient, folder, content = '', tokenize = 'porter unicode61 remove_diacritics 2')`

// apart searches for a principal who may not see everything. The pod's index knows
// the words of hidden properties, and its ranks depend on items that are hidden. So it
// only proposes candidates, of which what may be seen is indexed apart; that index
// decides what matches, and how well. Nothing in the answer depends on what is hidden.
func (f *finding) apart(ctx context.Context, limit int, cursor string) (page locket.Page[locket.Hit], err error) {
	conn, err := f.v.s.db.Conn(ctx)
	if err != nil {
		return page, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, apartIndex); err != nil {
		return page, err
	}
	a := &apart{finding: f, conn: conn}
	defer func() { err = errors.Join(err, a.forget(context.WithoutCancel(ctx))) }()
	found, err := a.find(ctx)
	if err != nil {
		return page, err
	}
	from, err := f.placeAfter(found, cursor)
	if err != nil {
		return page, err
	}
	for i, n := range found[from:] {
		if i == limit {
			page.Next = f.v.encodeCursor(findCursor{Order: f.order, N: found[from+i-1], Time: int64(from + i)})
			break
		}
		r, err := scanItem(conn.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items i WHERE i.n = ?`, n))
		if err != nil {
			return page, err
		}
		h, err := f.hit(ctx, r)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, h)
	}
	return page, nil
}

// placeAfter is where a list goes on after the hit of a cursor, whose Time is the
// place that the hit had.
func (f *finding) placeAfter(found []int64, cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	var at findCursor
	if err := f.v.decodeCursor(cursor, &at); err != nil {
		return 0, err
	}
	if at.Order != f.order {
		return 0, locket.Errorf(locket.CodeInvalid, "the cursor belongs to another search; begin again without it")
	}
	if i := slices.Index(found, at.N); i >= 0 {
		return i + 1, nil
	}
	return int(min(max(at.Time, 0), int64(len(found)))), nil
}

type apart struct {
	*finding
	conn *sql.Conn
}

// find returns the numbers of the items that match, in order.
func (a *apart) find(ctx context.Context) ([]int64, error) {
	if _, err := a.conn.ExecContext(ctx, `INSERT INTO apart(apart, rank) VALUES('rank', 'bm25(8.0, 1.0, 3.0, 2.0, 0.5)')`); err != nil {
		return nil, err
	}
	query, args := a.proposed()
	indexed, err := a.index(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	left := slices.Clone(indexed)
	for _, e := range a.exclude {
		out, err := numbers(ctx, a.conn, `SELECT rowid FROM apart WHERE apart MATCH ?`, e)
		if err != nil {
			return nil, err
		}
		left = slices.DeleteFunc(left, func(n int64) bool { return slices.Contains(out, n) })
	}
	if len(a.match) == 0 {
		return left, nil
	}
	matching, err := numbers(ctx, a.conn, `SELECT rowid FROM apart WHERE apart MATCH ?`, a.expression())
	if err != nil {
		return nil, err
	}
	left = slices.DeleteFunc(left, func(n int64) bool { return !slices.Contains(matching, n) })
	if a.order != "relevance" {
		return left, nil
	}
	return a.ranked(ctx, left, len(left) < len(indexed))
}

// ranked sorts numbers by relevance. Ranks depend on all that the index holds: it is
// made again if it holds more, since some of that was proposed for hidden words.
func (a *apart) ranked(ctx context.Context, ns []int64, more bool) ([]int64, error) {
	if more {
		list, err := json.Marshal(ns)
		if err != nil {
			return nil, err
		}
		if err := a.forget(ctx); err != nil {
			return nil, err
		}
		_, err = a.index(ctx, `SELECT `+itemColumns+`, NULL FROM json_each(?) list CROSS JOIN items i ON i.n = list.value`, string(list))
		if err != nil {
			return nil, err
		}
	}
	return numbers(ctx, a.conn, `SELECT rowid FROM apart WHERE apart MATCH ? ORDER BY rank, rowid`, a.expression())
}

// index indexes what may be seen of the items that a statement gives, and returns their
// numbers.
func (a *apart) index(ctx context.Context, query string, args ...any) ([]int64, error) {
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	index, err := a.conn.PrepareContext(ctx, `INSERT INTO apart(rowid, title, body, sender, recipient, folder) VALUES(?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return nil, err
	}
	defer index.Close()
	var ns []int64
	for rows.Next() {
		r, err := scanItem(rows, new(any))
		if err != nil {
			return nil, err
		}
		x, err := a.v.searchable(r)
		if err != nil {
			return nil, err
		}
		ns = append(ns, r.n)
		if x.empty() {
			continue
		}
		if _, err := index.ExecContext(ctx, r.n, x.title, x.body, x.sender, x.recipient, x.folder); err != nil {
			return nil, err
		}
	}
	return ns, rows.Err()
}

// proposed is the statement for the items that may be found and could match. With words
// to look for it begins with the pod's index: what matches is mostly few.
func (a *apart) proposed() (string, []any) {
	searched := func(typ string) filter { return a.v.visibleOf("i", typ, locket.MaySearch) }
	if len(a.match) == 0 {
		l := listing{v: a.v, types: a.among, key: a.v.timeColumn, desc: a.order != "oldest", tests: append(slices.Clip(a.tests), searched)}
		return l.sql(maxCandidates)
	}
	key, args := "CASE i.type", []any(nil)
	var types []filter
	for _, t := range a.among {
		visible := []filter{{sql: "i.type = '" + t + "'"}, a.v.visibleOf("i", t, locket.MayRead), searched(t)}
		for _, test := range a.tests {
			visible = append(visible, test(t))
		}
		types = append(types, allOf(visible...))
		time := a.v.timeColumn(t)
		key += " WHEN '" + t + "' THEN " + time.sql
		args = append(args, time.args...)
	}
	where := anyOf(types...)
	dir := map[bool]string{false: "DESC", true: "ASC"}[a.order == "oldest"]
	return `SELECT ` + itemColumns + `, ` + key + ` END AS key FROM search s CROSS JOIN items i ON i.n = s.rowid
		WHERE search MATCH ? AND i.deleted = 0 AND ` + where.sql + ` ORDER BY key ` + dir + `, i.n ` + dir + ` LIMIT ?`,
		slices.Concat(args, []any{a.expression()}, where.args, []any{maxCandidates})
}

// searchable is the terms of a row in what the principal may both see and search.
func (v *View) searchable(r *itemRow) (terms, error) {
	t, err := v.full.get(r.typ)
	if err != nil {
		return terms{}, err
	}
	props, err := decodeStored(t, r.props)
	if err != nil {
		return terms{}, err
	}
	facts := r.facts(props)
	see, search := v.access.Properties(locket.MayRead, facts), v.access.Properties(locket.MaySearch, facts)
	cut := make(map[string]any, len(props))
	for name, value := range props {
		if see.Has(name) && search.Has(name) {
			cut[name] = value
		}
	}
	return termsOf(t, cut), nil
}

// forget empties the index, for the next search on this connection.
func (a *apart) forget(ctx context.Context) error {
	_, err := a.conn.ExecContext(ctx, `INSERT INTO apart(apart) VALUES('delete-all')`)
	return err
}
