package foreign_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/foreign"
	"github.com/locketpod/locket/internal/secret"
)

// makeDB makes a plain database as another program would, and closes it.
func makeDB(t testing.TB, queries ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path+".bad", []byte("SQLite format 3\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := foreign.Open(t.Context(), path+".bad", nil); err == nil {
		t.Fatal("sixteen bytes are a database") // it has prepared SQLite, which must come first
	}
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
	return path
}

func open(t testing.TB, path string) *foreign.DB {
	t.Helper()
	db, err := foreign.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func table(t testing.TB, db *foreign.DB, name string) *foreign.Table {
	t.Helper()
	tables := db.Tables()
	for i := range tables {
		if tables[i].Name == name {
			return &tables[i]
		}
	}
	t.Fatalf("no table %s", name)
	return nil
}

func TestValuesAreExact(t *testing.T) {
	db := open(t, makeDB(t, `CREATE TABLE "a ""b"(x DATETIME, "%s" BOOLEAN, "größe", z BLOB)`,
		`INSERT INTO "a ""b" VALUES('2020-01-01', 1, x'', NULL), (-9223372036854775808, 'a'||char(0)||'b', cast(x'fffe' as text), 9e999), (1.5, '', x'00', '5')`))
	want := [][]any{
		{"2020-01-01", int64(1), []byte(nil), nil},
		{int64(math.MinInt64), "a\x00b", "\xff\xfe", math.Inf(1)},
		{1.5, "", []byte{0}, "5"},
	}
	tab := table(t, db, `a "b`)
	var got [][]any
	err := db.Rows(t.Context(), tab, func(r foreign.Row) error {
		got = append(got, r.Values)
		if !r.ByID || !reflect.DeepEqual(r.Key, []any{int64(len(got))}) {
			t.Errorf("key %v", r.Key)
		}
		return nil
	})
	if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("got  %#v\nwant %#v, %v", got, want, err)
	}
	if err := db.Measure(t.Context(), tab); err != nil {
		t.Fatal(err)
	}
	if c := tab.Columns[1]; tab.Rows != 3 || c.Name != "%s" || c.Integers != 1 || c.Texts != 2 || c.MaxText != 3 {
		t.Errorf("measured %d rows, %+v", tab.Rows, c)
	}
	if c := tab.Columns[0]; c.Dates != 1 || c.Min != math.MinInt64 || c.Reals != 1 {
		t.Errorf("measured %+v", c)
	}
}

