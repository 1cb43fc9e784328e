package foreign

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

// A Table is one table of a database, or what else its schema lists as data.
type Table struct {
	Name    string
	Columns []Column
	Key     []string     // columns of the declared primary key, in its order
	RowID   string       // the name by which row ids are read; "" if it has none
	Foreign []ForeignKey // to other tables
	Rows    int64        // set by Measure

	// LeftOut says why the rows are nobody's data; "" if they are.
	LeftOut string

	stored bool // has rows of its own in the file
}

// A Column is one column, and what Measure found in it.
type Column struct {
	Name     string
	Declared string // type as declared, upper case; may be empty

	Integers, Reals, Texts, Blobs int64 // how many values are of each type
	Dates                         int64 // texts that are dates or times; counted where the declared type speaks of such
	Min, Max                      int64 // of the integers
	MaxText, MaxBlob              int64 // bytes of the longest
}

// A ForeignKey is a reference from columns of a table to those of another.
type ForeignKey struct {
	Columns []string
	Table   string
	To      []string
}

// An entry is a row of sqlite_schema.
type entry struct {
	kind, name, sql string
	root            int64
}

// schema reads the schema table. Virtual tables and views are named from it alone: even
// PRAGMA table_list would run the code of virtual tables.
func (d *DB) schema(ctx context.Context) ([]Table, error) {
	entries, err := d.entries(ctx)
	if err != nil {
		return nil, err
	}
	virtual := make(map[string]string) // by name in lower case: the module
	for _, e := range entries {
		if e.kind == "table" && e.root == 0 {
			virtual[strings.ToLower(e.name)] = module(e.sql)
		}
	}
	var tables []Table
	for _, e := range entries {
		t := Table{Name: e.name, stored: e.kind == "table" && e.root > 0}
		switch {
		case e.kind == "view":
			t.LeftOut = "a view: it shows rows of other tables"
		case e.kind != "table":
			continue
		case e.root == 0:
			t.LeftOut = "a virtual table (" + virtual[strings.ToLower(e.name)] + "): its rows are made by a program"
		case strings.HasPrefix(strings.ToLower(e.name), "sqlite_"):
			t.LeftOut = "SQLite's own"
		default:
			t.LeftOut = shadow(e.name, virtual)
		}
		if t.LeftOut == "" {
			if err := d.columns(ctx, &t); err != nil {
				return nil, err
			}
		}
		tables = append(tables, t)
	}
	for i := range tables {
		if tables[i].LeftOut != "" {
			continue
		}
		if err := d.foreignKeys(ctx, &tables[i], tables); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func (d *DB) entries(ctx context.Context) (entries []entry, err error) {
	rows, err := d.sql.QueryContext(ctx, `SELECT +type, +name, coalesce(sql, ''), coalesce(rootpage, 0) FROM sqlite_schema ORDER BY rowid`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.kind, &e.name, &e.sql, &e.root); err != nil {
			return nil, err
		}
		if entries = append(entries, e); len(entries) > maxTables {
			return nil, locket.Errorf(locket.CodeTooLarge, "%s has more than %d tables and indexes", d.Name(), maxTables)
		}
	}
	return entries, rows.Err()
}

// module returns the name after USING of CREATE VIRTUAL TABLE, as far as it is a plain one.
func module(sql string) string {
	words := strings.Fields(strings.ToLower(sql))
	i := slices.Index(words, "using")
	if i < 0 || i+1 == len(words) {
		return "of an unknown kind"
	}
	name, _, _ := strings.Cut(words[i+1], "(")
	return name
}

// shadows are the endings of the tables below virtual ones, by module.
var shadows = map[string][]string{
	"fts3":  {"content", "docsize", "segdir", "segments", "stat"},
	"fts4":  {"content", "docsize", "segdir", "segments", "stat"},
	"fts5":  {"config", "content", "data", "docsize", "idx"},
	"rtree": {"node", "parent", "rowid"}, "rtree_i32": {"node", "parent", "rowid"}, "geopoly": {"node", "parent", "rowid"},
}

// shadow says of which virtual table name is a part; "" if of none.
func shadow(name string, virtual map[string]string) string {
	i := strings.LastIndexByte(name, '_')
	if i < 0 {
		return ""
	}
	kind, ok := virtual[strings.ToLower(name[:i])]
	if !ok || !slices.Contains(shadows[kind], strings.ToLower(name[i+1:])) {
		return ""
	}
	return "a part of the virtual table " + name[:i] + " (" + kind + ")"
}

func (d *DB) columns(ctx context.Context, t *Table) (err error) {
	rows, err := d.sql.QueryContext(ctx, "PRAGMA main.table_xinfo("+quote(t.Name)+")")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	keys := make(map[int]string)
	for rows.Next() {
		var n, notNull, key, hidden int
		var c Column
		var value any
		if err := rows.Scan(&n, &c.Name, &c.Declared, &notNull, &value, &key, &hidden); err != nil {
			return err
		}
		c.Declared = strings.ToUpper(c.Declared)
		t.Columns = append(t.Columns, c)
		if key > 0 {
			keys[key] = c.Name
		}
	}
	for i := range len(keys) {
		t.Key = append(t.Key, keys[i+1])
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := rows.Close(); err != nil { // the pool has one connection
		return err
	}
	return d.rowID(ctx, t)
}

// rowID finds a name for the row ids that no column has taken. A table WITHOUT ROWID has none.
func (d *DB) rowID(ctx context.Context, t *Table) error {
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if _, taken := t.Column(name); taken {
			continue
		}
		rows, err := d.sql.QueryContext(ctx, "SELECT "+name+" FROM main."+quote(t.Name)+" LIMIT 0")
		if err == nil {
			t.RowID = name
			return rows.Close()
		}
		break
	}
	if len(t.Key) == 0 {
		t.LeftOut = "its columns hide the row ids, and it has no primary key"
	}
	return nil
}

// Column finds a column by its name, which SQLite compares without case.
func (t *Table) Column(name string) (int, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
	return i, i >= 0
}

// foreignKeys reads the references of t that lead to columns of a table that is there.
func (d *DB) foreignKeys(ctx context.Context, t *Table, all []Table) (err error) {
	rows, err := d.sql.QueryContext(ctx, "PRAGMA main.foreign_key_list("+quote(t.Name)+")")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	byID := make(map[int]*ForeignKey)
	var ids []int
	for rows.Next() {
		var id, seq int
		var table, from, onUpdate, onDelete, match string
		var to *string
		if err := rows.Scan(&id, &seq, &table, &from, &to, &onUpdate, &onDelete, &match); err != nil {
			return err
		}
		if byID[id] == nil {
			byID[id] = &ForeignKey{Table: table}
			ids = append(ids, id)
		}
		byID[id].Columns = append(byID[id].Columns, from)
		if to != nil {
			byID[id].To = append(byID[id].To, *to)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		k := byID[id]
		i := slices.IndexFunc(all, func(o Table) bool { return o.LeftOut == "" && strings.EqualFold(o.Name, k.Table) })
		if i < 0 {
			continue
		}
		if k.Table = all[i].Name; k.To == nil {
			k.To = all[i].Key
		}
		if len(k.To) == len(k.Columns) && resolves(t, k.Columns) && resolves(&all[i], k.To) {
			t.Foreign = append(t.Foreign, *k)
		}
	}
	return rows.Err()
}

// resolves gives columns the spelling of their declaration; false if one is not there.
func resolves(t *Table, names []string) bool {
	for i, name := range names {
		n, ok := t.Column(name)
		if !ok {
			return false
		}
		names[i] = t.Columns[n].Name
	}
	return true
}
