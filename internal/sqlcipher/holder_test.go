package sqlcipher_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

// holderPod is a database with a WAL and a mark in its wal-index, in a field
// that SQLite does not use: a recovery starts with an empty wal-index.
func holderPod(t *testing.T) (path string, h *sqlcipher.Holder) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: a Holder holds nothing on this system")
	}
	path = inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE t(a)", "INSERT INTO t VALUES (1),(2)")
	h = sqlcipher.NewHolder(path)
	if err := h.Hold(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Release() })
	mustClose(t, db)
	return path, h
}

const markAt = 132

func setMark(t *testing.T, path string) {
	t.Helper()
	// This process must not open and close the -shm: SQLite's locks on it
	// are POSIX ones. Nothing is open here.
	f, err := os.OpenFile(path+"-shm", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("mark"), markAt)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func hasMark(t *testing.T, path string) bool {
	t.Helper()
	b := readFile(t, path+"-shm")
	return len(b) > markAt+4 && string(b[markAt:markAt+4]) == "mark"
}

func TestHolderKeepsWAL(t *testing.T) {
	path, h := holderPod(t)
	wal := readFile(t, path+"-wal")
	if len(wal) == 0 {
		t.Fatal("the last close removed the WAL")
	}
	setMark(t, path)
	db := open(t, path)
	if got := queryText(t, db, "SELECT count(*) FROM t"); got != "2" {
		t.Errorf("got %s rows", got)
	}
	mustExec(t, db, "INSERT INTO t VALUES (3)")
	mustClose(t, db)
	if !hasMark(t, path) {
		t.Error("the wal-index was made anew")
	}
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	mustClose(t, db)
	if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("after Release the last close leaves the WAL: %v", err)
	}
	if got := queryText(t, open(t, path), "SELECT count(*) FROM t"); got != "3" {
		t.Errorf("got %s rows", got)
	}
}

// TestHolderOffRecovers is the control: without locks the mark is gone.
func TestHolderOffRecovers(t *testing.T) {
	path, h := holderPod(t)
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	setMark(t, path)
	db := open(t, path)
	mustExec(t, db, "INSERT INTO t VALUES (3)")
	if hasMark(t, path) {
		t.Error("the mark survives a recovery: the other tests show nothing")
	}
	mustClose(t, db)
}

func TestHolderAcrossProcesses(t *testing.T) {
	path, h := holderPod(t)
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "hold", nil, path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines(bufio.NewReader(stdout), func(line string) bool { return line != "held" })
	setMark(t, path)
	db := open(t, path)
	mustExec(t, db, "INSERT INTO t VALUES (3)")
	mustClose(t, db)
	if !hasMark(t, path) {
		t.Error("another process's Holder did not keep the wal-index")
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// childHold opens, holds, closes, and keeps holding until its input ends.
func childHold(args []string) error {
	db, err := sqlcipher.Open(context.Background(), args[0], testKey(), sqlcipher.Options{})
	if err != nil {
		return err
	}
	h := sqlcipher.NewHolder(args[0])
	if err := errors.Join(h.Hold(), db.Close()); err != nil {
		return err
	}
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // EOF is the signal
	return h.Release()
}

// TestHolderExcludes asks for what the lock on the database file must refuse.
func TestHolderExcludes(t *testing.T) {
	path, h := holderPod(t)
	leave := func() string {
		db := open(t, path, "busy_timeout(1)")
		defer mustClose(t, db)
		db.SetMaxOpenConns(1)
		_, err := db.ExecContext(t.Context(), "PRAGMA journal_mode=DELETE")
		if err != nil && !errors.Is(err, sqlcipher.ErrBusy) {
			t.Fatal(err)
		}
		return queryText(t, db, "PRAGMA journal_mode")
	}
	if got := leave(); got != "wal" {
		t.Errorf("under a Holder, journal_mode could become %s", got)
	}
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	if got := leave(); got != "delete" {
		t.Errorf("after Release, journal_mode stays %s", got)
	}
}

// TestHolderAgainstStock reads with the stock tool, whose close must leave the
// WAL and the wal-index as they are.
func TestHolderAgainstStock(t *testing.T) {
	path, _ := holderPod(t)
	setMark(t, path)
	if got := stock(t, path, "SELECT count(*) FROM t;"); got != "2" {
		t.Errorf("got %s rows", got)
	}
	if !hasMark(t, path) || len(readFile(t, path+"-wal")) == 0 {
		t.Error("the stock tool's close removed the WAL")
	}
}

// TestHolderWhileWriting holds and releases under several writers.
func TestHolderWhileWriting(t *testing.T) {
	path, h := holderPod(t)
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE c(id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO c VALUES (0,0)")
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- increment(t.Context(), db, 50) }()
	}
	for range 20 {
		if err := errors.Join(h.Release(), h.Hold()); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Error(err)
	}
	if got := queryText(t, db, "SELECT n FROM c"); got != "100" {
		t.Errorf("got %s, want 100", got)
	}
}

// TestHolderAfterReplace holds a database that a restore has replaced.
func TestHolderAfterReplace(t *testing.T) {
	path, h := holderPod(t)
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, open(t, path)) // checkpoints, removes WAL and -shm
	other := inTemp(t, "other.db")
	db := open(t, other)
	mustExec(t, db, "CREATE TABLE t(a)")
	mustClose(t, db)
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	mustExec(t, db, "INSERT INTO t VALUES (1)")
	if err := h.Hold(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	if len(readFile(t, path+"-wal")) == 0 {
		t.Error("the new file is not held")
	}
}
