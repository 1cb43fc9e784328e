package sqlcipher_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

func newKey() *secret.Key {
	return secret.Take([]byte(strings.Repeat("another key ", 3)[:sqlcipher.KeySize]))
}

// allRows returns every row of every table, the inner ones of the search index too.
func allRows(t *testing.T, db *sqlcipher.DB) (rows []string) {
	t.Helper()
	for table := range strings.Lines(queryText(t, db, "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name")) {
		table = strings.TrimSpace(table)
		r, err := db.QueryContext(t.Context(), `SELECT * FROM "`+table+`"`)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, table)
		rows = append(rows, scanned(t, r)...)
	}
	return rows
}

func scanned(t *testing.T, r *sql.Rows) (rows []string) {
	t.Helper()
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for r.Next() {
		if err := r.Scan(into...); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("%#v", values))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// sameRows compares the database that s has frozen with the new one.
func sameRows(t *testing.T, db *sqlcipher.DB, path string) {
	t.Helper()
	recrypted, err := sqlcipher.Open(t.Context(), path, newKey(), sqlcipher.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, recrypted)
	got, want := allRows(t, recrypted), allRows(t, db)
	if len(want) < 100 || len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d differs: %.100s, want %.100s", i, got[i], want[i])
		}
	}
	if got := queryText(t, recrypted, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
}

