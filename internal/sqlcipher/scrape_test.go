package sqlcipher_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

const straceHint = "install strace, and allow ptrace"

// marker is text that must not reach the disk. It is put together so that no
// single string of this program has it.
func marker() string { return strings.Join([]string{"purple", "submarine", "pearl"}, "~") }

// TestDiskScrape looks into every write of a process that sorts and spills
// with next to no cache. The control does the same without encryption and with
// temporary files, and must be caught.
func TestDiskScrape(t *testing.T) {
	need(t, "strace", straceHint)
	for _, tt := range []struct {
		mode   string
		leaks  bool
		writes int // at least
	}{{"WAL", false, 500}, {"DELETE", false, 500}, {"plain", true, 500}} {
		t.Run(tt.mode, func(t *testing.T) {
			log := inTemp(t, "strace.txt")
			cmd := child(t, "scrape", []string{
				"strace", "-f", "-s", "65536", "-o", log,
				"-e", "trace=write,pwrite64,pwritev,writev,sendto", "-e", "signal=none",
			}, inTemp(t, "x.db"), tt.mode)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			trace := readFile(t, log)
			if n := count(trace, "write"); n < tt.writes {
				t.Fatalf("only %d writes were seen", n)
			}
			hits := count(trace, marker())
			if tt.leaks != (hits > 0) {
				t.Errorf("the marker is in the writes %d times, should leak: %v", hits, tt.leaks)
			}
		})
	}
}

func childScrape(args []string) error {
	ctx := context.Background()
	path, mode := args[0], args[1]
	pragmas := []string{"cache_size(5)", "cache_spill(2)", "wal_autocheckpoint(50)"}
	var db *sql.DB
	if mode == "plain" {
		dsn := "file:" + path + "?_pragma=temp_store(FILE)"
		for _, p := range pragmas {
			dsn += "&_pragma=" + p
		}
		var err error
		if db, err = sql.Open("sqlite", dsn); err != nil {
			return err
		}
	} else {
		enc, err := sqlcipher.Open(ctx, path, testKey(), sqlcipher.Options{Pragmas: append(pragmas, "journal_mode("+mode+")")})
		if err != nil {
			return err
		}
		db = enc.DB
	}
	db.SetMaxOpenConns(1)
	err := workload(ctx, db)
	return errors.Join(err, db.Close())
}

// workload uses every kind of temporary storage that SQLite has: sorter,
// statement journal, temporary tables, automatic index, VACUUM.
func workload(ctx context.Context, db *sql.DB) error {
	for _, q := range []string{
		"CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, u TEXT UNIQUE)",
		"CREATE VIRTUAL TABLE f USING fts5(a)",
		"WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<1500) INSERT INTO t SELECT i, ?1||hex(randomblob(300)), i FROM s",
		"INSERT INTO f SELECT a FROM t WHERE id<300",
		"CREATE INDEX t_a ON t(a)",
		"CREATE TEMP TABLE x AS SELECT a, u FROM t ORDER BY u DESC",
		"SELECT count(*) FROM (SELECT DISTINCT a||u FROM t ORDER BY u||a)",
		"SELECT count(*) FROM t JOIN x ON t.a=x.a||''",
		"UPDATE OR IGNORE t SET u=id%700, a=a||?1",
		"VACUUM",
		"DELETE FROM t WHERE id%2=0",
	} {
		args := []any{}
		if strings.Contains(q, "?1") {
			args = append(args, marker())
		}
		if _, err := db.ExecContext(ctx, q, args...); err != nil {
			return fmt.Errorf("%.40s: %w", q, err)
		}
	}
	return nil
}

// TestNoPlainFile searches what a run leaves on the disk, WAL included.
func TestNoPlainFile(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path, "wal_autocheckpoint(0)")
	if err := workload(t.Context(), db.DB); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		b := readFile(t, path+suffix)
		if n := count(b, marker(), "CREATE TABLE", "SQLite format"); n != 0 {
			t.Errorf("%d pieces of plain text in the file %q", n, suffix)
		}
	}
	if names, err := os.ReadDir(os.TempDir()); err != nil {
		t.Error(err)
	} else {
		for _, n := range names {
			if strings.HasPrefix(n.Name(), "etilqs_") {
				t.Errorf("SQLite left a temporary file: %s", n.Name())
			}
		}
	}
}
