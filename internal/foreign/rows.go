package foreign

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// A Row is one row of a table: its values are nil, int64, float64, string (any bytes)
// or []byte. It is good until the next one is read, but for its values.
type Row struct {
	Key    []any // of the primary key, or the row id if there is none or a part of it is NULL
	ByID   bool  // Key is the row id
	Values []any // in the order of the table's columns
}

// Rows calls fn for each row of t. Its error ends it and is returned as it is.
func (d *DB) Rows(ctx context.Context, t *Table, fn func(Row) error) (err error) {
	// An expression has no declared type, by which the driver would make times of texts.
	var list []string
	for _, c := range t.Columns {
		list = append(list, "+"+quote(c.Name))
	}
	if t.RowID != "" {
		list = append(list, "+"+t.RowID)
	}
	rows, err := d.sql.QueryContext(ctx, "SELECT "+strings.Join(list, ", ")+" FROM main."+quote(t.Name))
	if err != nil {
		return d.explain(err)
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = d.explain(e)
		}
	}()
	keys := make([]int, len(t.Key))
	for i, name := range t.Key {
		keys[i], _ = t.Column(name)
	}
	for rows.Next() {
		r, err := scan(rows, len(list))
		if err != nil {
			return d.explain(err)
		}
		row := Row{Values: r[:len(t.Columns)]}
		for _, i := range keys {
			row.Key = append(row.Key, r[i])
			row.ByID = row.ByID || r[i] == nil
		}
		if row.ByID = row.ByID || len(keys) == 0; row.ByID {
			row.Key = r[len(t.Columns):]
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return d.explain(rows.Err())
}

func scan(rows *sql.Rows, n int) ([]any, error) {
	values := make([]any, n)
	to := make([]any, n)
	for i := range values {
		to[i] = &values[i]
	}
	if err := rows.Scan(to...); err != nil {
		return nil, err
	}
	return values, nil
}

// measured is how many columns one statement measures; SQLite has a limit of 2000
// results.
const measured = 100

// Measure counts the rows of t and looks at the types and sizes of its values.
func (d *DB) Measure(ctx context.Context, t *Table) error {
	for from := 0; from < len(t.Columns); from += measured {
		if err := d.measure(ctx, t, t.Columns[from:min(from+measured, len(t.Columns))]); err != nil {
			return d.explain(err)
		}
	}
	return nil
}

func (d *DB) measure(ctx context.Context, t *Table, columns []Column) error {
	list := []string{"count(*)"}
	to := []any{&t.Rows}
	for i := range columns {
		c := &columns[i]
		q := quote(c.Name)
		dates := "0"
		if Temporal(c.Declared) {
			dates = fmt.Sprintf(`sum(typeof(%[1]s) = 'text' AND length(%[1]s) < 40 AND %[1]s GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND julianday(%[1]s) IS NOT NULL)`, q)
		}
		for _, e := range []struct {
			sql string
			to  *int64
		}{
			{`sum(typeof(%[1]s) = 'integer')`, &c.Integers},
			{`sum(typeof(%[1]s) = 'real')`, &c.Reals},
			{`sum(typeof(%[1]s) = 'text')`, &c.Texts},
			{`sum(typeof(%[1]s) = 'blob')`, &c.Blobs},
			{`min(CASE typeof(%[1]s) WHEN 'integer' THEN %[1]s END)`, &c.Min},
			{`max(CASE typeof(%[1]s) WHEN 'integer' THEN %[1]s END)`, &c.Max},
			{`max(CASE typeof(%[1]s) WHEN 'text' THEN octet_length(%[1]s) END)`, &c.MaxText},
			{`max(CASE typeof(%[1]s) WHEN 'blob' THEN octet_length(%[1]s) END)`, &c.MaxBlob},
		} {
			list = append(list, "coalesce("+fmt.Sprintf(e.sql, q)+", 0)")
			to = append(to, e.to)
		}
		list = append(list, "coalesce("+dates+", 0)")
		to = append(to, &c.Dates)
	}
	return d.sql.QueryRowContext(ctx, "SELECT "+strings.Join(list, ", ")+" FROM main."+quote(t.Name)).Scan(to...)
}

// Temporal reports whether a declared type speaks of a date or a time.
func Temporal(declared string) bool {
	return strings.Contains(declared, "DATE") || strings.Contains(declared, "TIME")
}
