package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/foreign"
	"github.com/locketpod/locket/internal/store"
)

// DatabaseOptions say what of a database to import, and as what.
type DatabaseOptions struct {
	Name   string            // under which rows are recognised again; "": the file's name
	Tables []string          // only these; nil: all
	Types  map[string]string // type by table, where the table's own name is not wanted
}

// A Database is a database of another program as the source of an import: each
// table is a file of its tree, each row a record.
type Database struct {
	db     *foreign.DB
	source string
	tables []*tableMap
	plan   *Plan
}

// A PlanTable is what becomes of one table of a database.
type PlanTable struct {
	Table      string         `json:"table"`
	Rows       int64          `json:"rows,omitempty"`
	Type       string         `json:"type,omitempty"`
	Properties []PlanProperty `json:"properties,omitempty"`
	LeftOut    string         `json:"leftOut,omitempty"` // why it is not imported
}

// A PlanProperty is what becomes of one column.
type PlanProperty struct {
	Column   string      `json:"column"`
	Property string      `json:"property"`
	Kind     locket.Kind `json:"kind"`
}

// OpenDatabase looks at all values of a database to choose kinds for them, and returns
// what an import would make of it. The caller keeps db open meanwhile, and closes it.
func OpenDatabase(ctx context.Context, db *foreign.DB, o DatabaseOptions, report locket.Reporter) (*Database, error) {
	if db.IsPod() {
		return nil, locket.Errorf(locket.CodeUnsupported, "%s is the database of a Locket pod, and its rows are no items; export that pod with 'locket export', or keep the file encrypted with 'locket encrypt'", db.Name())
	}
	d := &Database{db: db, source: showable(o.Name)}
	if d.source == "" {
		d.source = showable(db.Name())
	}
	if err := checkChoice(db, o); err != nil {
		return nil, err
	}
	d.plan = &Plan{Source: d.source, Bytes: db.Size()}
	names := make(names)
	tables := db.Tables()
	for i := range tables {
		t := &tables[i]
		left := t.LeftOut
		if left == "" && o.Tables != nil && !containsFold(o.Tables, t.Name) {
			left = "not asked for"
		}
		if left == "" {
			if err := db.Measure(ctx, t); err != nil {
				if ctx.Err() != nil {
					return nil, cancelled(ctx)
				}
				if locket.CodeOf(err) == locket.CodeTampered {
					return nil, err // --table can still choose those that are whole
				}
				left = "cannot be read: " + reasonOf(err)
			} else if t.Rows == 0 {
				left = "empty"
			}
			report.Report(locket.Progress{Stage: "looking through " + d.source, Done: int64(i + 1), Total: int64(len(tables)), Unit: "tables"})
		}
		if left != "" {
			d.plan.Ignored.add(showable(t.Name), left)
			d.plan.Tables = append(d.plan.Tables, PlanTable{Table: showable(t.Name), LeftOut: left})
			continue
		}
		m := newTableMap(d.source, t, names.typeFor(t.Name, o.Types))
		d.tables = append(d.tables, m)
		d.plan.Tables = append(d.plan.Tables, m.plan())
	}
	d.refer()
	d.sort()
	d.share()
	return d, nil
}

// checkChoice refuses names of tables that are not there.
func checkChoice(db *foreign.DB, o DatabaseOptions) error {
	asked := slices.Clone(o.Tables)
	for t := range o.Types {
		asked = append(asked, t)
	}
	for _, name := range asked {
		if !slices.ContainsFunc(db.Tables(), func(t foreign.Table) bool { return strings.EqualFold(t.Name, name) }) {
			return locket.Errorf(locket.CodeNotFound, "%s has no table %q", db.Name(), clip(showable(name), 100))
		}
	}
	return nil
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
}

// refer turns foreign keys into links. Where one leads to columns that are not the
// primary key, the rows of that table get an alias for them.
func (d *Database) refer() {
	for _, m := range d.tables {
		for _, k := range m.table.Foreign {
			i := slices.IndexFunc(d.tables, func(o *tableMap) bool { return o.table.Name == k.Table })
			if i >= 0 {
				m.links = append(m.links, m.linkTo(d.tables[i], k))
			}
		}
	}
}