func TestKeys(t *testing.T) {
	db := open(t, makeDB(t, `CREATE TABLE worow(a, b, PRIMARY KEY(b, a)) WITHOUT ROWID`, `INSERT INTO worow VALUES(1, 'x')`,
		`CREATE TABLE nullable(k TEXT PRIMARY KEY, rowid)`, `INSERT INTO nullable VALUES(NULL, 7), ('k', 8)`,
		`CREATE TABLE child(a, b, w, FOREIGN KEY(w, a) REFERENCES WOROW, FOREIGN KEY(b) REFERENCES nullable(K), FOREIGN KEY(a) REFERENCES missing(x))`))
	for name, want := range map[string]string{"worow": "[x 1] false;", "nullable": "[1] true;[k] false;"} {
		got := ""
		if err := db.Rows(t.Context(), table(t, db, name), func(r foreign.Row) error {
			got += fmt.Sprint(r.Key, r.ByID) + ";"
			return nil
		}); err != nil || got != want {
			t.Errorf("%s: %s, want %s, %v", name, got, want, err)
		}
	}
	got := fmt.Sprint(table(t, db, "child").Foreign)
	if want := "[{[b] nullable [k]} {[w a] worow [b a]}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEveryTableIsAccountedFor(t *testing.T) {
	db := open(t, makeDB(t, `CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT)`, `CREATE VIEW v AS SELECT * FROM a`, `CREATE INDEX i ON a(id)`,
		`CREATE VIRTUAL TABLE notes USING fts5(t)`, `CREATE VIRTUAL TABLE box USING rtree(id, x, y)`, `CREATE TABLE notes_extra(x)`,
		`CREATE TABLE hidden(rowid, oid, _rowid_)`))
	got := make(map[string]string)
	for _, tab := range db.Tables() {
		got[tab.Name] = tab.LeftOut
	}
	if len(got) != 15 {
		t.Errorf("%d tables: %v", len(got), got)
	}
	for name, want := range map[string]string{
		"a": "", "notes_extra": "", "sqlite_sequence": "SQLite's own", "v": "a view", "notes": "a virtual table (fts5)",
		"notes_content": "a part of the virtual table notes (fts5)", "box_node": "a part of the virtual table box (rtree)", "hidden": "hide the row ids",
	} {
		if reason, ok := got[name]; !ok || !strings.Contains(reason, want) || want == "" && reason != "" {
			t.Errorf("%s: %q, want %q", name, reason, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := makeDB(t, "CREATE TABLE t(x)")
	for path, want := range map[string]locket.Code{
		write("empty", ""): locket.CodeInvalid, write("text", strings.Repeat("text", 2000)): locket.CodeInvalid, dir: locket.CodeInvalid,
		filepath.Join(dir, "none"): locket.CodeNotFound, write("cut", "SQLite format 3\x00 and no more"): locket.CodeTampered,
	} {
		if _, err := foreign.Open(t.Context(), path, nil); locket.CodeOf(err) != want {
			t.Errorf("%s: %v (%s), want %s", filepath.Base(path), err, locket.CodeOf(err), want)
		}
	}
	if _, err := foreign.Open(t.Context(), plain, secret.Random(32)); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("a plain one with a key: %v", err)
	}
	if _, err := foreign.Open(t.Context(), filepath.Join(dir, "text"), secret.Random(32)); locket.CodeOf(err) != locket.CodeUnauthenticated {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestUnchanged(t *testing.T) {
	path := makeDB(t, "CREATE TABLE t(x)")
	db := open(t, path)
	if err := db.Unchanged(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-wal", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := db.Unchanged(); locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("got %v", err)
	}
}

// TestDamage inverts bytes all over a database. What is read may be wrong, but it ends,
// without a panic, in rows or in an error with a code.
func TestDamage(t *testing.T) {
	path := makeDB(t, "PRAGMA page_size=512", "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, y BLOB)", "CREATE TABLE w(a PRIMARY KEY, b REFERENCES t) WITHOUT ROWID",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40) INSERT INTO t SELECT i, hex(randomblob(i*4)), randomblob(i*9) FROM n",
		"INSERT INTO w SELECT x, id FROM t", "CREATE VIRTUAL TABLE f USING fts5(z)", "INSERT INTO f SELECT x FROM t")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.db")
	failed := 0
	for at := 16; at < len(content); at += 61 {
		damaged := append([]byte(nil), content...)
		damaged[at] ^= 0xff
		if err := os.WriteFile(bad, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readAll(t.Context(), bad); err != nil {
			if failed++; locket.CodeOf(err) == locket.CodeInternal {
				t.Errorf("byte %d: %v: %v", at, err, errors.Unwrap(err))
			}
		}
	}
	if failed < 10 {
		t.Errorf("only %d damages were noticed", failed)
	}
}

func readAll(ctx context.Context, path string) (err error) {
	db, err := foreign.Open(ctx, path, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables := db.Tables()
	for i := range tables {
		if tables[i].LeftOut != "" {
			continue
		}
		if err := db.Measure(ctx, &tables[i]); err != nil {
			return err
		}
		n := 0
		if err := db.Rows(ctx, &tables[i], func(foreign.Row) error { n++; return nil }); err != nil {
			return err
		}
	}
	return nil
}

func TestSame(t *testing.T) {
	queries := []string{
		"CREATE TABLE t(x)", "INSERT INTO t VALUES(1), (2), (3), (0)", "CREATE TABLE w(a PRIMARY KEY, b) WITHOUT ROWID", "INSERT INTO w VALUES(1, 'x')",
		"CREATE VIRTUAL TABLE f USING fts5(z)", "INSERT INTO f VALUES('tide')", "CREATE VIEW v AS SELECT 1",
	}
	a := open(t, makeDB(t, queries...))
	if done, err := a.Same(t.Context(), open(t, makeDB(t, queries...)), nil); err != nil || done.Tables != 7 || done.Rows < 10 {
		t.Errorf("equal ones: %+v, %v", done, err)
	}
	for _, change := range []string{
		"UPDATE t SET x = '2' WHERE x = 2", "UPDATE t SET rowid = 9 WHERE x = 3", "DELETE FROM t WHERE x = 3", "UPDATE w SET b = x'78'", "PRAGMA user_version=1",
		"PRAGMA application_id=1", "INSERT INTO f VALUES('gone')", "DROP VIEW v", "CREATE INDEX i ON t(x)", "UPDATE t SET x = NULL WHERE x = 1",
		"UPDATE t SET x = 0.0 WHERE x = 0",
	} {
		if _, err := a.Same(t.Context(), open(t, makeDB(t, append(queries[:len(queries):len(queries)], change)...)), nil); err == nil {
			t.Errorf("%s: not noticed", change)
		}
	}
}

// TestHotJournal has a transaction that was written in part and not undone.
func TestHotJournal(t *testing.T) {
	path := makeDB(t, "CREATE TABLE t(x)", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO t SELECT hex(randomblob(200)) FROM n")
	w, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	w.SetMaxOpenConns(1)
	for _, q := range []string{"PRAGMA cache_size=20", "PRAGMA cache_spill=10", "BEGIN", "UPDATE t SET x = 'y'||x"} {
		if _, err := w.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := foreign.Open(t.Context(), path, nil); locket.CodeOf(err) != locket.CodeBusy {
		t.Errorf("while it is being written: %v", err)
	}
	hot := filepath.Join(t.TempDir(), "hot.db")
	for _, suffix := range []string{"", "-journal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(hot+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := foreign.Open(t.Context(), hot, nil); locket.CodeOf(err) != locket.CodeConflict || !strings.Contains(err.Error(), "open the database with that program") {
		t.Errorf("after a crash: %v", err)
	}
}
