package store_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// scanned are the plan lines that may walk a whole table or sort, by a part of
// the statement, with the reason.
var scanned = map[string]string{
	"SELECT pod.id, pod.schema":                        "one row each",
	"SELECT pod.generation, pod.types":                 "a pod has few principals",
	"SELECT p.n FROM principals p WHERE p.id":          "a pod has few principals",
	"SELECT c.n, c.leaf, c.leaves FROM changes c":      "by author or session, whose indexes the whole statement names",
	"SELECT p.n, p.id, p.kind":                         "a pod has few principals",
	"UPDATE ledger SET file = ''":                      "erasing is rare",
	"SELECT count(*) FROM grants":                      "a pod has few grants",
	"SELECT id FROM grants":                            "a pod has few grants",
	"DELETE FROM grants":                               "a pod has few grants",
	"SELECT g.id, g.principal":                         "a pod has few grants",
	"SELECT n, substr(tree, 1, 32) FROM changes":       "the last row",
	"SELECT c.n, c.kind, p.id":                         "a page of the journal, in the order of its numbers",
	"SELECT count(*) FROM edges e JOIN items":          "counts all edges",
	"SELECT count(*) FROM items i WHERE i.deleted > 0": "counts, in an index",
	"SELECT type, count(*) FROM items":                 "counts all items, in an index",
	"SELECT (SELECT count(*) FROM items WHERE deleted": "counts all edges and blobs",
	"SELECT count(*) FROM sqlite_schema":               "the schema",
	"SELECT blob FROM loose WHERE added":               "blobs without an item, of which there are few",
	"WITH me AS":                                       "sorts the edges of one item",
	"SELECT coalesce((SELECT max(n) FROM changes)":     "the last row of each",
	"SELECT i.n, i.id, i.type, i.props, i.clocks, i.born, i.created, i.updated, i.time, i.version, i.trust, i.deleted FROM items i ORDER": "a verification reads everything",
	"SELECT c.n, c.kind, c.author, c.bypod":                         "a verification, or an export of the journal, reads everything",
	"SELECT n, change, item, action, salt":                          "a verification, or an export of the journal, reads everything",
	"SELECT item, change, until, prop, value":                       "a verification reads everything",
	"SELECT e.source, e.name, i.id, i.born":                         "a verification reads everything",
	"SELECT l.item, l.change, l.action":                             "an export reads everything",
	"SELECT item, key FROM keys":                                    "an export reads everything, in an index",
	"SELECT r.item, b.n, b.id":                                      "an export reads everything, in an index",
	"SELECT e.source, e.name, s.id, t.id":                           "an export reads everything",
	"SELECT p.seq, p.head":                                          "a pod has few principals",
	"SELECT id, principal, audience, policy, cr":                    "a pod has few grants",
	"SELECT count(*) FROM recalls":                                  "a check of the pod reads everything",
	"SELECT count(*) FROM vectors":                                  "a check of the pod reads everything",
	"SELECT item, model, code, vector":                              "a check of the pod reads everything",
	"SELECT n, items, bits FROM codes ORDER":                        "a check of the pod reads everything",
	"SELECT i.n FROM items i WHERE i.deleted = 0 AND TRUE ORDER BY": "with a type it is served by an index: TestRecallUsesIndexes",
	"SELECT coalesce(TRUE, '') AS value":                            "a tally reads all items of the type, by its index",
	"SELECT i.id, o.id FROM items i CROSS":                          "an audit reads all items of the type, by its index",
	"SELECT w.input, w.n, w.id":                                     "little waits",
	"SELECT id FROM pending":                                        "little waits",
	"DELETE FROM pending WHERE asked":                               "little waits",
	"DELETE FROM pending WHERE principal":                           "little waits",
	"SELECT w.n, w.id":                                              "little waits",
	"SELECT id, principal, op, input, does":                         "a verification reads everything",
	"DELETE FROM pending WHERE instr":                               "erasing is rare, and little waits",
	"SELECT (SELECT count(*) FROM pending WHERE":                    "little waits",
}