// TestRecrypt changes the database while it is copied, in ways that make it
// shrink, grow, and change here and there.
func TestRecrypt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change string
	}{
		{"nothing", "PRAGMA user_version"},
		{"some pages", "UPDATE items SET kind='changed' WHERE id%40=3"},
		{"grow", fillRows("3001", "3600")},
		{"shrink", "DELETE FROM items WHERE id>300; DELETE FROM items_fts; VACUUM"},
		{"shrink and grow", "DELETE FROM items WHERE id>300; VACUUM;" + fillRows("3001", "4200")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, to := inTemp(t, "x.db"), inTemp(t, "new.db")
			db := open(t, path)
			mustExec(t, db, schema, fillRows("1", "1200"))
			s := snapshot(t, db)
			before := s.Pages()
			changed := false
			var last, total int64
			err := sqlcipher.Recrypt(t.Context(), s, testKey(), newKey(), to, func(done, of int64) {
				if last, total = done, of; !changed {
					changed = true
					mustExec(t, db, tt.change)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if last != total || total != int64(s.Pages()) {
				t.Errorf("reported %d of %d; %d pages", last, total, s.Pages())
			}
			if grown := int(s.Pages()) - int(before); strings.HasPrefix(tt.name, "grow") != (grown > 0) && tt.name != "shrink and grow" ||
				tt.name == "shrink" && grown >= 0 {
				t.Errorf("the database has grown by %d pages", grown)
			}
			sameRows(t, db, to)
			if mayInsert(t, path) {
				t.Error("somebody may write before the snapshot is closed")
			}
			closeSnapshot(t, s)
			checkRecrypted(t, path, to, int(s.Pages()))
		})
	}
}

// mayInsert tells whether another pool can commit at once.
func mayInsert(t *testing.T, path string) bool {
	t.Helper()
	db := open(t, path, "busy_timeout(1)")
	defer mustClose(t, db)
	_, err := db.ExecContext(t.Context(), "INSERT INTO items VALUES(1000000,'late','')")
	if err != nil && !errors.Is(err, sqlcipher.ErrBusy) {
		t.Fatal(err)
	}
	return err == nil
}

// checkRecrypted looks at the files as such.
func checkRecrypted(t *testing.T, from, to string, pages int) {
	t.Helper()
	st, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 || st.Size() != int64(pages)*sqlcipher.PageSize {
		t.Errorf("mode %v, %d bytes, want 0600, %d pages", st.Mode(), st.Size(), pages)
	}
	a, b := readFile(t, from), readFile(t, to)
	if string(a[:sqlcipher.SaltSize]) == string(b[:sqlcipher.SaltSize]) {
		t.Error("the salt is the old one")
	}
	if _, err := sqlcipher.Open(t.Context(), to, testKey(), sqlcipher.Options{MustExist: true}); !errors.Is(err, sqlcipher.ErrWrongKey) {
		t.Errorf("the old key: %v, want ErrWrongKey", err)
	}
	if got := stockWith(t, to, newKey(), "PRAGMA cipher_integrity_check;PRAGMA integrity_check;"); got != "ok" {
		t.Errorf("the stock tool says %s", got)
	}
}

// TestRecryptInACrowd does it while others read and write.
func TestRecryptInACrowd(t *testing.T) {
	path, to := inTemp(t, "x.db"), inTemp(t, "new.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "2000"))
	c := newCrowd(t, path)
	c.goOn(t, 3)
	s := snapshot(t, db)
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		c.goOn(t, 40)
	}()
	least := c.commits.Load()
	if err := sqlcipher.Recrypt(t.Context(), s, testKey(), newKey(), to, nil); err != nil {
		t.Fatal(err)
	}
	sameRows(t, db, to)
	if n := c.commits.Load(); n < least {
		t.Errorf("%d commits", n)
	}
	closeSnapshot(t, s)
	<-busy
	if err := c.stop(); err != nil {
		t.Error(err)
	}
}

// TestRecryptedBesideOldLog writes down what docs/design says of the old log: it
// spoils the new file that takes the old one's name.
func TestRecryptedBesideOldLog(t *testing.T) {
	dir := t.TempDir()
	path, to := inTemp(t, "x.db"), filepath.Join(dir, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "100"))
	s := snapshot(t, db)
	if err := sqlcipher.Recrypt(t.Context(), s, testKey(), newKey(), to, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to+"-wal", readFile(t, path+"-wal"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlcipher.Open(t.Context(), to, newKey(), sqlcipher.Options{MustExist: true})
	if !errors.Is(err, sqlcipher.ErrTampered) {
		t.Errorf("with the old log: %v, want ErrTampered", err)
	}
	if err := os.Remove(to + "-wal"); err != nil {
		t.Fatal(err)
	}
	sameRows(t, db, to)
}

// TestRecryptLeavesUnchangedPages looks at the new file between the passes: only
// changed pages may be written again.
func TestRecryptLeavesUnchangedPages(t *testing.T) {
	path, to := inTemp(t, "x.db"), inTemp(t, "new.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "3000"))
	s := snapshot(t, db)
	var first, old []byte
	err := sqlcipher.Recrypt(t.Context(), s, testKey(), newKey(), to, func(done, total int64) {
		if done == total && first == nil {
			first, old = readFile(t, to), readFile(t, path)
			mustExec(t, db, "UPDATE items SET kind='x' WHERE id=7")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	second, now := readFile(t, to), readFile(t, path)
	rewritten, changed := 0, 0
	for i := 0; i < len(first); i += sqlcipher.PageSize {
		if string(first[i:i+sqlcipher.PageSize]) != string(second[i:i+sqlcipher.PageSize]) {
			rewritten++
		}
		if string(old[i:i+sqlcipher.PageSize]) != string(now[i:i+sqlcipher.PageSize]) {
			changed++
		}
	}
	if rewritten != changed || changed == 0 || changed > 10 {
		t.Errorf("%d pages changed, %d were copied again", changed, rewritten)
	}
}

func TestRecryptFindsDamage(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "150"), "DELETE FROM items WHERE id<100", "PRAGMA wal_checkpoint(TRUNCATE)")
	whole := readFile(t, path)
	if queryText(t, db, "PRAGMA freelist_count") == "0" {
		t.Error("there is no free page to damage")
	}
	mustClose(t, db)
	for no := range len(whole) / sqlcipher.PageSize {
		for _, at := range []int{16, 100 + rand.IntN(3900), 4020, 4095} {
			dir := t.TempDir()
			bad, to := filepath.Join(dir, "bad.db"), filepath.Join(dir, "new.db")
			b := append([]byte(nil), whole...)
			if err := os.WriteFile(bad, b, 0o600); err != nil {
				t.Fatal(err)
			}
			db := open(t, bad)
			s := snapshot(t, db)
			b[no*sqlcipher.PageSize+at] ^= 1 << rand.IntN(8)
			if err := os.WriteFile(bad, b, 0o600); err != nil { // the same file, while it is open
				t.Fatal(err)
			}
			err := sqlcipher.Recrypt(t.Context(), s, testKey(), newKey(), to, nil)
			if te, ok := errors.AsType[*sqlcipher.TamperedError](err); !ok || te.File != "main" || te.Page != uint32(no)+1 {
				t.Errorf("page %d, byte %d: got %v", no+1, at, err)
			}
			onlyOld(t, dir, "bad.db")
			closeSnapshot(t, s)
			mustClose(t, db)
		}
	}
}

// onlyOld fails if there is anything but the old database.
func onlyOld(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != name && e.Name() != name+"-wal" && e.Name() != name+"-shm" {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestRecryptRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "3000")) // more batches than there are workers
	there := inTemp(t, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		old, new *secret.Key
		to       string
		want     error
	}{
		{"wrong key", newKey(), newKey(), filepath.Join(dir, "new.db"), sqlcipher.ErrWrongKey},
		{"existing file", testKey(), newKey(), there, fs.ErrExist},
		{"no folder", testKey(), newKey(), filepath.Join(dir, "none", "new.db"), fs.ErrNotExist},
		{"cancelled", testKey(), newKey(), filepath.Join(dir, "new.db"), context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := snapshot(t, db)
			defer closeSnapshot(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := sqlcipher.Recrypt(ctx, s, tt.old, tt.new, tt.to, func(done, total int64) {
				if cancel(); done == total {
					t.Error("it went on to the end")
				}
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if got := string(readFile(t, there)); got != "mine" {
		t.Errorf("the existing file has %.20q", got)
	}
	onlyOld(t, dir, "x.db")
	mustExec(t, db, "DELETE FROM items")
}

// TestRecryptFaults makes system calls fail, those on one of the files or on any.
// There is no new file then; the old database is whole, and can be written.
func TestRecryptFaults(t *testing.T) {
	need(t, "strace", straceHint)
	for _, tt := range []struct {
		file  string
		fault string
		want  string // "" if it may go well: SQLite tries some calls again
	}{
		{"new.db", "pwrite64:error=ENOSPC:when=1", "full"},
		{"new.db", "pwrite64:error=ENOSPC:when=3+", "full"},
		{"new.db", "pwrite64:error=EIO:when=2", "io"},
		{"new.db", "fsync:error=EIO:when=1", "io"},
		{"new.db", "ftruncate:error=EIO:when=1", "io"},
		{"new.db", "close:error=EIO:when=1", "io"},
		{"", "fsync:error=EIO:when=3+", ""},
		{"x.db", "pread64:error=EIO:when=12+", "io"},
		{"x.db", "pread64:error=EIO:when=12", ""},
		{"", "pwrite64:error=ENOSPC:when=1+", "full"},
		{"", "pwrite64:error=ENOSPC:when=20+", ""},
		{"", "fsync,fdatasync:error=EIO:when=2", ""},
		{"", "pread64:error=EIO:when=60+", ""},
	} {
		t.Run(tt.file+" "+tt.fault, func(t *testing.T) { recryptFault(t, tt.file, tt.fault, tt.want) })
	}
}

func recryptFault(t *testing.T, file, fault, want string) {
	dir, log := t.TempDir(), inTemp(t, "strace.txt")
	path, to := filepath.Join(dir, "x.db"), filepath.Join(dir, "new.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "2000"))
	mustClose(t, db)
	calls, _, _ := strings.Cut(fault, ":")
	strace := []string{"strace", "-f", "--seccomp-bpf", "-o", log, "-e", "trace=" + calls, "-e", "inject=" + fault, "-e", "signal=none"}
	if file != "" {
		strace = append(strace, "-P", filepath.Join(dir, file))
	}
	cmd := child(t, "recrypt", strace, path, to)
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, told.String())
	}
	if !strings.Contains(string(readFile(t, log)), "INJECTED") {
		t.Fatalf("%s was never called: nothing has failed", calls)
	}
	db = open(t, path)
	if got := queryText(t, db, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
	result := strings.TrimSpace(string(out))
	switch {
	case want != "" && result != want, result == "":
		t.Errorf("it ended with %q, want %q: %s", result, want, told.String())
	case result == "ok":
		sameRows(t, db, to)
	default:
		onlyOld(t, dir, "x.db")
	}
	mustExec(t, db, "DELETE FROM items WHERE id=3")
}

// TestRecryptSyncs looks at the order of system calls: no write after the last
// sync of the file, and then the folder is synced.
func TestRecryptSyncs(t *testing.T) {
	need(t, "strace", straceHint)
	dir, log := t.TempDir(), inTemp(t, "strace.txt")
	path, to := filepath.Join(dir, "x.db"), filepath.Join(dir, "new.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "2000"))
	mustClose(t, db)
	out, err := child(t, "recrypt", []string{
		"strace", "-f", "-y", "-o", log, "-e", "trace=pwrite64,write,ftruncate,fsync", "-e", "signal=none",
	}, path, to).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ok\n") {
		t.Fatalf("%v: %s", err, out)
	}
	trace := string(readFile(t, log))
	last := func(call, path string) int {
		all := regexp.MustCompile(call+`\(\d+<`+regexp.QuoteMeta(path)+">").FindAllStringIndex(trace, -1)
		if len(all) == 0 {
			return -1
		}
		return all[len(all)-1][0]
	}
	wrote, synced, folder := last("pwrite64", to), last("fsync", to), last("fsync", dir)
	if wrote < 0 || synced < wrote || synced < last("ftruncate", to) || folder < synced {
		t.Errorf("last write at %d, sync of the file at %d, of the folder at %d", wrote, synced, folder)
	}
}

// childRecrypt prints how it went.
func childRecrypt(args []string) error {
	ctx := context.Background()
	db, err := sqlcipher.Open(ctx, args[0], testKey(), sqlcipher.Options{MustExist: true})
	if err == nil {
		_, err = db.ExecContext(ctx, "UPDATE items SET kind='x' WHERE id<4")
	}
	if err != nil {
		fmt.Println(errorName(err))
		return nil
	}
	s, err := db.Snapshot(ctx)
	if err == nil {
		wrote := false
		err = sqlcipher.Recrypt(ctx, s, testKey(), newKey(), args[1], func(int64, int64) {
			if !wrote {
				wrote = true
				_, err := db.ExecContext(ctx, "DELETE FROM items WHERE id>1500")
				fmt.Fprintln(os.Stderr, "write:", err) // may fail; what has come of it is compared
			}
		})
	}
	if err == nil {
		fmt.Println("ok")
	} else {
		fmt.Println(errorName(err))
	}
	if s != nil {
		err = errors.Join(err, s.Close())
	}
	fmt.Fprintln(os.Stderr, errors.Join(err, db.Close())) // whatever it is, the files are what counts
	return nil
}

// TestRecryptStaysSealed looks for plain text on the disk, at every step.
func TestRecryptStaysSealed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "1000"))
	for range 20 {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO items(kind, body) VALUES ('m', ?)", strings.Repeat(marker(), 100)); err != nil {
			t.Fatal(err)
		}
	}
	s := snapshot(t, db)
	looks := 0
	err := sqlcipher.Recrypt(t.Context(), s, testKey(), newKey(), filepath.Join(dir, "new.db"), func(int64, int64) {
		looks++
		for _, name := range []string{"x.db", "x.db-wal", "new.db"} {
			if n := count(readFile(t, filepath.Join(dir, name)), marker(), "CREATE TABLE", "SQLite format"); n != 0 {
				t.Errorf("%d pieces of plain text in %s", n, name)
			}
		}
	})
	if err != nil || looks < 4 {
		t.Errorf("looked %d times: %v", looks, err)
	}
}
