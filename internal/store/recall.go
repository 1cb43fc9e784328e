package store

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// What recall stands on. None of these methods but [View.Used] notes in the journal what
// it read: they propose more than is handed out. Who hands items out gives their ids
// to Used.

// A Found is an item that was proposed for recall.
type Found struct {
	Item       locket.Item
	Uses       int64     // how often it was used
	LastUse    time.Time // zero: never
	Similarity float64   // by [View.Nearest] only: the cosine, at most 1

	n int64
}

// Bounds on one look.
const (
	maxCounted = 100_000
	maxFound   = 1000
	maxExprs   = 256
	ranked     = 3000 // matches that are ranked
	// recent is how many matches, the latest created, are at least put into the order of
	// time for a principal with bounds.
	recent = 400
)

// TermCounts tells for each expression how many items match it, counting no further than
// most, and how many items there are, counting no further than ten times as far. Of the
// filter the types alone are regarded: the rest says what is wanted, not how frequent a
// word is.
//
// For who may see everything the numbers are of the search index, of all types, and
// total is an estimate from above. For others they are exact, and of what may be seen.
func (v *View) TermCounts(ctx context.Context, f MemoryFilter, exprs []Expr, most int) (counts []int, total int, err error) {
	if most, err = limitOf(most, 1000, maxCounted); err != nil {
		return nil, 0, err
	}
	if len(exprs) > maxExprs {
		return nil, 0, locket.Errorf(locket.CodeTooLarge, "at most %d expressions are counted at once", maxExprs)
	}
	m, err := v.memories(ctx, MemoryFilter{Types: f.Types, Expired: true})
	if err != nil {
		return nil, 0, err
	}
	counts = make([]int, len(exprs))
	for i, e := range exprs {
		if counts[i], err = m.count(ctx, e, most); err != nil {
			return nil, 0, failure("count", err)
		}
	}
	total, err = m.total(ctx, 10*most)
	return counts, total, failure("count", err)
}

func (m *memories) count(ctx context.Context, e Expr, most int) (n int, err error) {
	switch {
	case e.Zero():
		return 0, nil
	case m.whole:
		err = m.v.s.db.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ? LIMIT ?)`, e.fts, most).Scan(&n)
		return n, err
	}
	where := m.seen(slices.Concat(m.right, m.apart))
	if m.exact {
		where = filter{sql: always}
	}
	ns, err := m.match(ctx, e, where, most)
	return len(ns), err
}

func (m *memories) total(ctx context.Context, most int) (n int, err error) {
	if m.whole {
		err = m.v.s.db.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM items`).Scan(&n)
		return n, err
	}
	if m.exact {
		return min(m.in.size, most), nil
	}
	for _, t := range slices.Concat(m.right, m.apart) {
		var more int
		query, args := m.each(t, "SELECT 1", m.visible(t), most-n)
		if err := m.v.s.db.QueryRowContext(ctx, `SELECT count(*) FROM (`+query+`)`, args...).Scan(&more); err != nil {
			return 0, err
		}
		n += more
	}
	return n, nil
}

// each is the statement for living items of a type for which where is true.
func (m *memories) each(typ, selected string, where filter, most int) (string, []any) {
	return selected + ` FROM items i WHERE i.deleted = 0 AND i.type = '` + typ + `' AND ` + where.sql + ` LIMIT ?`, append(slices.Clip(where.args), most)
}

// Matching returns items that match an expression: the most relevant first for who may
// see everything, and else the newest of the latest created, by their own times. What is
// hidden from the principal changes nothing in the answer.
func (v *View) Matching(ctx context.Context, f MemoryFilter, e Expr, limit int) ([]Found, error) {
	limit, err := limitOf(limit, 100, maxFound)
	if err != nil {
		return nil, err
	}
	m, err := v.memories(ctx, f)
	if err != nil || e.Zero() {
		return nil, err
	}
	var found []Found
	if m.whole {
		found, err = m.best(ctx, e, limit)
	} else {
		found, err = m.newest(ctx, e, limit)
	}
	return found, failure("recall", err)
}

