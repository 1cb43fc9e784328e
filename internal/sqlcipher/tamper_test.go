package sqlcipher_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/sqlcipher"
)

const frameSize = 24 + sqlcipher.PageSize // of the WAL, behind its header of 32 bytes

// smallPod is a database with a hot WAL of three commits, and what a reader
// may find in it: the state after each commit, oldest first.
type smallPod struct {
	main, wal []byte
	states    []string
}

func makeSmallPod(t testing.TB) smallPod {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sqlcipher.Open(t.Context(), path, testKey(), sqlcipher.Options{Pragmas: []string{"wal_autocheckpoint(0)"}, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var pod smallPod
	for i, q := range []string{
		"CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'one'), (2, hex(zeroblob(2500))); PRAGMA wal_checkpoint(TRUNCATE)",
		"INSERT INTO t VALUES (3, 'three')",
		"UPDATE t SET a='zwei' WHERE id=2",
		"INSERT INTO t VALUES (4, 'four')",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(i, err)
		}
		state, err := readAll(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		pod.states = append(pod.states, state)
	}
	for suffix, to := range map[string]*[]byte{"": &pod.main, "-wal": &pod.wal} {
		if *to, err = os.ReadFile(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if len(pod.wal) == 0 {
		t.Fatal("no WAL")
	}
	return pod
}

func readAll(ctx context.Context, db *sqlcipher.DB) (string, error) {
	var all strings.Builder
	for _, q := range []string{"SELECT name||': '||sql FROM sqlite_schema", "SELECT id||': '||a FROM t ORDER BY id", "PRAGMA integrity_check"} {
		rows, err := db.QueryContext(ctx, q)
		if err != nil {
			return "", err
		}
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return "", errors.Join(err, rows.Close())
			}
			all.WriteString(s + "\n")
		}
		if err := rows.Err(); err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

// tamperer reads changed copies of one database, in one folder.
type tamperer struct{ path string }

func newTamperer(t testing.TB) tamperer { return tamperer{filepath.Join(t.TempDir(), "x.db")} }

func (tp tamperer) read(ctx context.Context, main, wal []byte) (string, error) {
	if err := os.Remove(tp.path + "-shm"); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	if err := os.WriteFile(tp.path, main, 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(tp.path+"-wal", wal, 0o600); err != nil {
		return "", err
	}
	db, err := sqlcipher.Open(ctx, tp.path, testKey(), sqlcipher.Options{MaxConns: 1, ReadOnly: true})
	if err != nil {
		return "", err
	}
	state, err := readAll(ctx, db)
	return state, errors.Join(err, db.Close())
}

// check accepts one of the given states, or an error that names tampering. A
// page that holds no rows is noticed by integrity_check alone, which reports
// it in its result.
func check(state string, err error, allowed []string) error {
	switch {
	case err == nil && slices.Contains(allowed, state), err == nil && noticed(state) && slices.Contains(allowed, rowsOf(state)+"ok\n"):
		return nil
	case err == nil:
		return fmt.Errorf("different data: %.300s", state)
	case errors.Is(err, sqlcipher.ErrTampered) || errors.Is(err, sqlcipher.ErrWrongKey):
		return nil
	}
	return err
}

// step is 1, so that no byte is left out, unless the test run is to be short.
func step() int {
	if testing.Short() {
		return 11
	}
	return 1
}

// noticed reports whether integrity_check found something.
func noticed(state string) bool { return !strings.HasSuffix(state, "\nok\n") }

func rowsOf(state string) string {
	rows, _, _ := strings.Cut(state, "***")
	return strings.TrimSuffix(rows, "ok\n")
}

func TestTamperMain(t *testing.T) {
	t.Parallel()
	pod, tp := makeSmallPod(t), newTamperer(t)
	flips, refused := 0, 0
	for i := 0; i < len(pod.main); i += step() {
		pod.main[i] ^= 1 << (i % 8)
		state, err := tp.read(t.Context(), pod.main, nil)
		if bad := check(state, err, pod.states[:1]); bad != nil {
			t.Fatalf("byte %d: %v", i, bad)
		}
		if err != nil || noticed(state) {
			refused++
		}
		pod.main[i] ^= 1 << (i % 8)
		flips++
	}
	if refused != flips {
		t.Errorf("%d of %d flips were noticed", refused, flips)
	}
}

// TestTamperWAL flips every byte of a WAL. A broken checksum ends the WAL
// early, so an older state is right too; no other one is.
func TestTamperWAL(t *testing.T) {
	t.Parallel()
	pod, tp := makeSmallPod(t), newTamperer(t)
	for i := 0; i < len(pod.wal); i += step() {
		pod.wal[i] ^= 1 << (i % 8)
		state, err := tp.read(t.Context(), pod.main, pod.wal)
		if bad := check(state, err, pod.states); bad != nil {
			t.Fatalf("byte %d: %v", i, bad)
		}
		pod.wal[i] ^= 1 << (i % 8)
	}
}

// TestTamperWALWithChecksums repairs the unkeyed checksums behind each flip
// in a page, as an attacker would. What is left to notice it is the MAC.
func TestTamperWALWithChecksums(t *testing.T) {
	t.Parallel()
	pod, tp := makeSmallPod(t), newTamperer(t)
	refused, pages := 0, 0
	for i := 32; i < len(pod.wal); i += 13 {
		if (i-32)%frameSize < 24 {
			continue // the header: see TestMovedFrame
		}
		wal := bytes.Clone(pod.wal)
		wal[i] ^= 1
		repairChecksums(wal)
		state, err := tp.read(t.Context(), pod.main, wal)
		if bad := check(state, err, pod.states); bad != nil {
			t.Fatalf("byte %d: %v", i, bad)
		}
		pages++
		if err != nil || noticed(state) {
			refused++
		}
	}
	if refused < pages/2 { // pages that a later frame replaces are not read
		t.Errorf("%d of %d changed pages were noticed", refused, pages)
	}
}

// TestMovedFrame gives the last frame another page's number: the MAC of that
// page is then wrong.
func TestMovedFrame(t *testing.T) {
	pod, tp := makeSmallPod(t), newTamperer(t)
	last := len(pod.wal) - frameSize
	from := binary.BigEndian.Uint32(pod.wal[last:])
	for to := uint32(1); int(to) <= len(pod.main)/sqlcipher.PageSize; to++ {
		if to == from {
			continue
		}
		binary.BigEndian.PutUint32(pod.wal[last:], to)
		repairChecksums(pod.wal)
		state, err := tp.read(t.Context(), pod.main, pod.wal)
		if !errors.Is(err, sqlcipher.ErrTampered) && !(err == nil && noticed(state)) {
			t.Errorf("page %d as page %d: %v", from, to, err)
		}
	}
}

func repairChecksums(wal []byte) {
	s0, s1 := binary.BigEndian.Uint32(wal[24:]), binary.BigEndian.Uint32(wal[28:])
	for f := wal[32:]; len(f) >= frameSize; f = f[frameSize:] {
		s0, s1 = sqlcipher.WALChecksum(wal[3]&1 != 0, f[:8], s0, s1)
		s0, s1 = sqlcipher.WALChecksum(wal[3]&1 != 0, f[24:frameSize], s0, s1)
		binary.BigEndian.PutUint32(f[16:], s0)
		binary.BigEndian.PutUint32(f[20:], s1)
	}
}

// TestCutWAL cuts the WAL at every 100th byte and at each frame. The format
// cannot notice it, but what remains must be exactly the state after a commit.
func TestCutWAL(t *testing.T) {
	pod, tp := makeSmallPod(t), newTamperer(t)
	cuts := []int{0, 32, len(pod.wal)}
	for n := 32; n < len(pod.wal); n += frameSize {
		cuts = append(cuts, n, n+24)
	}
	for n := 1; n < len(pod.wal); n += 100 {
		cuts = append(cuts, n)
	}
	slices.Sort(cuts)
	seen := 0
	for _, n := range cuts {
		state, err := tp.read(t.Context(), pod.main, pod.wal[:n])
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		i := slices.Index(pod.states, state)
		if i < seen {
			t.Fatalf("cut at %d: state %d after state %d: %.200s", n, i, seen, state)
		}
		seen = i
	}
	if seen != len(pod.states)-1 {
		t.Errorf("the whole WAL gives state %d", seen)
	}
}

// TestCutMainUnderWAL cuts the database file where the WAL does not cover it.
func TestCutMainUnderWAL(t *testing.T) {
	pod, tp := makeSmallPod(t), newTamperer(t)
	for n := 0; n < len(pod.main); n += 512 {
		state, err := tp.read(t.Context(), pod.main[:n], pod.wal)
		if bad := check(state, err, pod.states[len(pod.states)-1:]); bad != nil {
			t.Errorf("cut at %d: %v", n, bad)
		}
	}
}

// TestCutOverflow cuts off the second half of a long row. SQLite takes the size
// of the database from the WAL and would read zeros in its place.
func TestCutOverflow(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path, "wal_autocheckpoint(0)")
	mustExec(t, db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)", "INSERT INTO t VALUES (1, 'one'), (2, hex(randomblob(2500)))",
		"PRAGMA wal_checkpoint(TRUNCATE)", "UPDATE t SET a='eins' WHERE id=1")
	main, wal := readFile(t, path), readFile(t, path+"-wal")
	mustClose(t, db)
	if len(main) != 3*sqlcipher.PageSize {
		t.Fatalf("%d bytes: the long row has no page of its own", len(main))
	}
	state, err := newTamperer(t).read(t.Context(), main[:2*sqlcipher.PageSize], wal)
	if !errors.Is(err, sqlcipher.ErrTampered) {
		t.Errorf("got %v and %.100q, want ErrTampered", err, state)
	}
}

// TestSwappedPages exchanges sealed pages with each other.
func TestSwappedPages(t *testing.T) {
	pod, tp := makeSmallPod(t), newTamperer(t)
	pages := slices.Collect(slices.Chunk(pod.main, sqlcipher.PageSize))
	if len(pages) < 3 {
		t.Fatalf("only %d pages", len(pages))
	}
	for i := range pages {
		for j := range i {
			swapped := slices.Clone(pages)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			_, err := tp.read(t.Context(), bytes.Join(swapped, nil), nil)
			if !errors.Is(err, sqlcipher.ErrTampered) && !errors.Is(err, sqlcipher.ErrWrongKey) {
				t.Errorf("pages %d and %d swapped: %v", i+1, j+1, err)
			}
		}
	}
}

// TestReplayIsNotNoticed writes down what the format cannot do: an older
// version of a page is as good as the current one. If this fails, the
// documents promise too little.
func TestReplayIsNotNoticed(t *testing.T) {
	path := inTemp(t, "x.db")
	db := open(t, path)
	mustExec(t, db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)", "INSERT INTO t VALUES (1, 'old')", "PRAGMA wal_checkpoint(TRUNCATE)")
	old := readFile(t, path)
	mustExec(t, db, "UPDATE t SET a='new'", "PRAGMA wal_checkpoint(TRUNCATE)")
	mustClose(t, db)
	now := readFile(t, path)
	copy(now[sqlcipher.PageSize:], old[sqlcipher.PageSize:2*sqlcipher.PageSize])
	state, err := newTamperer(t).read(t.Context(), now, nil)
	if err != nil || !strings.Contains(state, "1: old") {
		t.Errorf("got %q, %v", state, err)
	}
}

// FuzzWAL reads any bytes as the WAL. Without repaired checksums the result
// is the state after a commit. With them, frames can be left out, which is a
// replay of older pages, but no row may appear that was never written.
func FuzzWAL(f *testing.F) {
	pod := makeSmallPod(f)
	if len(pod.wal) < 32+3*frameSize {
		f.Fatal("no seeds")
	}
	for _, n := range []int{0, 31, 32, 56, 32 + frameSize, len(pod.wal)} {
		f.Add(pod.wal[:n], false)
		f.Add(pod.wal[:n], true)
	}
	written := strings.Join(pod.states, "")
	f.Fuzz(func(t *testing.T, wal []byte, repair bool) {
		if repair && len(wal) >= 32 {
			repairChecksums(wal)
		}
		state, err := newTamperer(t).read(t.Context(), pod.main, wal)
		if !repair || err != nil {
			if bad := check(state, err, pod.states); bad != nil {
				t.Error(bad)
			}
			return
		}
		for line := range strings.Lines(rowsOf(state)) {
			if !strings.Contains(written, line) {
				t.Errorf("a row that was never written: %.100s", line)
			}
		}
	})
}
