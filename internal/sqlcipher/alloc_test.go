package sqlcipher_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

// TestFreedMemory looks into the memory of a process that has closed its
// database. The text it looks for is made by SQL functions and never leaves
// SQLite, so that every copy was in SQLite's heap. The control uses SQLite
// with its usual allocator and must be caught.
func TestFreedMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, NOT CHECKED: needs /proc")
	}
	for mode, leaks := range map[string]bool{"wiped": false, "control": true} {
		t.Run(mode, func(t *testing.T) {
			cmd := child(t, "residue", nil, inTemp(t, "x.db"), mode)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var goHeap int64
			lines(bufio.NewReader(stdout), func(line string) bool {
				n, _ := fmt.Sscanf(line, "closed 0x%x", &goHeap)
				return n == 0
			})
			hits := scanProcess(t, cmd.Process.Pid, goHeap)
			if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d hits", hits)
			if leaks != (hits > 0) {
				t.Errorf("%d hits, should leak: %v", hits, leaks)
			}
		})
	}
}

func childResidue(args []string) error {
	ctx := context.Background()
	var db *sql.DB
	if args[1] == "wiped" {
		enc, err := sqlcipher.Open(ctx, args[0], testKey(), sqlcipher.Options{})
		if err != nil {
			return err
		}
		db = enc.DB
	} else {
		var err error
		if db, err = sql.Open("sqlite", args[0]); err != nil {
			return err
		}
	}
	db.SetMaxOpenConns(1)
	for _, q := range []string{
		"CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)", "CREATE VIRTUAL TABLE f USING fts5(a)",
		"WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<2000) " +
			"INSERT INTO t SELECT i, i||replace(hex(zeroblob(100)),'00','Qz7')||i FROM s",
		"INSERT INTO f SELECT a FROM t", "CREATE INDEX t_a ON t(a)", "UPDATE t SET a=a||id WHERE id%2=0",
		"SELECT count(*) FROM (SELECT a||id FROM t ORDER BY a DESC)", "VACUUM",
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	fmt.Printf("closed %p\n", new([64]byte))    // which tells where Go's heap is
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // EOF is the signal
	return nil
}

// scanProcess counts runs of "Qz7" in the writable memory of a process, but
// for the arena of Go's heap at goHeap: stacks are there, and now and then a
// string was on one.
func scanProcess(t *testing.T, pid int, goHeap int64) (hits int) {
	t.Helper()
	const arena = 26 // bits of an address within an arena, 64 MiB
	if goHeap == 0 {
		t.Fatal("the process did not say where its heap is")
	}
	maps := readFile(t, fmt.Sprintf("/proc/%d/maps", pid))
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Skipf("SKIPPED, NOT CHECKED: cannot read another process's memory: %v", err)
	}
	defer mem.Close()
	scanned := 0
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var perms string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &perms); n != 3 || !strings.HasPrefix(perms, "rw") || from>>arena == goHeap>>arena {
			continue
		}
		b := make([]byte, to-from)
		n, err := mem.ReadAt(b, from)
		if err != nil && err != io.EOF {
			continue // not mapped any more
		}
		scanned += n
		if h := countRuns(b[:n]); h > 0 {
			t.Logf("%d hits in %s", h, strings.TrimSpace(line))
			hits += h
		}
	}
	if scanned < 1<<20 {
		t.Fatalf("only %d bytes could be read", scanned)
	}
	return hits
}

func countRuns(b []byte) (n int) {
	const run = 24
	for i := 0; i+run <= len(b); i++ {
		if b[i] != 'Q' || b[i+1] != 'z' || b[i+2] != '7' {
			continue
		}
		j := i + 3
		for j < len(b) && b[j] == b[j-3] {
			j++
		}
		if j-i >= run {
			n++
		}
		i = j - 1
	}
	return n
}
