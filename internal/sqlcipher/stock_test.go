package sqlcipher_test

import (
	"strings"
	"testing"
)

const schema = `
CREATE TABLE items(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX items_kind ON items(kind, id);
CREATE VIRTUAL TABLE items_fts USING fts5(body, content='items', content_rowid='id');
CREATE TRIGGER items_ai AFTER INSERT ON items BEGIN INSERT INTO items_fts(rowid, body) VALUES (new.id, new.body); END;
CREATE TRIGGER items_au AFTER UPDATE OF body ON items BEGIN
 INSERT INTO items_fts(items_fts, rowid, body) VALUES ('delete', old.id, old.body);
 INSERT INTO items_fts(rowid, body) VALUES (new.id, new.body); END;
`

const fill = `WITH RECURSIVE n(i) AS (SELECT %from% UNION ALL SELECT i+1 FROM n WHERE i<%to%)
INSERT INTO items SELECT i, 'note', 'word'||(i%97)||' '||hex(randomblob(300)) FROM n;
`

func fillRows(from, to string) string {
	return strings.NewReplacer("%from%", from, "%to%", to).Replace(fill)
}

// spill makes a transaction write pages before it commits, and then again.
const spill = "BEGIN;" +
	"UPDATE items SET kind='a'||kind;" +
	"UPDATE items SET body='word7 '||body WHERE id%3=0;" +
	"UPDATE items SET kind='b' WHERE id%2=0;"

// facts are what both implementations must agree on.
var facts = []string{
	"PRAGMA integrity_check",
	"SELECT count(*)||' '||sum(length(body))||' '||group_concat(DISTINCT kind) FROM items",
	"SELECT hex(substr(body,1,20)) FROM items WHERE id%101=5",
	"SELECT count(*) FROM items_fts WHERE items_fts MATCH 'word7'",
}

func stockFacts(t *testing.T, path string) string {
	t.Helper()
	return stock(t, path, strings.Join(facts, ";\n")+";\n")
}

func ourFacts(t *testing.T, path string) string {
	t.Helper()
	db := open(t, path)
	defer mustClose(t, db)
	var all []string
	for _, q := range facts {
		all = append(all, queryText(t, db, q))
	}
	return strings.Join(all, "\n")
}

// sameFacts compares what we and the stock tool find in copies of path, each
// of which starts with a recovery if path has a hot WAL or journal.
func sameFacts(t *testing.T, path string) string {
	t.Helper()
	a, b := inTemp(t, "ours.db"), inTemp(t, "stock.db")
	copyDB(t, path, a)
	copyDB(t, path, b)
	ours, theirs := ourFacts(t, a), stockFacts(t, b)
	if ours != theirs {
		t.Errorf("ours and stock sqlcipher differ:\n%s\n-- stock:\n%s", ours, theirs)
	}
	if !strings.HasPrefix(ours, "ok\n") {
		t.Errorf("integrity_check: %.300s", ours)
	}
	for _, p := range []string{a, b} {
		if out := stock(t, p, "PRAGMA cipher_integrity_check;\n"); out != "" {
			t.Errorf("cipher_integrity_check of %s: %s", p, out)
		}
	}
	return ours
}

func TestStockReadsOurs(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "3000"), "DELETE FROM items WHERE id%5=0", "VACUUM")
	mustClose(t, db)
	sameFacts(t, path)
}

func TestStockRecoversOurWAL(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path, "wal_autocheckpoint(0)", "cache_size(20)", "cache_spill(10)")
	mustExec(t, db, schema, fillRows("1", "2000"), spill+"COMMIT", fillRows("2001", "2050"))
	hot := inTemp(t, "hot.db")
	copyDB(t, path, hot)
	if n := len(readFile(t, hot+"-wal")); n < 1<<20 {
		t.Fatalf("the WAL has %d bytes: it was not hot", n)
	}
	got := sameFacts(t, hot)
	mustClose(t, db)
	if want := ourFacts(t, path); got != want {
		t.Errorf("recovered:\n%s\n-- live:\n%s", got, want)
	}
}

