package store

import (
	"context"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

// Search finds living items by words. The most relevant come first, or the
// newest or oldest by the item's own time. Texts without a word to look for list
// what their filters leave, newest first.
func (v *View) Search(ctx context.Context, q locket.Search) (locket.Page[locket.Hit], error) {
	var page locket.Page[locket.Hit]
	if err := v.may(locket.MaySearch); err != nil {
		return page, err
	}
	c, err := v.catalog(ctx)
	if err != nil {
		return page, err
	}
	limit, err := limitOf(q.Limit, 20, 200)
	if err != nil {
		return page, err
	}
	f := &finding{v: v, words: parseWords(q.Text), order: q.Order}
	if err := f.prepare(c); err != nil {
		return page, err
	}
	switch {
	case len(f.among) == 0:
	case v.unbounded(locket.MayRead) && v.unbounded(locket.MaySearch):
		page, err = f.direct(ctx, limit, q.Cursor)
	default:
		page, err = f.apart(ctx, limit, q.Cursor)
	}
	if err != nil {
		return page, failure("search", err)
	}
	return page, sawItems(ctx, v, locket.ActionSearch, page.Items, func(h locket.Hit) locket.ItemID { return h.Item.ID })
}

// direct searches for who may see everything.
func (f *finding) direct(ctx context.Context, limit int, cursor string) (page locket.Page[locket.Hit], err error) {
	if err := f.afterCursor(cursor); err != nil {
		return page, err
	}
	for _, e := range f.exclude {
		f.test("i.n NOT IN (SELECT rowid FROM search WHERE search MATCH ?)", e)
	}
	query, args := f.sql(limit + 1)
	rows, err := f.v.s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return page, err
	}
	defer rows.Close()
	at := findCursor{Order: f.order}
	var key []any // what a listing gives beside the item
	if len(f.match) == 0 {
		key = append(key, new(any))
	}
	for rows.Next() {
		r, err := scanItem(rows, key...)
		if err != nil {
			return page, err
		}
		if len(page.Items) == limit {
			page.Next = f.v.encodeCursor(at)
			break
		}
		h, err := f.hit(ctx, r)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, h)
		at.N, at.Time = r.n, r.time
	}
	return page, rows.Err()
}

// A findCursor is the place after a hit. It has no rank: reading the ranks of a page
// costs as much as finding it, so the next page ranks its last hit again.
type findCursor struct {
	Order string
	Time  int64
	N     int64
}

// A finding is a search on its way to SQL.
type finding struct {
	v *View
	words
	order string   // relevance, newest or oldest
	among []string // the types that are looked through
	tests []part
}

func (f *finding) prepare(c catalog) error {
	switch f.order {
	case "", "relevance":
		f.order = "relevance"
		if len(f.match) == 0 {
			f.order = "newest"
		}
	case "newest", "oldest":
	default:
		return locket.Errorf(locket.CodeInvalid, "order %q: use relevance, newest or oldest", clip(f.order, 20))
	}
	f.filterTypes(c)
	for _, name := range f.has {
		f.filterHas(name, "")
	}
	for _, name := range f.notHas {
		f.filterHas(name, "NOT ")
	}
	if f.after != 0 {
		f.tests = append(f.tests, wrapped("", f.v.timeColumn, " >= ?", f.after))
	}
	if f.before != 0 {
		f.tests = append(f.tests, wrapped("", f.v.timeColumn, " < ?", f.before))
	}
	trust, err := trustTest(f.trust)
	f.tests = append(f.tests, trust...)
	return err
}

func (f *finding) test(sql string, args ...any) { f.tests = append(f.tests, fixed(sql, args...)) }

// filterTypes understands type names without regard to case, and plurals. A
// name that is none leaves nothing.
func (f *finding) filterTypes(c catalog) {
	for _, t := range c.names() {
		named := func(n string) bool {
			return strings.EqualFold(t, n) || strings.EqualFold(t+"s", n) || t == "Person" && strings.EqualFold(n, "people")
		}
		if (len(f.types) == 0 || slices.ContainsFunc(f.types, named)) && !slices.ContainsFunc(f.notType, named) {
			f.among = append(f.among, t)
		}
	}
}

