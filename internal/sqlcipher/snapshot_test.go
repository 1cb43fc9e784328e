package sqlcipher_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket/internal/sqlcipher"
)

func snapshot(t *testing.T, db *sqlcipher.DB) *sqlcipher.Snapshot {
	t.Helper()
	s, err := db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // tests that care close it themselves
	return s
}

// sealedPages reads all of a snapshot.
func sealedPages(t *testing.T, s *sqlcipher.Snapshot) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(s, 0, int64(s.Pages())*sqlcipher.PageSize))
	if err != nil || len(b) != int(s.Pages())*sqlcipher.PageSize || len(b) == 0 {
		t.Fatalf("read %d bytes of %d pages: %v", len(b), s.Pages(), err)
	}
	return b
}

// pagesDB writes the pages of a snapshot to a file, which is a database then.
func pagesDB(t *testing.T, s *sqlcipher.Snapshot) (path string) {
	t.Helper()
	path = inTemp(t, "copy.db")
	if err := os.WriteFile(path, sealedPages(t, s), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func closeSnapshot(t *testing.T, s *sqlcipher.Snapshot) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A crowd writes and reads, in this process and in another one, and moves the
// log into the file whenever it can.
type crowd struct {
	db      *sqlcipher.DB
	commits atomic.Int64 // in this process, to the table ours
	in      io.Writer    // a line makes the other process commit to the table theirs
	out     *bufio.Reader
	stop    func() error
}

func newCrowd(t *testing.T, path string) *crowd {
	t.Helper()
	c := &crowd{db: open(t, path, "wal_autocheckpoint(5)")}
	mustExec(t, c.db, "CREATE TABLE ours(n, pad)", "CREATE TABLE theirs(n, pad)")
	cmd := child(t, "follow", nil, path)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewReader(out)
	c.stop = func() error { return errors.Join(in.Close(), cmd.Wait()) }
	return c
}

// goOn returns when both processes have committed n times more.
func (c *crowd) goOn(t *testing.T, n int) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, 3)
	wg.Go(func() {
		for range n {
			if _, err := c.db.ExecContext(t.Context(), "INSERT INTO ours VALUES (1, hex(randomblob(3000)))"); err != nil {
				errs <- err
				return
			}
			c.commits.Add(1)
		}
	})
	wg.Go(func() {
		for range n {
			var rows int
			if err := c.db.QueryRowContext(t.Context(), "SELECT count(*) FROM theirs").Scan(&rows); err != nil {
				errs <- err
				return
			}
		}
	})
	wg.Go(func() {
		for range n {
			_, err := io.WriteString(c.in, "\n")
			if err == nil {
				_, err = c.out.ReadString('\n')
			}
			if err != nil {
				errs <- err
				return
			}
		}
	})
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

// childFollow commits once for each line that it gets, and says so.
func childFollow(args []string) error {
	ctx := context.Background()
	db, err := sqlcipher.Open(ctx, args[0], testKey(), sqlcipher.Options{Pragmas: []string{"wal_autocheckpoint(5)"}})
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if _, err := db.ExecContext(ctx, "INSERT INTO theirs VALUES (1, hex(randomblob(3000)))"); err != nil {
			return err
		}
		fmt.Println("committed")
	}
	return db.Close()
}

func TestSnapshotHoldsStill(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path, "wal_autocheckpoint(5)")
	mustExec(t, db, schema, fillRows("1", "200"))
	h := sqlcipher.NewHolder(path)
	if err := h.Hold(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Release() })
	c := newCrowd(t, path)
	c.goOn(t, 3)
	least := c.commits.Load()
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		c.goOn(t, 20)
	}()
	s := snapshot(t, db) // while everybody is writing
	most := c.commits.Load() + 1
	before := sealedPages(t, s)
	<-busy
	c.goOn(t, 20)
	if !bytes.Equal(before, readFile(t, path)) || !bytes.Equal(before, sealedPages(t, s)) {
		t.Error("the file has changed during the snapshot")
	}
	copied := pagesDB(t, s)
	closeSnapshot(t, s)
	c.goOn(t, 20)
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	if bytes.Equal(before, readFile(t, path)) {
		t.Error("the file does not change after the snapshot either: the test shows nothing")
	}
	var n int64
	if _, err := fmt.Sscan(queryText(t, open(t, copied), "SELECT count(*) FROM ours"), &n); err != nil {
		t.Fatal(err)
	}
	if n < least || n > most {
		t.Errorf("the copy has %d commits; there were %d to %d", n, least, most)
	}
	sameFacts(t, copied)
}

