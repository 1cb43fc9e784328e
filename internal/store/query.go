package store

import (
	"context"
	"strings"

	"github.com/locketpod/locket"
)

const maxConditions = 20

// Query lists items by type and property in a stable order.
func (v *View) Query(ctx context.Context, q locket.Query) (locket.Page[locket.Item], error) {
	var page locket.Page[locket.Item]
	if err := v.may(locket.ActionRead); err != nil {
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
	l, err := newListing(c, q)
	if err != nil {
		return page, err
	}
	query, args := l.sql(limit + 1)
	rows, err := v.s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return page, failure("query", err)
	}
	defer rows.Close()
	var at listCursor
	for rows.Next() {
		var next listCursor
		r, err := scanItem(rows, &next.Key)
		if err != nil {
			return page, failure("query", err)
		}
		if len(page.Items) == limit {
			page.Next = encodeCursor(at)
			break
		}
		it, err := r.item(c)
		if err != nil {
			return page, failure("query", err)
		}
		page.Items = append(page.Items, it)
		at = listCursor{Order: l.order, Key: next.Key, N: r.n}
	}
	return page, failure("query", rows.Err())
}

// A listCursor is the place after an item: its key in the order, and its number.
type listCursor struct {
	Order string
	Key   any
	N     int64
}

// A listing is a checked query on its way to SQL. It reads one index per type in
// the wanted order and merges them, so that a page costs its length and not the
// size of the pod.
type listing struct {
	types   []string
	deleted bool
	order   string
	key     string // SQL expression of the order
	desc    bool
	where   []string
	args    []any
}

func newListing(c catalog, q locket.Query) (*listing, error) {
	l := &listing{types: c.names(), deleted: q.Deleted, order: q.Order}
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
	return l, l.after(q.Cursor)
}

func (l *listing) orderBy(c catalog, typ string) error {
	name, desc := strings.CutPrefix(l.order, "-")
	l.desc = desc
	switch name {
	case "updated":
		l.key = "i.updated"
	case "created":
		l.key = "i.n" // numbers are given in order of creation
	case "time":
		l.key = "i.time"
	default:
		p, err := queryProperty(c, typ, name)
		if err != nil {
			return err
		}
		if p.Many {
			return locket.Errorf(locket.CodeInvalid, "can't order by %s.%s: it is a list", typ, name)
		}
		l.key = "i." + propertyColumn(name)
		// An item without the property has no place in its order.
		l.where = append(l.where, l.key+" IS NOT NULL")
	}
	return nil
}

func (l *listing) after(cursor string) error {
	at := listCursor{Order: l.order}
	if err := decodeCursor(cursor, &at); err != nil {
		return err
	}
	if cursor == "" {
		return nil
	}
	if at.Order != l.order {
		return locket.Errorf(locket.CodeInvalid, "the cursor belongs to a list in another order; begin again without it")
	}
	if f, ok := at.Key.(float64); ok && f == float64(int64(f)) {
		at.Key = int64(f)
	}
	l.where = append(l.where, "("+l.key+", i.n) "+map[bool]string{false: ">", true: "<"}[l.desc]+" (?, ?)")
	l.args = append(l.args, at.Key, at.N)
	return nil
}

// sql returns the statement and its arguments. Every part is a constant of this
// file or a name that was checked; values are arguments.
func (l *listing) sql(limit int) (string, []any) {
	dir := map[bool]string{false: "ASC", true: "DESC"}[l.desc]
	var b strings.Builder
	var args []any
	b.WriteString(`SELECT * FROM (`)
	for i, t := range l.types {
		if i > 0 {
			b.WriteString(` UNION ALL `)
		}
		b.WriteString(`SELECT * FROM (SELECT ` + itemColumns + `, ` + l.key + ` AS key FROM items i WHERE `)
		// "deleted = 0" as it stands in the partial indexes, or they are not used.
		b.WriteString(map[bool]string{false: `i.deleted = 0`, true: `i.deleted > 0`}[l.deleted])
		// The type as text, too: an index on a property is only for one type.
		b.WriteString(` AND i.type = '` + t + `'`)
		for _, w := range l.where {
			b.WriteString(` AND ` + w)
		}
		b.WriteString(` ORDER BY key ` + dir + `, i.n ` + dir + ` LIMIT ?)`)
		args = append(append(args, l.args...), limit)
	}
	b.WriteString(`) ORDER BY key ` + dir + `, n ` + dir + ` LIMIT ?`)
	return b.String(), append(args, limit)
}

