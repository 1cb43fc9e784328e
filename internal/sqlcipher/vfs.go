package sqlcipher

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// handleParam is the URI parameter that carries a connection's one-use handle.
const handleParam = "keyhandle"

// A vfs stands between SQLite and a base VFS. SQLite sees plain pages with 80
// reserved bytes; the base sees sealed ones. Only the main database, its WAL
// and its rollback journal can be opened through it.
//
// A vfs is registered once and lives as long as the process.
type vfs struct {
	name    string
	base    uintptr // *lib.Tsqlite3_vfs
	self    uintptr // *lib.Tsqlite3_vfs, a changed copy of base
	baseLen uintptr // size of the base's file object, rounded up to 8
	param   uintptr // handleParam as a C string
	calls   calls   // keeps the closures that SQLite calls

	mu      sync.Mutex
	methods map[uintptr]uintptr // base's io_methods → ours; guarded by mu
}

// calls are the functions that a vfs gives to SQLite instead of the base's.
type calls struct {
	open     openFn
	close    fileFn
	read     ioFn
	write    ioFn
	truncate int64Fn
	sync     int32Fn
	size     ptrFn
	traits   fileFn
	shmMap   shmFn
}

// newVFS registers a VFS called name over the base one, which must be
// registered already. SQLite is initialized by it.
func newVFS(tls *libc.TLS, name, base string) (*vfs, error) {
	v := &vfs{name: name, methods: make(map[uintptr]uintptr)}
	v.calls = calls{v.xOpen, v.xClose, v.xRead, v.xWrite, v.xTruncate, v.xSync, v.xFileSize, v.xTraits, v.xShmMap}
	zBase, err1 := libc.CString(base)
	zName, err2 := libc.CString(name) // the VFS is never unregistered, so nothing is freed
	zParam, err3 := libc.CString(handleParam)
	v.self = libc.Xmalloc(tls, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_vfs{})))
	if err := errors.Join(err1, err2, err3); err != nil || v.self == 0 {
		return nil, errors.New("sqlcipher: out of memory")
	}
	if v.base = lib.Xsqlite3_vfs_find(tls, zBase); v.base == 0 {
		return nil, fmt.Errorf("sqlcipher: no VFS %q", base)
	}
	v.param = zParam
	c := at[lib.Tsqlite3_vfs](v.self)
	*c = *at[lib.Tsqlite3_vfs](v.base)
	v.baseLen = (uintptr(c.FszOsFile) + 7) &^ 7
	c.FszOsFile = int32(v.baseLen + unsafe.Sizeof(v.baseLen))
	c.FpNext, c.FzName, c.FxOpen = 0, zName, fnPtr(v.calls.open)
	if rc := lib.Xsqlite3_vfs_register(tls, v.self, 0); rc != lib.SQLITE_OK {
		return nil, fmt.Errorf("sqlcipher: registering the VFS: code %d", rc)
	}
	return v, nil
}

// xOpen opens one file of a database for SQLite, or refuses. The base keeps its
// file object at the start of SQLite's; after it stands the address of a
// pinned *file, so that no lock or table is needed to find it.
func (v *vfs) xOpen(tls *libc.TLS, _, name, p uintptr, flags int32, outFlags uintptr) int32 {
	at[lib.Tsqlite3_file](p).FpMethods = 0 // no xClose unless we succeed
	f, rc := v.newFile(tls, name, p, flags)
	if rc != lib.SQLITE_OK {
		return rc
	}
	if f.kind == fileMain {
		flags &^= lib.SQLITE_OPEN_CREATE // Open has created it whole, or it is an error
	}
	base := at[lib.Tsqlite3_vfs](v.base)
	if rc := fn[openFn](base.FxOpen)(tls, v.base, name, p, flags, outFlags); rc != lib.SQLITE_OK {
		return rc
	}
	rc = v.attach(tls, f)
	if rc == lib.SQLITE_OK && f.kind == fileMain {
		rc = f.makeCodec(tls)
	}
	if rc != lib.SQLITE_OK {
		v.detach(tls, f)
		fn[fileFn](f.base.FxClose)(tls, p)
		at[lib.Tsqlite3_file](p).FpMethods = 0
		return rc
	}
	if f.kind == fileMain {
		f.conn.main = f
	}
	return lib.SQLITE_OK
}