func TestWeRecoverStockWAL(t *testing.T) {
	path, hot, mid := inTemp(t, "x.db"), inTemp(t, "hot.db"), inTemp(t, "mid.db")
	stock(t, path, "PRAGMA journal_mode=WAL;PRAGMA wal_autocheckpoint=0;PRAGMA cache_size=20;PRAGMA cache_spill=10;"+
		schema+fillRows("1", "2000")+spill+"COMMIT;\n"+
		".system cp '"+path+"' '"+hot+"'\n.system cp '"+path+"-wal' '"+hot+"-wal'\n"+
		"BEGIN;UPDATE items SET body='word7';\n"+ // uncommitted frames behind the committed ones
		".system cp '"+path+"' '"+mid+"'\n.system cp '"+path+"-wal' '"+mid+"-wal'\n"+
		"ROLLBACK;\n")
	if len(readFile(t, mid+"-wal")) <= len(readFile(t, hot+"-wal")) {
		t.Fatal("the open transaction did not spill")
	}
	if a, b := sameFacts(t, hot), sameFacts(t, mid); a != b {
		t.Errorf("with uncommitted frames:\n%s\n-- without:\n%s", b, a)
	}
}

func TestStockRollsBackOurJournal(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path, "journal_mode(DELETE)", "cache_size(20)", "cache_spill(10)")
	db.SetMaxOpenConns(1)
	mustExec(t, db, schema, fillRows("1", "2000"))
	want := ourFacts(t, path)
	mustExec(t, db, spill)
	hot := inTemp(t, "hot.db")
	copyDB(t, path, hot)
	if n := len(readFile(t, hot+"-journal")); n < 100<<10 {
		t.Fatalf("the journal has %d bytes: it was not hot", n)
	}
	if got := sameFacts(t, hot); got != want {
		t.Errorf("rolled back:\n%s\n-- before:\n%s", got, want)
	}
	mustExec(t, db, "ROLLBACK")
	mustClose(t, db)
	if got := ourFacts(t, path); got != want {
		t.Errorf("after ROLLBACK:\n%s\n-- before:\n%s", got, want)
	}
}

func TestWeRollBackStockJournal(t *testing.T) {
	path, hot := inTemp(t, "x.db"), inTemp(t, "hot.db")
	stock(t, path, schema+fillRows("1", "2000"))
	want := stockFacts(t, path)
	stock(t, path, "PRAGMA cache_size=20;PRAGMA cache_spill=10;"+spill+
		"\n.system cp '"+path+"' '"+hot+"'\n.system cp '"+path+"-journal' '"+hot+"-journal'\nROLLBACK;\n")
	if n := len(readFile(t, hot+"-journal")); n < 100<<10 {
		t.Fatalf("the journal has %d bytes: it was not hot", n)
	}
	if got := sameFacts(t, hot); got != want {
		t.Errorf("rolled back:\n%s\n-- before:\n%s", got, want)
	}
}

// TestSavepoints reads the journal and the WAL back inside a transaction.
func TestSavepoints(t *testing.T) {
	for _, mode := range []string{"WAL", "DELETE", "TRUNCATE"} {
		t.Run(mode, func(t *testing.T) {
			path := inTemp(t, "x.db")
			db := open(t, path, "journal_mode("+mode+")", "cache_size(20)", "cache_spill(10)")
			db.SetMaxOpenConns(1)
			mustExec(t, db, schema, fillRows("1", "1000"))
			sum := "SELECT count(*)||' '||sum(length(body))||' '||sum(length(kind)) FROM items"
			want := queryText(t, db, sum)
			mustExec(t, db, "BEGIN", "UPDATE items SET kind='x'||kind", "SAVEPOINT s",
				"UPDATE items SET body=hex(randomblob(400))", fillRows("1001", "1500"), "ROLLBACK TO s",
				"UPDATE items SET body=body||'y'", "ROLLBACK TO s", "UPDATE items SET kind=substr(kind,2)", "COMMIT")
			if got := queryText(t, db, sum); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			mustClose(t, db)
			sameFacts(t, path)
		})
	}
}