// best is Matching for who may see everything. To rank a match costs as much as to read
// its item, so that where many match the latest created stand for all.
func (m *memories) best(ctx context.Context, e Expr, limit int) ([]Found, error) {
	ns, err := m.match(ctx, e, filter{sql: always}, ranked+1)
	if err != nil {
		return nil, err
	}
	switch {
	case m.f.AnyOrder && len(ns) <= limit:
	case len(ns) > ranked:
		if ns, err = m.match(ctx, e, m.where(m.right), limit); err != nil {
			return nil, err
		}
	case m.in == nil:
		ns, err = numbers(ctx, m.v.s.db, `SELECT rowid FROM search WHERE search MATCH ? ORDER BY rank`, e.fts)
	default:
		// Its own order would have the index rank what is not in the list, too.
		list, err := json.Marshal(ns)
		if err != nil {
			return nil, err
		}
		ns, err = numbers(ctx, m.v.s.db, `SELECT rowid FROM search WHERE search MATCH ? AND +rowid IN (SELECT value FROM json_each(?)) ORDER BY +rank`, e.fts, string(list))
		if err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	return m.load(ctx, ns, limit)
}

// newest is Matching for who may not. The index gives the latest created at once.
func (m *memories) newest(ctx context.Context, e Expr, limit int) ([]Found, error) {
	ns, err := m.match(ctx, e, m.where(slices.Concat(m.right, m.apart)), max(recent, 2*limit))
	if err != nil {
		return nil, err
	}
	if ns, err = m.byTime(ctx, ns, limit); err != nil {
		return nil, err
	}
	return m.load(ctx, ns, limit)
}

// byTime gives the newest of items, by the times that the principal sees.
func (m *memories) byTime(ctx context.Context, ns []int64, limit int) ([]int64, error) {
	list, err := json.Marshal(ns)
	if err != nil || len(ns) == 0 {
		return nil, err
	}
	key, args := "CASE i.type", []any(nil)
	for _, t := range slices.Concat(m.right, m.apart) {
		time := m.v.timeColumn(t)
		key += " WHEN '" + t + "' THEN " + time.sql
		args = append(args, time.args...)
	}
	return numbers(ctx, m.v.s.db, `SELECT i.n FROM json_each(?) list CROSS JOIN items i ON i.n = list.value ORDER BY `+key+` END DESC, i.n DESC LIMIT ?`,
		slices.Concat([]any{string(list)}, args, []any{limit})...)
}

// load reads the first of ns that pass, in their order.
func (m *memories) load(ctx context.Context, ns []int64, limit int) ([]Found, error) {
	list, err := json.Marshal(ns)
	if err != nil || len(ns) == 0 {
		return nil, err
	}
	where := m.where(slices.Concat(m.right, m.apart))
	rows, err := m.v.s.db.QueryContext(ctx, `SELECT `+itemColumns+`, coalesce(rc.uses, 0), coalesce(rc.last, 0)
		FROM json_each(?) list CROSS JOIN items i ON i.n = list.value LEFT JOIN recalls rc ON rc.item = i.n
		WHERE i.deleted = 0 AND `+where.sql+` LIMIT ?`, slices.Concat([]any{string(list)}, where.args, []any{limit})...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Found
	for rows.Next() {
		var x Found
		var last int64
		r, err := scanItem(rows, &x.Uses, &last)
		if err != nil {
			return nil, err
		}
		if x.Item, err = m.v.item(ctx, r, m.v.full); err != nil {
			return nil, err
		}
		x.n = r.n
		if last > 0 {
			x.LastUse = fromMicros(last)
		}
		found = append(found, x)
	}
	return found, rows.Err()
}

// Around returns what stands next to a place in a thread, in its order: the memories of
// the thread that the principal may read with a lesser and with a greater position, the
// nearest before and after of them.
func (v *View) Around(ctx context.Context, thread string, position int64, before, after int) ([]locket.Item, error) {
	if err := v.may(locket.MayRead); err != nil {
		return nil, err
	}
	if _, err := v.catalog(ctx); err != nil {
		return nil, err
	}
	if before < 0 || after < 0 || before > 100 || after > 100 {
		return nil, locket.Errorf(locket.CodeInvalid, "at most 100 neighbours on each side can be asked for")
	}
	var items []locket.Item
	if before > 0 {
		ahead, err := v.beside(ctx, thread, " < ?", "DESC", position, before)
		if err != nil {
			return nil, err
		}
		slices.Reverse(ahead)
		items = ahead
	}
	if after > 0 {
		behind, err := v.beside(ctx, thread, " > ?", "ASC", position, after)
		if err != nil {
			return nil, err
		}
		items = append(items, behind...)
	}
	return items, nil
}

// besideSQL is the statement for the memories of a thread on one side of a place, the
// nearest first. The index on threads serves it.
func (v *View) besideSQL(thread, side, dir string, position int64, limit int) (string, []any) {
	place, time := v.column("Memory", "position"), v.timeColumn("Memory")
	where := allOf(
		v.visibleOf("i", "Memory", locket.MayRead), v.shows("Memory", "thread"), filter{place.sql + side, append(slices.Clip(place.args), position)},
	)
	query := `SELECT ` + itemColumns + ` FROM items i WHERE i.type = 'Memory' AND i.deleted = 0 AND i.props->>'thread' = ? AND ` + where.sql +
		` ORDER BY ` + strings.Join([]string{place.sql, time.sql, "i.n"}, " "+dir+", ") + " " + dir + ` LIMIT ?`
	return query, slices.Concat([]any{thread}, where.args, place.args, time.args, []any{limit})
}

// beside reads the items of a thread on one side of a place.
func (v *View) beside(ctx context.Context, thread, side, dir string, position int64, limit int) ([]locket.Item, error) {
	query, args := v.besideSQL(thread, side, dir, position, limit)
	rows, err := v.s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, failure("read thread", err)
	}
	defer rows.Close()
	var items []locket.Item
	for rows.Next() {
		r, err := scanItem(rows)
		if err != nil {
			return nil, failure("read thread", err)
		}
		it, err := v.item(ctx, r, v.full)
		if err != nil {
			return nil, failure("read thread", err)
		}
		items = append(items, it)
	}
	return items, failure("read thread", rows.Err())
}
