package foreign

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"github.com/locketpod/locket"
)

// A Copied says how much a comparison of two databases went through.
type Copied struct {
	Tables int64 `json:"tables"`
	Rows   int64 `json:"rows"`
}

// Same compares the database with a copy of it: the schema, the numbers of the header, and
// count and SHA-256 of the rows of every table, with their row ids and those below
// virtual tables. A difference is a CodeInternal that names where.
func (d *DB) Same(ctx context.Context, o *DB, report locket.Reporter) (done Copied, err error) {
	for _, q := range []string{
		"SELECT count(*), group_concat(hex(type || char(0) || name || char(0) || tbl_name || char(0) || coalesce(sql, ''))) FROM (SELECT * FROM sqlite_schema ORDER BY type, name)",
		"PRAGMA user_version", "PRAGMA application_id", "PRAGMA encoding",
	} {
		a, err1 := d.hash(ctx, q)
		b, err2 := o.hash(ctx, q)
		if err := firstOf(d.explain(err1), o.explain(err2)); err != nil {
			return done, err
		}
		if a != b {
			return done, different("the schema or the header")
		}
	}
	for i := range d.tables {
		t := &d.tables[i]
		if !t.stored {
			continue
		}
		query, err := d.everything(ctx, t)
		if err != nil {
			return done, d.explain(err)
		}
		a, err1 := d.hash(ctx, query)
		b, err2 := o.hash(ctx, query)
		if err := firstOf(d.explain(err1), o.explain(err2)); err != nil {
			return done, err
		}
		if a != b {
			return done, different("table " + t.Name)
		}
		done.Tables++
		done.Rows += a.rows
		report.Report(locket.Progress{Stage: "comparing", Done: done.Rows, Unit: "rows"})
	}
	return done, nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func different(what string) error {
	return locket.Errorf(locket.CodeInternal, "the copy differs from the original in %s; it was not kept, and the original is untouched", what)
}

// everything selects all that is stored of t, in an order that both copies have.
func (d *DB) everything(ctx context.Context, t *Table) (string, error) {
	probe := *t
	if probe.Columns == nil {
		if err := d.columns(ctx, &probe); err != nil {
			return "", err
		}
	}
	list := ""
	for i, c := range probe.Columns {
		if i > 0 {
			list += ", "
		}
		list += "+" + quote(c.Name)
	}
	if probe.RowID == "" {
		return "SELECT " + list + " FROM main." + quote(t.Name), nil
	}
	return "SELECT +" + probe.RowID + ", " + list + " FROM main." + quote(t.Name) + " ORDER BY " + probe.RowID, nil
}

// A digest is what all rows of a query come to.
type digest struct {
	rows int64
	sum  [sha256.Size]byte
}

func (d *DB) hash(ctx context.Context, query string) (out digest, err error) {
	rows, err := d.sql.QueryContext(ctx, query)
	if err != nil {
		return out, err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	names, err := rows.Columns()
	if err != nil {
		return out, err
	}
	h := sha256.New()
	for rows.Next() {
		values, err := scan(rows, len(names))
		if err != nil {
			return out, err
		}
		for _, v := range values {
			addValue(h, v)
		}
		out.rows++
	}
	h.Sum(out.sum[:0])
	return out, rows.Err()
}

// addValue adds a value with its type and length, so that no two rows add the same.
func addValue(h hash.Hash, v any) {
	var head [9]byte
	var body []byte
	switch x := v.(type) {
	case nil:
		head[0] = 'n'
	case int64:
		head[0] = 'i'
		binary.BigEndian.PutUint64(head[1:], uint64(x))
	case float64:
		head[0] = 'r'
		binary.BigEndian.PutUint64(head[1:], math.Float64bits(x))
	case string:
		head[0], body = 't', []byte(x)
		binary.BigEndian.PutUint64(head[1:], uint64(len(x)))
	case []byte:
		head[0], body = 'b', x
		binary.BigEndian.PutUint64(head[1:], uint64(len(x)))
	}
	h.Write(head[:])
	h.Write(body)
}