// filterHas asks for an edge or a property of a name; "file" and "blob" mean
// content, "attachment" and "link" what people call so.
func (f *finding) filterHas(name, not string) {
	switch strings.ToLower(name) {
	case "file", "content":
		name = "blob"
	case "attachments":
		name = "attachment"
	case "link":
		name = "url"
	case "tag", "tags":
		name = "keywords"
	}
	if !nameForm.MatchString(name) {
		f.test(not + "FALSE")
		return
	}
	other := f.v.visible("o", locket.MayRead)
	linked := filter{"EXISTS (SELECT 1 FROM edges e WHERE e.source = i.n AND e.name = ?)", []any{name}}
	if other.sql != always {
		linked = filter{
			"EXISTS (SELECT 1 FROM edges e JOIN items o ON o.n = e.target WHERE e.source = i.n AND e.name = ? AND " + other.sql + ")",
			append([]any{name}, other.args...),
		}
	}
	f.tests = append(f.tests, func(typ string) filter {
		has := anyOf(f.v.has(typ, name), linked)
		return filter{not + has.sql, has.args}
	})
}

// afterCursor goes on after a hit.
func (f *finding) afterCursor(cursor string) error {
	if cursor == "" {
		return nil
	}
	at := findCursor{}
	if err := f.v.decodeCursor(cursor, &at); err != nil {
		return err
	}
	if at.Order != f.order {
		return locket.Errorf(locket.CodeInvalid, "the cursor belongs to another search; begin again without it")
	}
	switch f.order {
	case "relevance":
		f.test("(s.rank, i.n) > ((SELECT rank FROM search WHERE search MATCH ? AND rowid = ?), ?)", f.expression(), at.N, at.N)
	case "newest":
		f.test("(i.time, i.n) < (?, ?)", at.Time, at.N)
	case "oldest":
		f.test("(i.time, i.n) > (?, ?)", at.Time, at.N)
	}
	return nil
}

// sql returns the statement and its arguments. Every part is a constant of this
// file or a checked name.
func (f *finding) sql(limit int) (string, []any) {
	if len(f.match) == 0 {
		l := listing{v: f.v, types: f.among, key: f.v.timeColumn, desc: f.order == "newest", tests: f.tests}
		return l.sql(limit)
	}
	if len(f.types)+len(f.notType) > 0 {
		f.test("i.type IN ('" + strings.Join(f.among, "', '") + "')")
	}
	if f.order == "relevance" && len(f.tests) == 0 {
		// The index sorts by itself and gives no more rows than asked for; CROSS JOIN
		// keeps their order.
		return `SELECT ` + itemColumns + ` FROM (SELECT rowid FROM search WHERE search MATCH ? ORDER BY rank LIMIT ?) s
			CROSS JOIN items i ON i.n = s.rowid`, []any{f.expression(), limit}
	}
	order := map[string]string{"relevance": "s.rank, i.n", "newest": "i.time DESC, i.n DESC", "oldest": "i.time, i.n"}[f.order]
	tests := []filter{{"search MATCH ?", []any{f.expression()}}, {sql: "i.deleted = 0"}}
	for _, t := range f.tests {
		tests = append(tests, t("")) // nothing here depends on the type
	}
	where := allOf(tests...)
	return `SELECT ` + itemColumns + ` FROM search s JOIN items i ON i.n = s.rowid
		WHERE ` + where.sql + ` ORDER BY ` + order + ` LIMIT ?`, append(where.args, limit)
}

// hit is an item that was found. Its text of before and after the match is from what
// may be seen of it.
func (f *finding) hit(ctx context.Context, r *itemRow) (locket.Hit, error) {
	it, err := f.v.item(ctx, r, f.v.full)
	if err != nil {
		return locket.Hit{}, err
	}
	return locket.Hit{Item: it, Snippet: snippet(f.v.full[r.typ], it, f.show)}, nil
}