// queryProperty finds the declaration that a query without a type may mean, too:
// that of the first type that has the property.
func queryProperty(c catalog, typ, name string) (locket.Property, error) {
	if typ != "" {
		t, err := c.get(typ)
		if err != nil {
			return locket.Property{}, err
		}
		if p, ok := t.Property(name); ok {
			return p, nil
		}
		return locket.Property{}, locket.Errorf(locket.CodeInvalid, "%s has no property %q", typ, clip(name, 60))
	}
	for _, t := range c.names() {
		if p, ok := c[t].Property(name); ok {
			return p, nil
		}
	}
	return locket.Property{}, locket.Errorf(locket.CodeInvalid, "no type has a property %q", clip(name, 60))
}

func (l *listing) condition(c catalog, typ string, cond locket.Condition) error {
	p, err := queryProperty(c, typ, cond.Property)
	if err != nil {
		return err
	}
	col := "i." + propertyColumn(p.Name)
	if cond.Op == locket.OpExists {
		yes, ok := cond.Value.(bool)
		if !ok {
			return locket.Errorf(locket.CodeInvalid, "%s exists: the value is true or false", p.Name)
		}
		l.where = append(l.where, col+map[bool]string{true: " IS NOT NULL", false: " IS NULL"}[yes])
		return nil
	}
	test, args, err := comparison(typ, p, cond)
	if err != nil {
		return err
	}
	if p.Many {
		test = "EXISTS (SELECT 1 FROM json_each(i.props, '$." + p.Name + "') WHERE " + strings.ReplaceAll(test, "?v", "value") + ")"
	} else {
		test = strings.ReplaceAll(test, "?v", col)
	}
	l.where = append(l.where, test)
	l.args = append(l.args, args...)
	return nil
}

// comparison returns a test in which ?v stands for the property's value.
func comparison(typ string, p locket.Property, cond locket.Condition) (string, []any, error) {
	one := p
	one.Many = false
	value := func(v any) (any, error) {
		if v == nil {
			return nil, mismatch(typ, one, v)
		}
		return coerce(typ, one, v)
	}
	switch cond.Op {
	case locket.OpEqual, locket.OpNotEqual, locket.OpLess, locket.OpAtMost, locket.OpMore, locket.OpAtLeast:
		v, err := value(cond.Value)
		sign := map[locket.Operator]string{
			locket.OpEqual: "=", locket.OpNotEqual: "<>", locket.OpLess: "<", locket.OpAtMost: "<=", locket.OpMore: ">", locket.OpAtLeast: ">=",
		}[cond.Op]
		return "?v " + sign + " ?", []any{v}, err
	case locket.OpPrefix:
		s, ok := cond.Value.(string)
		if !ok || p.Kind != locket.Text {
			return "", nil, locket.Errorf(locket.CodeInvalid, "prefix works on text properties and takes a text")
		}
		// Half-open range instead of LIKE, so that an index serves it.
		return "?v >= ? AND ?v < ?", []any{s, s + "\U0010FFFF"}, nil
	case locket.OpIn:
		list, ok := listOf(cond.Value)
		if !ok || len(list) == 0 || len(list) > 1000 {
			return "", nil, locket.Errorf(locket.CodeInvalid, "in takes a list of 1 to 1000 values")
		}
		args := make([]any, len(list))
		for i, v := range list {
			var err error
			if args[i], err = value(v); err != nil {
				return "", nil, err
			}
		}
		return "?v IN (?" + strings.Repeat(", ?", len(list)-1) + ")", args, nil
	}
	return "", nil, locket.Errorf(locket.CodeInvalid, "%q is no operator; use eq, ne, lt, le, gt, ge, prefix, in or exists", clip(string(cond.Op), 20))
}
