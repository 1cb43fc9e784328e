package sqlcipher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"

	"github.com/locketpod/locket/internal/secret"
)

// A simDisk is a VFS below ours that knows what a power cut leaves: what was
// synced, and of each later write, in pieces of 512 bytes, about half.
type simDisk struct {
	v     *vfs // for its table of methods; sits between unix and ours
	calls simCalls

	mu    sync.Mutex
	files map[string]*simFile  // by path
	open  map[uintptr]*simFile // by SQLite's file object
	steps int                  // writes, truncates, syncs and deletes so far
	last  int                  // the power goes after this many; 0 = never
	nosyn bool                 // syncs do nothing
}

type simFile struct {
	path    string
	exists  bool // its name is durable
	durable []byte
	pending []simOp // since the last sync
	removed bool    // deleted, but not durably
}

// simOp is one write, or a truncation to off if data is nil.
type simOp struct {
	off  int64
	data []byte
}

type simCalls struct {
	open     openFn
	write    ioFn
	truncate int64Fn
	sync     int32Fn
	remove   func(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32
}

var (
	simOnce sync.Once
	sim     *simDisk
	simVFS  *vfs
	errSim  error
)

// simulator registers unix → simulator → ours, once.
func simulator(t *testing.T) (*simDisk, *vfs) {
	t.Helper()
	simOnce.Do(func() {
		if _, errSim = setup(); errSim != nil {
			return
		}
		tls := libc.NewTLS()
		defer tls.Close()
		sim = newSimDisk(tls)
		simVFS, errSim = register(tls, "locket-on-simulator", "simulator")
	})
	if errSim != nil {
		t.Fatal(errSim)
	}
	return sim, simVFS
}

func newSimDisk(tls *libc.TLS) *simDisk {
	d := &simDisk{}
	d.calls = simCalls{d.xOpen, d.xWrite, d.xTruncate, d.xSync, d.xDelete}
	zUnix, _ := libc.CString(defaultVFS)
	d.v = &vfs{base: lib.Xsqlite3_vfs_find(tls, zUnix), methods: make(map[uintptr]uintptr)}
	d.v.self = libc.Xmalloc(tls, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_vfs{})))
	c := at[lib.Tsqlite3_vfs](d.v.self)
	*c = *at[lib.Tsqlite3_vfs](d.v.base)
	zName, _ := libc.CString("simulator")
	c.FpNext, c.FzName, c.FxOpen, c.FxDelete = 0, zName, fnPtr(d.calls.open), fnPtr(d.calls.remove)
	lib.Xsqlite3_vfs_register(tls, d.v.self, 0)
	return d
}

func (d *simDisk) reset(last int, nosync bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files, d.open = make(map[string]*simFile), make(map[uintptr]*simFile)
	d.steps, d.last, d.nosyn = 0, last, nosync
}

// step counts one operation and reports whether the power is still on.
func (d *simDisk) step() bool {
	d.steps++
	return d.last == 0 || d.steps <= d.last
}

func (d *simDisk) xOpen(tls *libc.TLS, _, name, p uintptr, flags int32, out uintptr) int32 {
	rc := fn[openFn](at[lib.Tsqlite3_vfs](d.v.base).FxOpen)(tls, d.v.base, name, p, flags, out)
	if rc != lib.SQLITE_OK {
		return rc
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := libc.GoString(name)
	f := d.files[path]
	if f == nil {
		f = &simFile{path: path}
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			f.durable, f.exists = b, true
		}
		d.files[path] = f
	}
	if f.removed { // a new file of that name replaces the old one
		*f = simFile{path: path}
	}
	d.open[p] = f
	base := at[lib.Tsqlite3_file](p).FpMethods
	m := d.v.methods[base]
	if m == 0 {
		m = libc.Xmalloc(tls, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_io_methods{})))
		*at[lib.Tsqlite3_io_methods](m) = *at[lib.Tsqlite3_io_methods](base)
		at[lib.Tsqlite3_io_methods](m).FxWrite = fnPtr(d.calls.write)
		at[lib.Tsqlite3_io_methods](m).FxTruncate = fnPtr(d.calls.truncate)
		at[lib.Tsqlite3_io_methods](m).FxSync = fnPtr(d.calls.sync)
		d.v.methods[base] = m
		d.v.methods[m] = base
	}
	at[lib.Tsqlite3_file](p).FpMethods = m
	return lib.SQLITE_OK
}