// TestSnapshotIsOfNow compares rows, exactly.
func TestSnapshotIsOfNow(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "700"))
	s := snapshot(t, db)
	mustExec(t, db, fillRows("701", "900"), "DELETE FROM items WHERE id<50")
	got := sameFacts(t, pagesDB(t, s))
	mustExec(t, db, "DELETE FROM items WHERE id>700")
	closeSnapshot(t, s)
	if n := queryText(t, open(t, pagesDB(t, snapshot(t, db))), "SELECT count(*)||' '||min(id) FROM items"); n != "651 50" {
		t.Errorf("a later snapshot has %s", n)
	}
	if want := "ok\n700 "; got[:len(want)] != want {
		t.Errorf("the copy has %q", got)
	}
}

func TestSnapshotOf(t *testing.T) {
	for _, tt := range []struct {
		name  string
		make  []string
		mode  string
		close bool // and open again, so that there is no log yet
		conns int
		rows  string
	}{
		{name: "one page", make: []string{"PRAGMA user_version=0"}, mode: "WAL", rows: "0"},
		{name: "one page, no log", mode: "WAL", close: true, rows: "0"},
		{name: "no log", make: []string{schema, fillRows("1", "50")}, mode: "WAL", close: true, rows: "4"},
		{name: "empty log", make: []string{schema, fillRows("1", "50"), "PRAGMA wal_checkpoint(TRUNCATE)"}, mode: "WAL", rows: "4"},
		{name: "two connections", make: []string{schema, fillRows("1", "50")}, mode: "WAL", conns: 2, rows: "4"},
		{name: "rollback journal", make: []string{schema, fillRows("1", "50")}, mode: "DELETE", rows: "4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := inTemp(t, "x.db")
			o := sqlcipher.Options{MaxConns: tt.conns, Pragmas: []string{"journal_mode(" + tt.mode + ")"}}
			db, err := sqlcipher.Open(t.Context(), path, testKey(), o)
			if err != nil {
				t.Fatal(err)
			}
			mustExec(t, db, tt.make...)
			if tt.close {
				mustClose(t, db)
				db = open(t, path)
			}
			defer mustClose(t, db)
			s := snapshot(t, db)
			if !bytes.Equal(sealedPages(t, s), readFile(t, path)) {
				t.Error("the snapshot differs from the file")
			}
			if err := s.Freeze(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Freeze(t.Context()); err != nil {
				t.Errorf("a second time: %v", err)
			}
			got := queryText(t, open(t, pagesDB(t, s)), "SELECT count(*) FROM sqlite_schema WHERE name IN ('items','items_kind','items_ai','items_fts')")
			if got != tt.rows {
				t.Errorf("the copy has %s of the tables, want %s", got, tt.rows)
			}
			closeSnapshot(t, s)
			closeSnapshot(t, s) // twice is once
			if _, err := s.ReadAt(make([]byte, 1), 0); err == nil {
				t.Error("a closed snapshot is read")
			}
			if err := s.Freeze(t.Context()); err == nil {
				t.Error("a closed snapshot freezes")
			}
			mustExec(t, db, "CREATE TABLE more(a)", "PRAGMA wal_checkpoint(TRUNCATE)")
			if out := db.Stats().InUse; out != 0 {
				t.Errorf("%d connections are not given back", out)
			}
		})
	}
}

func TestSnapshotNeeds(t *testing.T) {
	path := inTemp(t, "x.db")
	mustExec(t, open(t, path), "CREATE TABLE t(a)")
	for _, o := range []sqlcipher.Options{{MaxConns: 1}, {ReadOnly: true}} {
		db, err := sqlcipher.Open(t.Context(), path, testKey(), o)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := db.Snapshot(t.Context()); err == nil {
			t.Errorf("%+v: there is a snapshot", o)
			closeSnapshot(t, s)
		}
		mustClose(t, db)
	}
}

func TestSnapshotReadAt(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "2000"))
	s := snapshot(t, db)
	file := readFile(t, path)
	size := int64(len(file))
	for _, tt := range []struct{ off, n, want int64 }{
		{0, 1, 1},
		{5, 4096, 4096},
		{4096, 8192, 8192},
		{100, 300 << 10, 300 << 10}, // more than is read at once
		{0, size, size},
		{size - 10, 20, 10},
		{size, 1, 0},
		{size + 5, 1, 0},
		{0, 0, 0},
	} {
		b := make([]byte, tt.n)
		n, err := s.ReadAt(b, tt.off)
		if wantErr := tt.want < tt.n; int64(n) != tt.want || errors.Is(err, io.EOF) != wantErr || err != nil && !wantErr {
			t.Errorf("%d bytes at %d: got %d, %v", tt.n, tt.off, n, err)
		}
		if n > 0 && !bytes.Equal(b[:n], file[tt.off:tt.off+int64(n)]) {
			t.Errorf("%d bytes at %d differ from the file", tt.n, tt.off)
		}
	}
	if _, err := s.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read before the file")
	}
}

