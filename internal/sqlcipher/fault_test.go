package sqlcipher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

const faultTransactions = 25

// TestSyscallFaults makes system calls of a writing process fail. It must say
// so by name, go on, and lose nothing that it acknowledged.
func TestSyscallFaults(t *testing.T) {
	need(t, "strace", straceHint)
	for _, mode := range []string{"WAL", "DELETE"} {
		for _, fault := range []string{
			"pwrite64:error=EIO:when=1", "pwrite64:error=EIO:when=2", "pwrite64:error=EIO:when=7", "pwrite64:error=EIO:when=40",
			"pwrite64:error=ENOSPC:when=3", "pwrite64:error=ENOSPC:when=30+",
			"pwrite64:retval=0:when=5", // nothing written
			"fsync,fdatasync:error=EIO:when=1", "fsync,fdatasync:error=EIO:when=2", "fsync,fdatasync:error=EIO:when=9",
			"ftruncate:error=EIO:when=1", "ftruncate:error=EIO:when=2", "pread64:error=EIO:when=15", "pread64:error=EIO:when=30",
		} {
			if mode == "DELETE" && strings.HasPrefix(fault, "ftruncate") {
				continue // only a WAL is truncated here
			}
			t.Run(mode+" "+fault, func(t *testing.T) { injectFault(t, mode, fault) })
		}
	}
}

func injectFault(t *testing.T, mode, fault string) {
	path, log := inTemp(t, "x.db"), inTemp(t, "strace.txt")
	db := open(t, path, "journal_mode("+mode+")")
	mustExec(t, db, "CREATE TABLE log(n)", "CREATE TABLE t(n, pad)")
	mustClose(t, db)
	calls, _, _ := strings.Cut(fault, ":")
	cmd := child(t, "fault", []string{
		"strace", "-f", "--seccomp-bpf", "-o", log,
		"-e", "trace=" + calls, "-e", "inject=" + fault, "-e", "signal=none",
	}, path, mode)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(readFile(t, log)), "INJECTED") {
		t.Fatalf("%s was never called: nothing has failed", calls)
	}
	acked := 0
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "other") {
			t.Errorf("an error without a name: %s", line)
		}
		if n := 0; strings.HasPrefix(line, "ok") {
			if _, err := fmt.Sscanf(line, "ok %d", &n); err != nil {
				t.Fatal(err)
			}
			acked++
		}
	}
	db = open(t, path)
	if got := queryText(t, db, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
	missing := queryText(t, db, "SELECT count(*) FROM log")
	var n int
	if _, err := fmt.Sscan(missing, &n); err != nil || n < acked {
		t.Errorf("%d transactions are there, %d were acknowledged\n%s", n, acked, out)
	}
	if !strings.HasSuffix(fault, "+") && acked < faultTransactions-8 {
		t.Errorf("after one failed call in a thread only %d of %d succeeded:\n%s", acked, faultTransactions, out)
	}
}

func childFault(args []string) error {
	ctx := context.Background()
	opts := sqlcipher.Options{
		MaxConns: 1, Pragmas: []string{"journal_mode(" + args[1] + ")", "cache_size(10)", "cache_spill(5)", "wal_autocheckpoint(10)"},
	}
	db, err := sqlcipher.Open(ctx, args[0], testKey(), opts)
	for tries := 0; err != nil; tries++ { // strace counts calls, and so fails one, in each thread
		fmt.Println(errorName(err))
		if db, err = sqlcipher.Open(ctx, args[0], testKey(), opts); err != nil && tries == 8 {
			return nil
		}
	}
	for n := 1; n <= faultTransactions; n++ {
		err := faultTransaction(ctx, db, n)
		if err == nil {
			fmt.Println("ok", n)
		} else {
			fmt.Println(errorName(err))
		}
	}
	if err := db.Close(); err != nil {
		fmt.Println(errorName(err))
	}
	return nil
}

func faultTransaction(ctx context.Context, db *sqlcipher.DB, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, q := range []string{
		"INSERT INTO log VALUES(?1)",
		"WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<10) INSERT INTO t SELECT ?1, hex(randomblob(700)) FROM s",
		"DELETE FROM t WHERE n<?1-3",
	} {
		if _, err := tx.ExecContext(ctx, q, n); err != nil {
			_ = tx.Rollback() // SQLite may have done it already
			return err
		}
	}
	return tx.Commit()
}

func errorName(err error) string {
	for name, target := range map[string]error{"full": sqlcipher.ErrFull, "io": sqlcipher.ErrIO} {
		if errors.Is(err, target) {
			return name
		}
	}
	return "other: " + err.Error()
}