// unix returns the methods below the simulator's. All files on one system
// share a table.
func (d *simDisk) unix() *lib.Tsqlite3_io_methods {
	for a, b := range d.v.methods {
		if at[lib.Tsqlite3_io_methods](a).FxWrite != fnPtr(d.calls.write) {
			return at[lib.Tsqlite3_io_methods](a)
		}
		return at[lib.Tsqlite3_io_methods](b)
	}
	return nil
}

func (d *simDisk) xWrite(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.step() {
		return lib.SQLITE_IOERR_WRITE
	}
	f := d.open[p]
	f.pending = append(f.pending, simOp{off, append([]byte{}, bytesAt(buf, int(n))...)})
	return fn[ioFn](d.unix().FxWrite)(tls, p, buf, n, off)
}

func (d *simDisk) xTruncate(tls *libc.TLS, p uintptr, size int64) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.step() {
		return lib.SQLITE_IOERR_TRUNCATE
	}
	f := d.open[p]
	f.pending = append(f.pending, simOp{off: size})
	return fn[int64Fn](d.unix().FxTruncate)(tls, p, size)
}

func (d *simDisk) xSync(_ *libc.TLS, p uintptr, _ int32) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.step() {
		return lib.SQLITE_IOERR_FSYNC
	}
	if d.nosyn {
		return lib.SQLITE_OK
	}
	f := d.open[p]
	for _, op := range f.pending {
		f.durable = op.apply(f.durable)
	}
	f.pending, f.exists = nil, true // unix syncs the folder too
	return lib.SQLITE_OK
}

func (d *simDisk) xDelete(tls *libc.TLS, _, name uintptr, syncDir int32) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.step() {
		return lib.SQLITE_IOERR_DELETE
	}
	if f := d.files[libc.GoString(name)]; f != nil {
		f.removed = true
		if syncDir != 0 && !d.nosyn {
			delete(d.files, f.path)
		}
	}
	base := at[lib.Tsqlite3_vfs](d.v.base)
	return fn[func(*libc.TLS, uintptr, uintptr, int32) int32](base.FxDelete)(tls, d.v.base, name, 0)
}

func (op simOp) apply(b []byte) []byte {
	if op.data == nil {
		if int64(len(b)) > op.off {
			return b[:op.off]
		}
		return append(b, make([]byte, op.off-int64(len(b)))...)
	}
	if end := op.off + int64(len(op.data)); int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[op.off:], op.data)
	return b
}

// crash writes into dir what a power cut leaves.
func (d *simDisk) crash(t *testing.T, dir string, r *rand.Rand) {
	t.Helper()
	const sector = 512
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if strings.HasSuffix(f.path, "-shm") || !f.exists && r.IntN(2) == 0 || f.removed && r.IntN(2) == 0 {
			continue
		}
		b := append([]byte{}, f.durable...)
		for _, op := range f.pending {
			if op.data == nil {
				if r.IntN(2) == 0 {
					b = op.apply(b)
				}
				continue
			}
			for from := 0; from < len(op.data); {
				to := min(len(op.data), from+sector-int(op.off+int64(from))%sector)
				if r.IntN(2) == 0 {
					b = simOp{op.off + int64(from), op.data[from:to]}.apply(b)
				}
				from = to
			}
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.path)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// numbered runs transactions 1, 2, … and returns the last that was
// acknowledged. Each changes many pages, so that caches spill.
func numbered(ctx context.Context, db *DB, n int) (acked int) {
	for i := 1; i <= n; i++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return acked
		}
		for _, q := range []string{
			"UPDATE t SET n=?1, pad=hex(randomblob(600)) WHERE id%3=?1%3",
			"INSERT INTO t(n, pad) VALUES(?1, hex(randomblob(700)))",
			"DELETE FROM t WHERE id IN (SELECT min(id) FROM t) AND ?1%4=0",
			"INSERT INTO log VALUES(?1)",
		} {
			if _, err := tx.ExecContext(ctx, q, i); err != nil {
				_ = tx.Rollback()
				return acked
			}
		}
		if tx.Commit() != nil {
			return acked
		}
		acked = i
	}
	return acked
}

