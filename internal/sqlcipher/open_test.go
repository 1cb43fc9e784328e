package sqlcipher_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

func TestOpenErrors(t *testing.T) {
	good := inTemp(t, "good.db")
	db := open(t, good)
	mustExec(t, db, "CREATE TABLE t(a)", "INSERT INTO t VALUES(1)")
	mustClose(t, db)
	whole := readFile(t, good)
	with := func(change func(b []byte) []byte) string {
		p := inTemp(t, "changed.db")
		if err := os.WriteFile(p, change(append([]byte(nil), whole...)), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	cut := func(n int) string { return with(func(b []byte) []byte { return b[:n] }) }
	flip := func(i int) string { return with(func(b []byte) []byte { b[i] ^= 1; return b }) }
	must := sqlcipher.Options{MustExist: true}
	for _, tt := range []struct {
		name string
		path string
		key  *secret.Key
		opts sqlcipher.Options
		want error
	}{
		{"wrong key", good, secret.Random(32), must, sqlcipher.ErrWrongKey},
		{"missing", inTemp(t, "none.db"), testKey(), must, fs.ErrNotExist},
		{"missing, read only", inTemp(t, "none.db"), testKey(), sqlcipher.Options{ReadOnly: true}, fs.ErrNotExist},
		{"empty file", cut(0), testKey(), must, sqlcipher.ErrTampered},
		{"cut in the salt", cut(7), testKey(), must, sqlcipher.ErrTampered},
		{"cut in page 1", cut(2000), testKey(), must, sqlcipher.ErrTampered},
		{"cut after page 1", cut(4096), testKey(), must, sqlcipher.ErrTampered},
		{"cut in page 2", cut(5000), testKey(), must, sqlcipher.ErrTampered},
		{"page 1 flipped", flip(3000), testKey(), must, sqlcipher.ErrTampered},
		{"salt flipped", flip(3), testKey(), must, sqlcipher.ErrWrongKey},
		{"all zero", with(func(b []byte) []byte { clear(b); return b }), testKey(), must, sqlcipher.ErrWrongKey},
		{"zero page 1", with(func(b []byte) []byte { clear(b[16:4096]); return b }), testKey(), must, sqlcipher.ErrTampered},
		{"plain SQLite", with(func(b []byte) []byte { clear(b); copy(b, "SQLite format 3\x00\x10\x00\x01\x01"); return b }), testKey(), must, sqlcipher.ErrWrongKey},
		{"refused pragma", good, testKey(), sqlcipher.Options{Pragmas: []string{"temp_store(FILE)"}}, sqlcipher.ErrRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := sqlcipher.Open(t.Context(), tt.path, tt.key, tt.opts)
			if err == nil {
				// Only damage behind page 1 may wait for the first query.
				_, err = db.ExecContext(t.Context(), "SELECT count(*) FROM t")
				mustClose(t, db)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if n := sqlcipher.OpenHandles(); n != 0 {
		t.Errorf("%d key handles are left", n)
	}
}

// TestHandleOfFailedOpen opens a path that is too long for SQLite, which then
// does not even ask the VFS.
func TestHandleOfFailedOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a", 200), strings.Repeat("b", 200), strings.Repeat("c", 200))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlcipher.Open(t.Context(), filepath.Join(dir, "x.db"), testKey(), sqlcipher.Options{}); err == nil {
		t.Fatal("a path of more than 512 bytes was opened")
	}
	if n := sqlcipher.OpenHandles(); n != 0 {
		t.Errorf("%d key handles are left", n)
	}
}

func TestOpenShortKey(t *testing.T) {
	if _, err := sqlcipher.Open(t.Context(), inTemp(t, "x.db"), secret.Random(16), sqlcipher.Options{}); err == nil {
		t.Error("a key of 16 bytes was taken")
	}
}

func TestTamperedErrorNamesThePage(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "500"))
	mustClose(t, db)
	b := readFile(t, path)
	b[20*sqlcipher.PageSize+100] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	_, err := db.ExecContext(t.Context(), "SELECT sum(length(body)), sum(length(kind)) FROM items")
	te, ok := errors.AsType[*sqlcipher.TamperedError](err)
	if !ok || te.File != "main" || te.Page != 21 || !errors.Is(err, sqlcipher.ErrTampered) {
		t.Errorf("got %v, want page 21 of the main file", err)
	}
}

func TestNewFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a b%3f?#&ü.db") // what a URI would trip over
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE t(a)")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		st, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", suffix, st.Mode())
		}
	}
	if got := queryText(t, db, "PRAGMA journal_mode"); got != "wal" {
		t.Errorf("journal_mode is %s", got)
	}
	mustClose(t, db)
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("left in the folder: %v", names)
	}
}