// TestStatementsUseIndexes explains every constant statement of the package, and
// those that listings and searches build, and refuses scans of tables.
func TestStatementsUseIndexes(t *testing.T) {
	b := newBench(t)
	db, err := sqlcipher.Open(t.Context(), b.cfg.Path, b.cfg.Key, sqlcipher.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), store.ApartIndex); err != nil {
		t.Fatal(err)
	}
	statements := statementsInSource(t)
	if len(statements) < 40 {
		t.Fatalf("found only %d statements", len(statements))
	}
	statements = append(statements, listings()...)
	for _, q := range statements {
		for _, line := range plan(t, db, q) {
			if allowed(q) || strings.Contains(q, "FROM blobs b JOIN blob_refs r") { // counts all blobs
				continue
			}
			// Reading rows in the order of their numbers is a SEARCH or has a LIMIT;
			// "SCAN search" is FTS5's own index.
			if walks.MatchString(line) {
				t.Errorf("%s\n\t%s", q, line)
			}
		}
	}
}

// TestRecallUsesIndexes: each statement that looks for memories by a property is served by
// the index on it.
func TestRecallUsesIndexes(t *testing.T) {
	b := newBench(t)
	db := b.sealed()
	n := 0
	for index, statements := range store.RecallSQL(store.BuiltinCatalog()) {
		for _, q := range statements {
			n++
			if lines := plan(t, db, q); !strings.Contains(strings.Join(lines, "\n"), index+" ") {
				t.Errorf("%s is not used by %s\n%q", index, q, lines)
			}
		}
	}
	if n != 12 {
		t.Errorf("%d statements", n)
	}
}

var walks = regexp.MustCompile(`^SCAN (?:items|i|edges|e|src|dst|history|leaves|l|changes|c|keys|k|blobs|b|blob_refs|r|imports|ledger|principals|p|grants|g|recalls|rc|vectors|x|codes|pending|w)\b`)

func allowed(q string) bool {
	for part := range scanned {
		if strings.HasPrefix(q, part) {
			return true
		}
	}
	return false
}

func plan(t *testing.T, db *sqlcipher.DB, q string) []string {
	t.Helper()
	args := make([]any, strings.Count(q, "?"))
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q, args...)
	if err != nil {
		t.Errorf("%s: %v", q, err)
		return nil
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// statementsInSource returns the string constants of the package that are
// statements, with the column list put in.
func statementsInSource(t *testing.T) []string {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if s, ok := constant(e); ok && statement.MatchString(s) && !fragment.MatchString(s) && !slices.Contains(found, s) {
					found = append(found, s)
					return false
				}
			}
			return true
		})
	}
	return found
}

var statement = regexp.MustCompile(`^(?:WITH me|SELECT [^*]|INSERT INTO [a-z_]+\(|UPDATE [a-z]+ SET|DELETE FROM)(?:[^%]|\n)*$`)

// fragment matches parts of statements that are put together elsewhere.
var fragment = regexp.MustCompile(`^SELECT i\.n[^F]*$|WHERE (?:TRUE)?$|(?:AND|BY) $|p\.key$|\($`)

// constant evaluates string literals and their sums.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		s, ok := store.Columns[e.Name]
		return s, ok
	case *ast.SelectorExpr:
		return "TRUE", e.Sel.Name == "sql" // a filter
	case *ast.BinaryExpr:
		x, ok := constant(e.X)
		y, ok2 := constant(e.Y)
		return x + y, ok && ok2
	}
	return "", false
}

// listings are statements that queries and searches build.
func listings() []string {
	c := store.BuiltinCatalog()
	var all []string
	for _, q := range []locket.Query{
		{},
		{Order: "time"},
		{Order: "-created"},
		{Type: "Note"},
		{Type: "Message", Order: "-time"},
		{Deleted: true},
		{Type: "Person", Order: "name"},
		{Type: "Memory", Order: "created", Where: []locket.Condition{cond("namespace", locket.OpEqual, "x"), cond("name", locket.OpEqual, "x")}},
		{Type: "Person", Where: []locket.Condition{cond("name", locket.OpEqual, "x")}},
		{Type: "Memory", Order: "sha256", Where: []locket.Condition{cond("sha256", locket.OpEqual, "x")}},
		{Type: "Person", Order: "name", Where: []locket.Condition{cond("name", locket.OpPrefix, "x")}},
	} {
		all = append(all, store.ListingSQL(c, q))
	}
	all = append(all, store.RestrictedSQL(c)...)
	for _, text := range []string{"word", "word type:note", "type:note after:2026", "-word", "word -other has:url"} {
		all = append(all, store.SearchSQL(c, text))
	}
	return append(all, store.LinksSQL()...)
}
