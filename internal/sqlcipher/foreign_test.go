package sqlcipher_test

import (
	"context"
	stdpbkdf2 "crypto/pbkdf2"
	"crypto/sha512"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// plain opens a plain database for writing, as another program would.
func plain(t *testing.T, path string, queries ...string) *sql.DB {
	t.Helper()
	if _, err := sqlcipher.OpenForeign(t.Context(), path+".absent", nil, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a missing file: %v", err) // it has prepared SQLite, which must come first
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.60s: %v", q, err)
		}
	}
	return db
}

func foreign(t *testing.T, path string, key *secret.Key) *sqlcipher.DB {
	t.Helper()
	db, err := sqlcipher.OpenForeign(t.Context(), path, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// listing is names, sizes, times and contents of a folder.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, e.Name(), info.Size(), info.ModTime().UnixNano(), sha512.Sum512(readFile(t, filepath.Join(dir, e.Name()))))
	}
	return b.String()
}

// TestForeignLeavesNoTrace reads databases whose latest rows are in the WAL, with and
// without a -shm, and one without a WAL, and compares the folder.
func TestForeignLeavesNoTrace(t *testing.T) {
	live := inTemp(t, "live.db")
	w := plain(t, live, "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", schema, fillRows("1", "500"),
		"PRAGMA wal_checkpoint", fillRows("501", "600"))
	crypted := inTemp(t, "crypted.db")
	cw := open(t, crypted, "wal_autocheckpoint(0)")
	mustExec(t, cw, schema, fillRows("1", "600"))
	for name, source := range map[string]struct {
		path string
		key  *secret.Key
	}{"plain": {live, nil}, "encrypted": {crypted, testKey()}} {
		for _, extra := range []string{"wal", "wal and shm", "neither"} {
			t.Run(name+", "+extra, func(t *testing.T) {
				path, want := inTemp(t, "x.db"), "600"
				copyDB(t, source.path, path)
				switch {
				case extra == "wal and shm":
					if err := os.WriteFile(path+"-shm", readFile(t, source.path+"-shm"), 0o600); err != nil {
						t.Fatal(err)
					}
				case extra == "neither" && name == "plain":
					if err := os.Remove(path + "-wal"); err != nil {
						t.Fatal(err)
					}
					want = "500"
				case extra == "neither":
					mustClose(t, open(t, path)) // moves the WAL into the database and removes it
				}
				before := listing(t, filepath.Dir(path))
				db := foreign(t, path, source.key)
				if got := queryText(t, db, "SELECT count(*) FROM items"); got != want {
					t.Errorf("%s rows, want %s", got, want)
				}
				for _, q := range []string{
					"INSERT INTO items VALUES(7000, 'a', 'b')", "CREATE TABLE t(x)", "ATTACH 'y.db' AS y", "VACUUM", "PRAGMA user_version=1",
					"PRAGMA journal_mode=DELETE", "CREATE TEMP TABLE t(x)", "ATTACH ':memory:' AS m", "SELECT * FROM items_fts", "PRAGMA wal_checkpoint", "SELECT load_extension('x')",
				} {
					if _, err := db.ExecContext(t.Context(), q); err == nil {
						t.Errorf("%s: not refused", q)
					}
				}
				mustClose(t, db)
				if after := listing(t, filepath.Dir(path)); after != before {
					t.Errorf("the folder was\n%sand is\n%s", before, after)
				}
			})
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, cw)
}

func TestForeignRefusesHotJournal(t *testing.T) {
	path, hot := inTemp(t, "x.db"), inTemp(t, "hot.db")
	w := plain(t, path, "PRAGMA cache_size=20", "PRAGMA cache_spill=10", schema, fillRows("1", "2000"))
	for _, q := range strings.Split(strings.TrimSuffix(spill, ";"), ";") {
		if _, err := w.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	copyDB(t, path, hot)
	if n := len(readFile(t, hot+"-journal")); n < 100<<10 {
		t.Fatalf("the journal has %d bytes: it was not hot", n)
	}
	before := listing(t, filepath.Dir(hot))
	if db, err := sqlcipher.OpenForeign(t.Context(), hot, nil, 0); err == nil {
		_ = db.Close()
		t.Error("half of a transaction was read")
	}
	if after := listing(t, filepath.Dir(hot)); after != before {
		t.Errorf("the folder was\n%sand is\n%s", before, after)
	}
}

func TestForeignLimitsLength(t *testing.T) {
	path := inTemp(t, "x.db")
	if err := plain(t, path, "CREATE TABLE t(x, y AS (hex(zeroblob(100000000))))", "INSERT INTO t VALUES(zeroblob(5000000))").Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlcipher.OpenForeign(t.Context(), path, nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, db)
	for _, column := range []string{"x", "y"} {
		var b []byte
		if err := db.QueryRowContext(t.Context(), "SELECT "+column+" FROM t").Scan(&b); err == nil {
			t.Errorf("%s: %d bytes were read", column, len(b))
		}
	}
}

func TestPassphraseKey(t *testing.T) {
	path := inTemp(t, "x.db")
	if err := os.WriteFile(path, []byte("0123456789abcdef and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := sqlcipher.PassphraseKey(path, secret.Take([]byte("open sesame")))
	if err != nil {
		t.Fatal(err)
	}
	want, err := stdpbkdf2.Key(sha512.New, "open sesame", []byte("0123456789abcdef"), 256_000, 32)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Bytes()) != string(want) {
		t.Error("differs from crypto/pbkdf2")
	}
}

func TestForeignPassphraseOfStock(t *testing.T) {
	need(t, "sqlcipher", "install sqlcipher 4.6 or newer")
	path := inTemp(t, "x.db")
	cmd := exec.CommandContext(t.Context(), "sqlcipher", path)
	cmd.Stdin = strings.NewReader("PRAGMA key='it''s ünsafe';" + schema + fillRows("1", "300"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for passphrase, want := range map[string]error{"it's ünsafe": nil, "wrong": sqlcipher.ErrWrongKey} {
		key, err := sqlcipher.PassphraseKey(path, secret.Take([]byte(passphrase)))
		if err != nil {
			t.Fatal(err)
		}
		db, err := sqlcipher.OpenForeign(t.Context(), path, key, 0)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", passphrase, err, want)
		}
		if err != nil {
			continue
		}
		if got := queryText(t, db, "SELECT count(*) FROM items"); got != "300" {
			t.Errorf("%s rows", got)
		}
		mustClose(t, db)
	}
}

// everything is a schema with one of each thing that a copy could lose.
const everything = schema + `
CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT COLLATE NOCASE);
INSERT INTO seq(x) VALUES('a'),('b'),('c'); DELETE FROM seq WHERE id=3;
CREATE TABLE nokey(x); INSERT INTO nokey VALUES(1),('two'),(x'03'),(NULL),(4.5); DELETE FROM nokey WHERE x='two';
CREATE TABLE worow(a TEXT, b INT, PRIMARY KEY(b, a)) WITHOUT ROWID; INSERT INTO worow VALUES('x', 2), ('y', 1);
CREATE TABLE gen(a INTEGER, b INTEGER AS (a*2), c TEXT AS (a||'!') STORED) STRICT; INSERT INTO gen(a) VALUES(4);
CREATE TABLE "odd "" name"("größe" TEXT, "a'b" BLOB); INSERT INTO "odd "" name" VALUES('ü'||char(0)||'z', zeroblob(0));
CREATE INDEX partial ON seq(x) WHERE x > 'a'; CREATE UNIQUE INDEX expr ON worow(lower(a));
CREATE VIEW v AS SELECT * FROM seq;
CREATE TRIGGER tr AFTER INSERT ON seq BEGIN DELETE FROM nokey; END;
CREATE VIRTUAL TABLE own USING fts5(t, tokenize='porter'); INSERT INTO own VALUES('harbours and tides'),('gone'); DELETE FROM own WHERE rowid=2;
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1); INSERT INTO boxes VALUES(1, 0.5, 2.5);
PRAGMA user_version=42; PRAGMA application_id=-7;
ANALYZE;
`

// contents are what both copies must say alike.
var contents = []string{
	"PRAGMA integrity_check", "PRAGMA user_version", "PRAGMA application_id", "PRAGMA encoding", "SELECT count(*)||sum(length(body)) FROM items",
	"SELECT group_concat(type||name||tbl_name||coalesce(sql,''), '|') FROM (SELECT * FROM sqlite_schema ORDER BY type, name)",
	"SELECT group_concat(rowid||typeof(x)||quote(x)) FROM nokey", "SELECT group_concat(quote(a)||b) FROM worow",
	"SELECT group_concat(name||seq) FROM sqlite_sequence", "SELECT a||b||c FROM gen", `SELECT hex("größe")||quote("a'b") FROM "odd "" name"`,
	"SELECT count(*) FROM own WHERE own MATCH 'harbour'", "SELECT count(*) FROM items_fts WHERE items_fts MATCH 'word7'",
	"SELECT id||x1 FROM boxes WHERE x0 > 0.25", "SELECT count(*) FROM sqlite_stat1",
	"INSERT INTO own(own) VALUES('integrity-check')", "INSERT INTO seq(x) VALUES('new') RETURNING id",
}

func TestEncryptKeepsEverything(t *testing.T) {
	for _, prepare := range []string{
		"PRAGMA page_size=512", "PRAGMA page_size=4096", "PRAGMA page_size=65536", "PRAGMA auto_vacuum=FULL", "PRAGMA encoding='UTF-16le'", "PRAGMA journal_mode=WAL",
	} {
		t.Run(prepare, func(t *testing.T) {
			path, out := inTemp(t, "x.db"), inTemp(t, "y.db")
			w := plain(t, path, prepare, everything, fillRows("1", "3000"), "DELETE FROM items WHERE id%7=0")
			before := listing(t, filepath.Dir(path))
			db := foreign(t, path, nil)
			pages := int64(0)
			if err := sqlcipher.Encrypt(t.Context(), db, out, testKey(), func(n int64) { pages = n }, nil); err != nil {
				t.Fatal(err)
			}
			mustClose(t, db)
			if after := listing(t, filepath.Dir(path)); after != before {
				t.Errorf("the original's folder was\n%sand is\n%s", before, after)
			}
			if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 || pages == 0 {
				t.Errorf("left behind: %v, %v; %d pages", entries, err, pages)
			}
			if file := readFile(t, out); count(file, "word7", "harbour", "SQLite", "CREATE") != 0 {
				t.Error("the copy holds plain text")
			}
			info, err := os.Stat(out)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			stockCopy := inTemp(t, "z.db")
			copyDB(t, out, stockCopy)
			for _, q := range contents {
				var want []string
				rows, err := w.QueryContext(t.Context(), q)
				if err != nil {
					t.Fatalf("%s: %v", q, err)
				}
				for rows.Next() {
					var s string
					if err := rows.Scan(&s); err != nil {
						t.Fatal(err)
					}
					want = append(want, s)
				}
				if err := errors.Join(rows.Err(), rows.Close()); err != nil {
					t.Fatal(err)
				}
				ours := open(t, out)
				if got := queryText(t, ours, q); got != strings.Join(want, "\n") {
					t.Errorf("%s:\n%.300s\nwant\n%.300s", q, got, strings.Join(want, "\n"))
				}
				mustClose(t, ours)
			}
			if got := stock(t, stockCopy, "PRAGMA cipher_integrity_check; PRAGMA integrity_check; SELECT count(*) FROM own WHERE own MATCH 'tide';"); got != "ok\n1" {
				t.Errorf("the stock tool says %s", got)
			}
		})
	}
}

func TestEncryptAllOrNothing(t *testing.T) {
	path, out := inTemp(t, "x.db"), inTemp(t, "y.db")
	plain(t, path, schema, fillRows("1", "2000"))
	db := foreign(t, path, nil)
	refused := errors.New("refused")
	ctx, cancel := context.WithCancel(t.Context())
	for name, f := range map[string]func() error{
		"refused by the check": func() error {
			return sqlcipher.Encrypt(t.Context(), db, out, testKey(), nil, func(string) error { return refused })
		},
		"stopped": func() error {
			return sqlcipher.Encrypt(ctx, db, out, testKey(), func(n int64) {
				if n == 50 {
					cancel()
				}
			}, nil)
		},
	} {
		if err := f(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := listing(t, filepath.Dir(out)); got != "" {
			t.Errorf("%s: left behind %s", name, got)
		}
	}
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlcipher.Encrypt(t.Context(), db, out, testKey(), nil, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	if string(readFile(t, out)) != "mine" || sqlcipher.OpenHandles() != 0 {
		t.Error("another file was overwritten, or a handle is left")
	}
}

// childForeign reads, sorts and encrypts a database: args are its path and the copy's.
func childForeign(args []string) error {
	ctx := context.Background()
	db, err := sqlcipher.OpenForeign(ctx, args[0], nil, 0)
	if err != nil {
		return err
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT DISTINCT body FROM items ORDER BY body||kind)").Scan(&n); err != nil {
		return err
	}
	return errors.Join(sqlcipher.Encrypt(ctx, db, args[1], testKey(), nil, nil), db.Close())
}

// TestForeignWritesOnlyTheCopy watches every file that a process opens.
func TestForeignWritesOnlyTheCopy(t *testing.T) {
	need(t, "strace", "install strace")
	path, out, log := inTemp(t, "x.db"), inTemp(t, "y.db"), inTemp(t, "strace.log")
	plain(t, path, schema, fillRows("1", "20000"))
	cmd := child(t, "foreign", []string{"strace", "-f", "-qq", "-o", log, "-e", "trace=open,openat,creat,mkdir,mkdirat,memfd_create"}, path, out)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	writing := regexp.MustCompile(`"([^"]*)", [A-Z_|]*(O_WRONLY|O_RDWR|O_CREAT)`)
	seen := false
	for line := range strings.SplitSeq(string(readFile(t, log)), "\n") {
		m := writing.FindStringSubmatch(line)
		switch {
		case m == nil || strings.HasPrefix(m[1], "/dev/") || strings.HasPrefix(m[1], "/proc/") || strings.HasPrefix(m[1], "/sys/"):
		case filepath.Dir(m[1]) == filepath.Dir(out):
			seen = true
		default:
			t.Errorf("opened for writing: %s", line)
		}
	}
	if !seen {
		t.Error("not even the copy was seen to be opened: the test sees nothing")
	}
	if n := count(readFile(t, out), "word7", hex.EncodeToString([]byte("word7"))); n != 0 {
		t.Error("plain text in the copy")
	}
}