// newFile decides whether and how a file may be opened.
func (v *vfs) newFile(tls *libc.TLS, name, p uintptr, flags int32) (*file, int32) {
	f := &file{p: p}
	switch {
	case name == 0:
		return nil, lib.SQLITE_CANTOPEN
	case flags&lib.SQLITE_OPEN_MAIN_DB != 0:
		f.kind = fileMain
		if f.conn = handles.take(lib.Xsqlite3_uri_int64(tls, name, v.param, 0)); f.conn == nil {
			return nil, lib.SQLITE_AUTH
		}
		return f, lib.SQLITE_OK
	case flags&lib.SQLITE_OPEN_WAL != 0:
		f.kind = fileWAL
	case flags&lib.SQLITE_OPEN_MAIN_JOURNAL != 0:
		f.kind = fileJournal
	default:
		return nil, lib.SQLITE_CANTOPEN // temporary files and super-journals never reach the disk
	}
	f.main = v.file(lib.Xsqlite3_database_file_object(tls, name))
	f.conn, f.codec = f.main.conn, f.main.codec
	return f, lib.SQLITE_OK
}

// attach makes f the state of its SQLite file object, which the base has
// opened, until detach.
func (v *vfs) attach(tls *libc.TLS, f *file) int32 {
	object := at[lib.Tsqlite3_file](f.p)
	f.base = at[lib.Tsqlite3_io_methods](object.FpMethods)
	f.pin.Pin(f)
	*at[uintptr](f.p + v.baseLen) = uintptr(unsafe.Pointer(f))
	methods := v.methodsFor(tls, object.FpMethods)
	buf := lib.Xsqlite3_malloc(tls, frameSize)
	if methods == 0 || buf == 0 {
		lib.Xsqlite3_free(tls, buf)
		return lib.SQLITE_NOMEM
	}
	f.buf = bytesAt(buf, frameSize)
	object.FpMethods = methods
	return lib.SQLITE_OK
}

func (v *vfs) detach(tls *libc.TLS, f *file) {
	if f.buf != nil {
		lib.Xsqlite3_free(tls, addr(f.buf)) // which wipes it
		f.buf = nil
	}
	*at[uintptr](f.p + v.baseLen) = 0
	f.pin.Unpin()
}

// file returns the state of an open SQLite file object.
func (v *vfs) file(p uintptr) *file { return *at[*file](p + v.baseLen) }

// methodsFor returns a copy of the base's method table with ours in it. Locks
// stay the base's, as does shared memory but for a code. Version 2 has no memory-mapped reads,
// which would hand ciphertext to SQLite.
func (v *vfs) methodsFor(tls *libc.TLS, base uintptr) uintptr {
	v.mu.Lock()
	defer v.mu.Unlock()
	if m := v.methods[base]; m != 0 {
		return m
	}
	p := libc.Xmalloc(tls, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_io_methods{})))
	if p == 0 {
		return 0
	}
	m := at[lib.Tsqlite3_io_methods](p)
	*m = *at[lib.Tsqlite3_io_methods](base)
	m.FiVersion = min(m.FiVersion, 2)
	m.FxClose = fnPtr(v.calls.close)
	m.FxRead = fnPtr(v.calls.read)
	m.FxWrite = fnPtr(v.calls.write)
	m.FxTruncate = fnPtr(v.calls.truncate)
	m.FxSync = fnPtr(v.calls.sync)
	m.FxFileSize = fnPtr(v.calls.size)
	m.FxDeviceCharacteristics = fnPtr(v.calls.traits)
	if m.FxShmMap != 0 {
		m.FxShmMap = fnPtr(v.calls.shmMap)
	}
	v.methods[base] = p
	return p
}
