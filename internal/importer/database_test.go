package importer_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/foreign"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/store"
)

// change runs statements on a plain database as another program would. A pod must be
// open already: SQLite is prepared by the first one.
func change(t testing.TB, path string, queries ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.80s: %v", q, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func tryDatabase(ctx context.Context, v *store.View, path string, o importer.DatabaseOptions, report locket.Reporter) (*importer.Plan, importer.Report, error) {
	db, err := foreign.Open(ctx, path, nil)
	if err != nil {
		return nil, importer.Report{}, err
	}
	defer func() { _ = db.Close() }()
	d, err := importer.OpenDatabase(ctx, db, o, nil)
	if err != nil {
		return nil, importer.Report{}, err
	}
	r, err := importer.RunDatabase(ctx, v, d, report)
	return d.Plan(), r, err
}

func importDatabase(t testing.TB, v *store.View, path string, o importer.DatabaseOptions) (*importer.Plan, importer.Report) {
	t.Helper()
	plan, r, err := tryDatabase(t.Context(), v, path, o, nil)
	if err != nil {
		t.Fatalf("import of %s: %v", filepath.Base(path), err)
	}
	checkLedger(t, v, r)
	return plan, r
}

// typed returns the items of a type as JSON of their properties, blobs as their
// content, in the order of creation.
func typed(t testing.TB, v *store.View, typ string) []string {
	t.Helper()
	page, err := v.Query(t.Context(), locket.Query{Type: typ, Limit: 1000, Order: "created"})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, it := range page.Items {
		for name, value := range it.Props {
			if id, ok := value.(locket.BlobID); ok {
				r, err := v.OpenBlob(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(io.NewSectionReader(r, 0, r.Info().Size))
				if err != nil {
					t.Fatal(err)
				}
				it.Props[name] = fmt.Sprintf("blob of %d bytes, %.4q", len(b), b)
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		b, err := json.Marshal(it.Props)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

func TestDatabaseKinds(t *testing.T) {
	visit, path := newVisits(t), filepath.Join(t.TempDir(), "x.db")
	change(t, path, `CREATE TABLE "my notes"(Title TEXT, n INTEGER, r REAL, yes BOOLEAN, at DATETIME, secs TIMESTAMP, small BLOB, big BLOB, mixed, "größe 1" TEXT, "größe_1", long TEXT)`,
		`INSERT INTO "my notes" VALUES('Tide', 9007199254740993, 1, 1, '2020-01-02 03:04:05+02:00', 1600000000, x'00ff', zeroblob(100), 'text', 'a', 1, printf('%2000000s', 'x'))`,
		`INSERT INTO "my notes" VALUES('a'||char(0), -1, 2.5, 0, '2020-01-02', 1600000001, x'', x'', x'0102', cast(x'ff' as text), NULL, 'short')`,
		`INSERT INTO "my notes" VALUES(5, 0, NULL, 1, NULL, NULL, NULL, NULL, zeroblob(65), NULL, 9e999, NULL)`)
	plan, r := importDatabase(t, visit(), path, importer.DatabaseOptions{})
	if r.Imported != 3 || r.Rejected != 0 || len(plan.Tables) != 1 || plan.Tables[0].Type != "MyNotes" {
		t.Fatalf("%+v, %+v", r, plan)
	}
	got := typed(t, visit(), "MyNotes")
	want := []string{
		`{"at":"2020-01-02T01:04:05Z","big":"blob of 100 bytes, \"\\x00\\x00\\x00\\x00\"","gr__e_1":"a","gr__e_1_2":1,"longBlob":"blob of 2000000 bytes, \"    \"","mixed":"text","n":9007199254740993,"name":"Tide","r":1,"secs":"2020-09-13T12:26:40Z","small":"00ff","yes":true}`,
		`{"at":"2020-01-02T00:00:00Z","big":"blob of 0 bytes, \"\"","gr__e_1":"�","long":"short","mixed":"0102","n":-1,"name":"a�","otherValues":["Title: CAST(x'6100' AS TEXT)","größe 1: CAST(x'ff' AS TEXT)"],"r":2.5,"secs":"2020-09-13T12:26:41Z","small":"","yes":false}`,
		`{"mixedBlob":"blob of 65 bytes, \"\\x00\\x00\\x00\\x00\"","n":0,"name":"5","otherValues":["größe_1: +Inf"],"yes":true}`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	hits, err := visit().Search(t.Context(), locket.Search{Text: "tide", Limit: 10})
	if err != nil || len(hits.Items) != 1 {
		t.Errorf("search: %v, %v", hits, err)
	}
}

func TestDatabaseAgain(t *testing.T) {
	visit, path := newVisits(t), filepath.Join(t.TempDir(), "x.db")
	change(t, path, "CREATE TABLE t(id INTEGER PRIMARY KEY, x, b BLOB)", "INSERT INTO t VALUES(1, 1, zeroblob(100)), (2, 2, NULL), (4, 4, NULL)",
		"CREATE TABLE empty(x)", "CREATE TABLE Note(x PRIMARY KEY) WITHOUT ROWID", "INSERT INTO Note VALUES('n')")
	if plan, r := importDatabase(t, visit(), path, importer.DatabaseOptions{}); r.Imported != 4 || plan.Tables[1].LeftOut != "empty" || plan.Tables[2].Type != "NoteRow" {
		t.Errorf("first: %+v, %+v", r, plan)
	}
	if _, r := importDatabase(t, visit(), path, importer.DatabaseOptions{}); r.Duplicate != 4 || r.Imported != 0 {
		t.Errorf("again: %+v", r)
	}
	// x was declared as an integer; now it is a text, and there is a column more.
	change(t, path, "UPDATE t SET x = 'two' WHERE id = 2", "UPDATE t SET b = zeroblob(101) WHERE id = 1", "ALTER TABLE t ADD COLUMN more TEXT", "INSERT INTO t VALUES(3, 3, NULL, 'more')")
	if _, r := importDatabase(t, visit(), path, importer.DatabaseOptions{}); r.Imported != 3 || r.Duplicate != 2 {
		t.Errorf("changed: %+v", r)
	}
	want := `[{"b":"blob of 101 bytes, \"\\x00\\x00\\x00\\x00\"","id":1,"x":1} {"id":2,"otherValues":["x: two"]} {"id":4,"x":4} {"id":3,"more":"more","x":3}]`
	if got := typed(t, visit(), "T"); fmt.Sprint(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Another database of that name would be taken for this one.
	if _, r := importDatabase(t, visit(), path, importer.DatabaseOptions{Name: "other", Tables: []string{"NOTE"}}); r.Imported != 1 {
		t.Errorf("under another name: %+v", r)
	}
}

func TestDatabaseLinks(t *testing.T) {
	visit, path := newVisits(t), filepath.Join(t.TempDir(), "x.db")
	change(t, path, "CREATE TABLE book(id INTEGER PRIMARY KEY, author_id REFERENCES author, code TEXT REFERENCES shelf(code), lang, country, FOREIGN KEY(country, lang) REFERENCES locale(c, l))",
		"INSERT INTO book VALUES(1, 7, 'B', 'en', 'GB'), (2, NULL, 'missing', 'en', NULL)",
		"CREATE TABLE author(id INTEGER PRIMARY KEY, name, friend REFERENCES author(id))", "INSERT INTO author VALUES(7, 'Ada', 8), (8, 'Bram', 8)",
		"CREATE TABLE shelf(id INTEGER PRIMARY KEY, code TEXT UNIQUE)", "INSERT INTO shelf VALUES(1, 'A'), (2, 'B')",
		"CREATE TABLE locale(l, c, PRIMARY KEY(l, c)) WITHOUT ROWID", "INSERT INTO locale VALUES('en', 'GB'), ('GB', 'en')")
	_, r := importDatabase(t, visit(), path, importer.DatabaseOptions{Types: map[string]string{"author": "Person"}})
	if r.Imported != 8 || r.Links != 4 || r.Dropped != 1 {
		t.Errorf("got %+v", r)
	}
	ada, ok := items(t, visit(), "Person")["Ada"]
	if !ok {
		t.Fatal("no author")
	}
	links, err := visit().Edges(t.Context(), ada.ID, store.Both, "", 10, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range links.Items {
		got = append(got, l.Edge.Name+" "+l.Item.Type)
	}
	if want := "[author_id Book friend Person]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestDatabaseOrder: rows that others refer to come first, so that few links wait for
// their other end, of which there may be only so many.
func TestDatabaseOrder(t *testing.T) {
	visit, path := newVisits(t), filepath.Join(t.TempDir(), "x.db")
	change(t, path, "CREATE TABLE a(id INTEGER PRIMARY KEY, b REFERENCES b)", "CREATE TABLE b(id INTEGER PRIMARY KEY, c REFERENCES c, a REFERENCES a)",
		"CREATE TABLE c(id INTEGER PRIMARY KEY)", "INSERT INTO a VALUES(1, 1)", "INSERT INTO b VALUES(1, 1, 1)", "INSERT INTO c VALUES(1)")
	_, r := importDatabase(t, visit(), path, importer.DatabaseOptions{})
	var got []string
	for _, e := range ledger(t, visit(), r.ID) {
		got = append(got, e.File)
	}
	if fmt.Sprint(got) != "[c b a]" || r.Links != 3 {
		t.Errorf("order %v, %+v", got, r)
	}
}

func TestDatabaseChoices(t *testing.T) {
	visit, path := newVisits(t), filepath.Join(t.TempDir(), "x.db")
	change(t, path, "CREATE TABLE a(x)", "INSERT INTO a VALUES(1)", "CREATE TABLE b(x)", "INSERT INTO b VALUES(1)")
	for name, o := range map[string]importer.DatabaseOptions{
		"not_found": {Tables: []string{"c"}}, "invalid": {Types: map[string]string{"a": "no type"}},
	} {
		if _, _, err := tryDatabase(t.Context(), visit(), path, o, nil); string(locket.CodeOf(err)) != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
	plan, r := importDatabase(t, visit(), path, importer.DatabaseOptions{Tables: []string{"B"}})
	if r.Imported != 1 || plan.Tables[0].LeftOut != "not asked for" || plan.Ignored.Count != 1 {
		t.Errorf("%+v, %+v", r, plan)
	}
	pod := filepath.Join(t.TempDir(), "pod.db")
	for _, name := range []string{"pod", "changes", "leaves", "items", "principals", "keys"} {
		change(t, pod, "CREATE TABLE "+name+"(id, schema)")
	}
	if _, _, err := tryDatabase(t.Context(), visit(), pod, importer.DatabaseOptions{}, nil); locket.CodeOf(err) != locket.CodeUnsupported {
		t.Errorf("a pod's database: %v", err)
	}
}

// TestDatabaseGoesOn stops an import in the middle, runs it again, and compares.
func TestDatabaseGoesOn(t *testing.T) {
	visit, path := newVisits(t), filepath.Join(t.TempDir(), "x.db")
	change(t, path, "CREATE TABLE t(id INTEGER PRIMARY KEY, x)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO t SELECT i, 'row '||i FROM n")
	ctx, stop := context.WithCancel(t.Context())
	_, r, err := tryDatabase(ctx, visit(), path, importer.DatabaseOptions{}, func(p locket.Progress) {
		if p.Done > p.Total/2 {
			stop()
		}
	})
	if locket.CodeOf(err) != locket.CodeCancelled || !r.Finished.IsZero() || r.Imported < 900 || r.Imported > 1800 {
		t.Fatalf("stopped: %+v, %v", r, err)
	}
	checkLedger(t, visit(), r)
	if _, again := importDatabase(t, visit(), path, importer.DatabaseOptions{}); again.Imported != 2000-r.Imported || again.Duplicate != r.Imported {
		t.Errorf("again: %+v after %+v", again, r)
	}
}

// TestDatabaseWrittenMeanwhile must say that the rows may be of no one state.
func TestDatabaseWrittenMeanwhile(t *testing.T) {
	visit, path := newVisits(t), filepath.Join(t.TempDir(), "x.db")
	change(t, path, "CREATE TABLE t(x)", "INSERT INTO t VALUES(1)")
	_, r, err := tryDatabase(t.Context(), visit(), path, importer.DatabaseOptions{}, func(locket.Progress) {
		if err := os.WriteFile(path+"-wal", []byte("somebody writes"), 0o600); err != nil {
			t.Error(err)
		}
	})
	if locket.CodeOf(err) != locket.CodeConflict || r.Imported != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}
