package sqlcipher_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

// TestConcurrentCounters increments counters from many goroutines of two
// pools and from two other processes. No update may be lost and nobody may be
// told that the database is busy.
func TestConcurrentCounters(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE c(id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO c VALUES (0,0),(1,0),(2,0)")
	const workers, rounds, processes = 4, 20, 2
	errs := make(chan error, 2*workers+processes)
	var wg sync.WaitGroup
	for _, pool := range []*sqlcipher.DB{db, open(t, path)} {
		for range workers {
			wg.Go(func() { errs <- increment(t.Context(), pool, rounds) })
		}
	}
	for range processes {
		cmd := child(t, "count", nil, path, strconv.Itoa(rounds))
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
			t.Error(err)
		}
	}
	want := strconv.Itoa((2*workers + processes) * rounds)
	if got := queryText(t, db, "SELECT n FROM c"); got != want+"\n"+want+"\n"+want {
		t.Errorf("got %q, want %s each", got, want)
	}
	if got := queryText(t, db, "PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
}

// increment reads and writes in separate statements, so that a broken lock
// loses updates.
func increment(ctx context.Context, db *sqlcipher.DB, rounds int) error {
	for range rounds {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		var n int
		_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err == nil {
			err = conn.QueryRowContext(ctx, "SELECT n FROM c WHERE id=0").Scan(&n)
		}
		if err == nil {
			_, err = conn.ExecContext(ctx, "UPDATE c SET n=?", n+1)
		}
		if err == nil {
			_, err = conn.ExecContext(ctx, "COMMIT")
		}
		if err := errors.Join(err, conn.Close()); err != nil {
			return err
		}
	}
	return nil
}

func childCount(args []string) error {
	rounds, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	db, err := sqlcipher.Open(context.Background(), args[0], testKey(), sqlcipher.Options{})
	if err != nil {
		return err
	}
	return errors.Join(increment(context.Background(), db, rounds), db.Close())
}

// childLedger commits numbered transactions and prints each number once it is
// committed, until it is killed.
func childLedger(args []string) error {
	ctx := context.Background()
	db, err := sqlcipher.Open(ctx, args[0], testKey(), sqlcipher.Options{
		MaxConns: 1, Pragmas: []string{"journal_mode(" + args[1] + ")", "cache_size(10)", "cache_spill(5)", "wal_autocheckpoint(20)"},
	})
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS log(n); CREATE TABLE IF NOT EXISTS t(n, pad)")
	for err == nil {
		var n int
		if err = db.QueryRowContext(ctx, "SELECT coalesce(max(n),0)+1 FROM log").Scan(&n); err != nil {
			break
		}
		_, err = db.ExecContext(ctx, "BEGIN; INSERT INTO log VALUES(?1);"+
			"WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<40) INSERT INTO t SELECT ?1, hex(randomblob(500)) FROM s;"+
			"UPDATE t SET pad='x'||pad WHERE n%7=?1%7; DELETE FROM t WHERE n<?1-5; COMMIT", n)
		if err == nil {
			fmt.Println(n)
		}
	}
	return err
}

// TestKill ends a writing process again and again. What it acknowledged must
// be there for us, and for the stock tool, which gets a copy each time.
func TestKill(t *testing.T) {
	for _, mode := range []string{"WAL", "DELETE"} {
		t.Run(mode, func(t *testing.T) {
			path := inTemp(t, "x.db")
			for round := 1; round <= 6; round++ {
				acked := killAfter(t, path, mode, 3+5*round)
				hot := filepath.Join(t.TempDir(), "hot.db")
				copyDB(t, path, hot)
				const sum = "SELECT max(n)||' '||count(*) FROM log"
				db := open(t, path)
				got := queryText(t, db, "PRAGMA integrity_check") + "\n" + queryText(t, db, sum)
				mustClose(t, db)
				if want := fmt.Sprintf("ok\n%d %d", acked, acked); got != want && got != fmt.Sprintf("ok\n%d %d", acked+1, acked+1) {
					t.Fatalf("round %d: got %q, want %q", round, got, want)
				}
				if _, err := exec.LookPath("sqlcipher"); err != nil {
					continue // TestStock… say so
				}
				if theirs := stock(t, hot, "PRAGMA integrity_check;"+sum+";"); theirs != got {
					t.Errorf("round %d: stock sqlcipher finds %q, we %q", round, theirs, got)
				}
			}
		})
	}
}

// killAfter starts a writer, kills it after some more transactions, and
// returns the last one that it acknowledged.
func killAfter(t *testing.T, path, mode string, more int) (acked int) {
	t.Helper()
	cmd := child(t, "ledger", nil, path, mode)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines(bufio.NewReader(out), func(line string) bool {
		if acked, err = strconv.Atoi(line); err != nil {
			t.Error(err)
		}
		if more--; more == 0 {
			_ = cmd.Process.Kill() // SIGKILL; the rest of the pipe is still read
		}
		return true
	})
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return acked
}