// sort puts tables behind those that they refer to, as far as references make no
// circle, so that few links wait for their other end.
func (d *Database) sort() {
	var sorted []*tableMap
	seen := make(map[*tableMap]bool)
	var visit func(m *tableMap)
	visit = func(m *tableMap) {
		if seen[m] {
			return
		}
		seen[m] = true
		for _, l := range m.links {
			visit(l.to)
		}
		sorted = append(sorted, m)
	}
	for _, m := range d.tables {
		visit(m)
	}
	d.tables = sorted
}

// share gives each table its part of the bytes, by its rows: SQLite does not say how
// large a table is.
func (d *Database) share() {
	var rows int64
	for _, m := range d.tables {
		rows += m.table.Rows
	}
	f := PlanFormat{Name: databaseName, Title: "Tables of a database"}
	for _, m := range d.tables {
		m.bytes = int64(float64(d.plan.Bytes) * float64(m.table.Rows) / float64(rows))
		f.add(m.file())
	}
	if d.plan.Files = f.Files; f.Files > 0 {
		d.plan.Formats = []PlanFormat{f}
	}
}

// Plan returns what an import would read.
func (d *Database) Plan() *Plan { return d.plan }

// databaseName names the format in ledgers.
const databaseName = "sqlite"

// RunDatabase declares the types that the pod lacks, and imports the rows as [Run]
// does files. It fails with CodeConflict, after the import, if the database was
// written to meanwhile.
func RunDatabase(ctx context.Context, v *store.View, d *Database, report locket.Reporter) (Report, error) {
	if err := d.declare(ctx, v); err != nil {
		return Report{}, err
	}
	limits := DefaultLimits()
	limits.Archives = 0 // a table may be called x.zip
	tree := &Tree{name: d.source, limits: limits, top: (*databaseTables)(d)}
	format := Format{
		Name: databaseName, Title: "Tables of a database",
		Recognise: func(string, []byte) int { return 100 },
		Read:      d.read,
	}
	r, err := Run(ctx, v, tree, d.plan, Options{Formats: []Format{format}, Report: report})
	if err == nil {
		err = d.db.Unchanged()
	}
	return r, err
}

// declare fits the tables to the types that the pod has, and declares what they lack,
// in one transaction.
func (d *Database) declare(ctx context.Context, v *store.View) error {
	_, err := v.Write(ctx, func(w *store.Writer) error {
		types := w.Types()
		for _, m := range d.tables {
			i := slices.IndexFunc(types, func(t locket.Type) bool { return t.Name == m.typ })
			if i < 0 {
				i = len(types)
				types = append(types, locket.Type{Name: m.typ})
			}
			t := &types[i]
			fresh := m.fit(t)
			if len(fresh) == 0 {
				continue
			}
			t.Properties = append(slices.Clip(t.Properties), fresh...)
			if err := w.Extend(locket.Type{Name: m.typ, Properties: fresh}); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// read emits the rows of the table that f stands for.
func (d *Database) read(ctx context.Context, f *File, emit func(Record) error) error {
	i := slices.IndexFunc(d.tables, func(m *tableMap) bool { return m.path() == f.Path })
	if i < 0 {
		return errors.New("there is no such table")
	}
	m, n := d.tables[i], int64(0)
	return d.db.Rows(ctx, m.table, func(row foreign.Row) error {
		n++
		rec := m.record(row)
		rec.Done = int64(float64(m.bytes) * float64(min(n, m.table.Rows)) / float64(m.table.Rows))
		return emit(rec)
	})
}

// databaseTables is a Database as a container of its tables.
type databaseTables Database

func (d *databaseTables) walk(_ context.Context, visit func(*File) error) error {
	for _, m := range d.tables {
		if err := visit(m.file()); err != nil {
			return err
		}
	}
	return nil
}

// path is the table's name, marked where it would be taken for junk.
func (m *tableMap) path() string {
	name := showable(m.table.Name)
	if junk(name) {
		return "table " + strings.ReplaceAll(name, "/", "_")
	}
	return name
}

func (m *tableMap) file() *File {
	return &File{
		Path: m.path(), Size: m.bytes, head: []byte{},
		Open: func() (io.ReadCloser, error) { return nil, fmt.Errorf("table %s has no bytes of its own", m.path()) },
	}
}