type crashMode struct {
	name    string
	pragmas []string
}

var crashModes = []crashMode{
	{"WAL", []string{"synchronous(FULL)", "wal_autocheckpoint(9)", "cache_size(6)", "cache_spill(4)"}},
	// A journal's removal is only durable with EXTRA.
	{"DELETE", []string{"journal_mode(DELETE)", "synchronous(EXTRA)", "cache_size(6)", "cache_spill(4)"}},
}

// crashOnce cuts the power after the given number of steps and returns what
// is wrong after the next start.
func crashOnce(t *testing.T, mode crashMode, last int, nosync bool, seed uint64) (steps int, wrong error) {
	t.Helper()
	d, v := simulator(t)
	dir, after := t.TempDir(), t.TempDir()
	key := secret.Take([]byte("0123456789abcdef0123456789abcdef"))
	path := filepath.Join(dir, "x.db")
	db, err := Open(t.Context(), path, key, Options{Pragmas: mode.pragmas})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), "CREATE TABLE t(id INTEGER PRIMARY KEY, n, pad); CREATE TABLE log(n);"+
		"WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM s WHERE i<20) INSERT INTO t(n, pad) SELECT 0, hex(randomblob(600)) FROM s")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	d.reset(last, nosync)
	acked := 0
	if db, err = openVFS(t.Context(), v, path, key, Options{Pragmas: mode.pragmas, MaxConns: 1}); err == nil {
		acked = numbered(t.Context(), db, 12)
		_ = db.Close() // fails where the power is off
	}
	d.crash(t, after, rand.New(rand.NewPCG(seed, uint64(last))))
	return d.steps, verifyAfter(t.Context(), filepath.Join(after, "x.db"), key, acked)
}

func verifyAfter(ctx context.Context, path string, key *secret.Key, acked int) error {
	db, err := Open(ctx, path, key, Options{MustExist: true, MaxConns: 1})
	if err != nil {
		return err
	}
	var integrity string
	var highest, n int
	err = errors.Join(
		db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&integrity),
		db.QueryRowContext(ctx, "SELECT coalesce(max(n), 0), count(*) FROM log").Scan(&highest, &n),
		db.Close())
	switch {
	case err != nil:
		return err
	case integrity != "ok":
		return fmt.Errorf("integrity_check: %s", integrity)
	case highest < acked || highest > acked+1 || n != highest:
		return fmt.Errorf("%d transactions up to %d, %d were acknowledged", n, highest, acked)
	}
	return nil
}

func TestPowerLoss(t *testing.T) {
	for _, mode := range crashModes {
		t.Run(mode.name, func(t *testing.T) {
			total, err := crashOnce(t, mode, 0, false, 0)
			if err != nil {
				t.Fatalf("without a crash: %v", err)
			}
			if total < 200 {
				t.Fatalf("only %d steps: the simulator sees nothing", total)
			}
			crashes := 120
			if testing.Short() {
				crashes = 25
			}
			for i := 1; i <= crashes; i++ {
				last := max(1, total*i/crashes)
				if _, err := crashOnce(t, mode, last, false, uint64(i)); err != nil {
					t.Errorf("power cut after step %d of %d: %v", last, total, err)
				}
			}
		})
	}
}

// TestPowerLossNeedsSync shows that the simulator sees losses: without syncs
// nearly every crash loses something.
func TestPowerLossNeedsSync(t *testing.T) {
	for _, mode := range crashModes {
		t.Run(mode.name, func(t *testing.T) {
			total, _ := crashOnce(t, mode, 0, false, 0)
			bad := 0
			for i := range 10 {
				if _, err := crashOnce(t, mode, total*(i+1)/11, true, uint64(i)); err != nil {
					bad++
				}
			}
			if bad < 7 {
				t.Errorf("only %d of 10 crashes without sync lost something", bad)
			}
		})
	}
}