func TestReadOnly(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE t(a)", "INSERT INTO t VALUES(5)")
	mustClose(t, db)
	ro, err := sqlcipher.Open(t.Context(), path, testKey(), sqlcipher.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	if got := queryText(t, ro, "SELECT a FROM t"); got != "5" {
		t.Errorf("got %s", got)
	}
	if _, err := ro.ExecContext(t.Context(), "INSERT INTO t VALUES(6)"); err == nil {
		t.Error("a read-only database was written")
	}
}

func TestRefusedStatements(t *testing.T) {
	db := open(t, inTemp(t, "x.db"))
	out := inTemp(t, "out.db")
	mustExec(t, db, "CREATE TABLE t(a)", "INSERT INTO t VALUES(1)")
	for _, q := range []string{
		"ATTACH '' AS x",
		"ATTACH ':memory:' AS x",
		"ATTACH 'file:" + out + "?vfs=unix' AS x",
		"ATTACH ('file:" + out + "?v'||'fs=unix') AS x",
		"VACUUM INTO '" + out + "'",
		"VACUUM INTO ('file:" + out + "?v'||'fs=unix')",
		"DETACH main",
		"SELECT load_extension('x.so')",
		"PRAGMA temp_store=FILE",
		"PRAGMA temp_store=0",
		"PRAGMA temp_store_directory='/tmp'",
		"PRAGMA secure_delete=OFF",
		"PRAGMA secure_delete=FAST",
		"PRAGMA trusted_schema=ON",
		"PRAGMA cell_size_check=OFF",
		"PRAGMA mmap_size=1000000",
		"PRAGMA synchronous=OFF",
		"PRAGMA journal_mode=OFF",
		"PRAGMA journal_mode=PERSIST",
		"PRAGMA journal_mode=MEMORY",
		"PRAGMA locking_mode=EXCLUSIVE",
		"PRAGMA auto_vacuum=FULL",
		"PRAGMA page_size=8192",
		"PRAGMA writable_schema=ON",
		"PRAGMA rekey='x'",
		"PRAGMA unheard_of",
		"SELECT * FROM pragma_writable_schema",
		"UPDATE sqlite_schema SET sql=''",
	} {
		if _, err := db.ExecContext(t.Context(), q); err == nil {
			t.Errorf("%s: allowed", q)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a plain file was written")
	}
	for _, q := range []string{
		"VACUUM", "PRAGMA synchronous=NORMAL", "PRAGMA user_version=3", "PRAGMA wal_checkpoint(TRUNCATE)", "ANALYZE",
		"SELECT * FROM pragma_table_info('t')", "PRAGMA temp_store=MEMORY", "CREATE TEMP TABLE x AS SELECT * FROM t",
		"PRAGMA optimize", "PRAGMA foreign_keys=OFF", "SAVEPOINT s", "RELEASE s",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	_, err := db.ExecContext(t.Context(), "PRAGMA mmap_size=1000")
	if !errors.Is(err, sqlcipher.ErrRefused) {
		t.Errorf("got %v, want ErrRefused", err)
	}
}

// TestRequiredPragmas reads what every connection must have, on all of them.
func TestRequiredPragmas(t *testing.T) {
	db := open(t, inTemp(t, "x.db"))
	want := map[string]string{
		"temp_store": "2", "secure_delete": "1", "cell_size_check": "1", "trusted_schema": "0",
		"synchronous": "2", "busy_timeout": "10000", "mmap_size": "",
	}
	for i := range 4 {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for name, want := range want {
			var got string
			err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got)
			if want == "" && err == nil && got == "0" {
				continue // mmap_size answers with 0 or with no row at all
			}
			if got != want {
				t.Errorf("connection %d: %s is %q, want %q (%v)", i, name, got, want, err)
			}
		}
	}
}

func TestBusy(t *testing.T) {
	path := inTemp(t, "x.db")
	a, b := open(t, path), open(t, path, "busy_timeout(1)")
	mustExec(t, a, "CREATE TABLE t(a)")
	tx, err := a.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO t VALUES(1)"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ExecContext(t.Context(), "INSERT INTO t VALUES(2)"); !errors.Is(err, sqlcipher.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
}

// TestCancelWhileBusy waits for a lock that is not given, with a busy_timeout of
// an hour: only the context can end the wait.
func TestCancelWhileBusy(t *testing.T) {
	path := inTemp(t, "x.db")
	a, b := open(t, path), open(t, path, "busy_timeout(3600000)")
	mustExec(t, a, "CREATE TABLE t(a)")
	tx, err := a.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO t VALUES(1)"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := b.ExecContext(ctx, "INSERT INTO t VALUES(2)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, b, "INSERT INTO t VALUES(3)") // b is still good
}

// TestCreateTogether lets many openers, here and in other processes, create
// the same file: all must end up in one database.
func TestCreateTogether(t *testing.T) {
	for round := range 5 {
		path := inTemp(t, "x.db")
		const here, there = 4, 2
		var wg sync.WaitGroup
		errs := make(chan error, here+there)
		for i := range here {
			wg.Go(func() { errs <- createAndInsert(t.Context(), path, i) })
		}
		for i := range there {
			cmd := child(t, "create", nil, path, fmt.Sprint(here+i))
			wg.Go(func() {
				if out, err := cmd.CombinedOutput(); err != nil {
					errs <- fmt.Errorf("%w: %s", err, out)
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if got := queryText(t, open(t, path), "SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY a)"); got != "0,1,2,3,4,5" {
			t.Errorf("round %d: got rows %s", round, got)
		}
	}
}

func childCreate(args []string) error {
	return createAndInsert(context.Background(), args[0], int(args[1][0]-'0'))
}

func createAndInsert(ctx context.Context, path string, n int) error {
	db, err := sqlcipher.Open(ctx, path, testKey(), sqlcipher.Options{})
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES(?)", n)
	return errors.Join(err, db.Close())
}

func TestCloseWipesKey(t *testing.T) {
	key := testKey()
	db, err := sqlcipher.Open(t.Context(), inTemp(t, "x.db"), key, sqlcipher.Options{})
	if err != nil {
		t.Fatal(err)
	}
	held := sqlcipher.KeyOf(db)
	if !bytes.Equal(held, key.Bytes()) {
		t.Fatal("the DB holds another key")
	}
	mustClose(t, db)
	if !bytes.Equal(held, make([]byte, sqlcipher.KeySize)) {
		t.Error("Close leaves the key")
	}
	if !key.Equal(testKey()) {
		t.Error("Close wipes the caller's key too")
	}
}

// TestKeyIsNotInErrors opens with a key that would show.
func TestKeyIsNotInErrors(t *testing.T) {
	path := inTemp(t, "x.db")
	mustClose(t, open(t, path))
	_, err := sqlcipher.Open(t.Context(), path, secret.Take([]byte(strings.Repeat("K", 32))), sqlcipher.Options{})
	if err == nil || strings.Contains(fmt.Sprintf("%+v %x", err, err), "KKKK") {
		t.Errorf("got %v", err)
	}
}