// oldReader reads what a later commit has changed, until the function is called.
func oldReader(t *testing.T, path string) (end func()) {
	t.Helper()
	db := open(t, path)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "INSERT INTO t VALUES(2)")
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// mayWrite tells whether another pool can commit at once.
func mayWrite(t *testing.T, path string) bool {
	t.Helper()
	db := open(t, path, "busy_timeout(1)")
	defer mustClose(t, db)
	_, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES(3)")
	if err != nil && !errors.Is(err, sqlcipher.ErrBusy) {
		t.Fatal(err)
	}
	return err == nil
}

func TestSnapshotWaitsForReaders(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE t(a)")
	end := oldReader(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := db.Snapshot(ctx); !errors.Is(err, sqlcipher.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrBusy because of the context", err)
	}
	if !mayWrite(t, path) {
		t.Error("a snapshot that failed keeps the write lock")
	}
	waiting := make(chan error, 1)
	go func() {
		s, err := db.Snapshot(t.Context())
		if err == nil {
			err = s.Close()
		}
		waiting <- err
	}()
	end()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are not given back", n)
	}
}

func TestSnapshotGivesUp(t *testing.T) {
	path := inTemp(t, "x.db")
	mustExec(t, open(t, path), "CREATE TABLE t(a)")
	defer oldReader(t, path)()
	synctest.Test(t, func(t *testing.T) {
		db := open(t, path)
		start := time.Now()
		_, err := db.Snapshot(t.Context())
		if took := time.Since(start); !errors.Is(err, sqlcipher.ErrBusy) || took < 10*time.Second || took > 11*time.Second {
			t.Errorf("after %v: %v, want ErrBusy after 10 s", took, err)
		}
	})
}

func TestFreeze(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE t(a)", "INSERT INTO t VALUES(1)")
	s := snapshot(t, db)
	if !mayWrite(t, path) {
		t.Fatal("a snapshot that is not frozen keeps writers out")
	}
	if err := s.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mayWrite(t, path) {
		t.Error("somebody writes into a frozen database")
	}
	if out, err := child(t, "insert", nil, path, "1").CombinedOutput(); err != nil || string(out) != "busy\n" {
		t.Errorf("another process: %v, %s", err, out)
	}
	waiting := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES(4)")
		waiting <- err
	}()
	frozen := pagesDB(t, s)
	if got := queryText(t, db, "SELECT group_concat(a) FROM t"); got != "1,3" {
		t.Errorf("others read %s", got)
	}
	if got := stock(t, frozen, "PRAGMA cipher_integrity_check;PRAGMA integrity_check;SELECT group_concat(a) FROM t;"); got != "ok\n1,3" {
		t.Errorf("the frozen pages have %s", got)
	}
	select {
	case err := <-waiting:
		t.Errorf("a writer of the same pool does not wait: %v", err)
	default:
	}
	closeSnapshot(t, s)
	if err := <-waiting; err != nil {
		t.Errorf("a writer that waited: %v", err)
	}
	if out, err := child(t, "insert", nil, path, "10000").CombinedOutput(); err != nil || string(out) != "ok\n" {
		t.Errorf("another process, afterwards: %v, %s", err, out)
	}
}

func childInsert(args []string) error {
	ctx := context.Background()
	db, err := sqlcipher.Open(ctx, args[0], testKey(), sqlcipher.Options{Pragmas: []string{"busy_timeout(" + args[1] + ")"}})
	if err != nil {
		return err
	}
	switch _, err = db.ExecContext(ctx, "INSERT INTO t VALUES(5)"); {
	case errors.Is(err, sqlcipher.ErrBusy):
		fmt.Println("busy")
	case err != nil:
		return err
	default:
		fmt.Println("ok")
	}
	return db.Close()
}

// TestFreezeFails leaves nothing locked and a snapshot that says so.
func TestFreezeFails(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE t(a)")
	for _, why := range []string{"reader", "cancelled"} {
		t.Run(why, func(t *testing.T) {
			s := snapshot(t, db)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if why == "cancelled" {
				cancel()
			} else {
				defer oldReader(t, path)()
			}
			if err := s.Freeze(ctx); err == nil {
				t.Error("frozen")
			}
			if _, err := s.ReadAt(make([]byte, 10), 0); err == nil {
				t.Error("what is not a snapshot any more is read")
			}
			if !mayWrite(t, path) {
				t.Error("the write lock is kept")
			}
			closeSnapshot(t, s)
			if n := db.Stats().InUse; n != 0 {
				t.Errorf("%d connections are not given back", n)
			}
		})
	}
	closeSnapshot(t, snapshot(t, db))
}

// TestSnapshotOfCutFile cuts the file while it is open.
func TestSnapshotOfCutFile(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, schema, fillRows("1", "500"), "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := os.Truncate(path, 10*sqlcipher.PageSize+100); err != nil {
		t.Fatal(err)
	}
	_, err := db.Snapshot(t.Context())
	if te, ok := errors.AsType[*sqlcipher.TamperedError](err); !ok || te.Page > 11 {
		t.Errorf("got %v, want page 11 of the main file", err)
	}
}
