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

// A readingVFS reads databases of other programs and leaves no trace: files are
// opened for reading only, and none is made beside them. Without shared memory
// SQLite keeps the index of a WAL in its heap, which needs locking_mode=EXCLUSIVE; the
// exclusive lock, for which a file must be open for writing, is not taken. So a
// program that writes at the same time is not kept off, but for one in a rollback
// mode; callers compare the files before and after.
type readingVFS struct {
	base   uintptr // *lib.Tsqlite3_vfs
	self   uintptr // *lib.Tsqlite3_vfs, a changed copy of base
	open   openFn
	delete deleteFn
	write  ioFn
	cut    int64Fn
	sync   int32Fn

	absent    absentFile
	absentPtr uintptr // *lib.Tsqlite3_io_methods of a file that does not exist
	mu        sync.Mutex
	methods   map[uintptr]uintptr // base's io_methods → ours; guarded by mu
	lockers   []int32Fn           // keeps the closures that SQLite calls; guarded by mu
}

// An absentFile is the methods of an empty file.
type absentFile struct {
	close fileFn
	read  ioFn
	size  ptrFn
	zero  fileFn
	lock  int32Fn
	ctl   ctlFn
	query ptrFn
}

func newReadingVFS(tls *libc.TLS, name, base string) (*readingVFS, error) {
	v := &readingVFS{methods: make(map[uintptr]uintptr)}
	zBase, err1 := libc.CString(base)
	zName, err2 := libc.CString(name) // the VFS is never unregistered, so nothing is freed
	v.self = libc.Xmalloc(tls, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_vfs{})))
	v.absentPtr = libc.Xcalloc(tls, 1, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_io_methods{})))
	if err := errors.Join(err1, err2); err != nil || v.self == 0 || v.absentPtr == 0 {
		return nil, errors.New("sqlcipher: out of memory")
	}
	if v.base = lib.Xsqlite3_vfs_find(tls, zBase); v.base == 0 {
		return nil, fmt.Errorf("sqlcipher: no VFS %q", base)
	}
	v.open, v.delete = v.xOpen, func(*libc.TLS, uintptr, uintptr, int32) int32 { return lib.SQLITE_IOERR_DELETE }
	v.write = func(*libc.TLS, uintptr, uintptr, int32, int64) int32 { return lib.SQLITE_READONLY }
	v.cut = func(*libc.TLS, uintptr, int64) int32 { return lib.SQLITE_READONLY }
	v.sync = func(*libc.TLS, uintptr, int32) int32 { return lib.SQLITE_OK }
	v.makeAbsent()
	c := at[lib.Tsqlite3_vfs](v.self)
	*c = *at[lib.Tsqlite3_vfs](v.base)
	c.FpNext, c.FzName = 0, zName
	c.FxOpen, c.FxDelete = fnPtr(v.open), fnPtr(v.delete)
	if rc := lib.Xsqlite3_vfs_register(tls, v.self, 0); rc != lib.SQLITE_OK {
		return nil, fmt.Errorf("sqlcipher: registering the VFS: code %d", rc)
	}
	return v, nil
}

func (v *readingVFS) makeAbsent() {
	v.absent = absentFile{
		close: func(*libc.TLS, uintptr) int32 { return lib.SQLITE_OK },
		read: func(_ *libc.TLS, _, buf uintptr, n int32, _ int64) int32 {
			clear(bytesAt(buf, int(n)))
			return lib.SQLITE_IOERR_SHORT_READ
		},
		size: func(_ *libc.TLS, _, out uintptr) int32 {
			*at[int64](out) = 0
			return lib.SQLITE_OK
		},
		zero:  func(*libc.TLS, uintptr) int32 { return 0 },
		lock:  func(*libc.TLS, uintptr, int32) int32 { return lib.SQLITE_OK },
		ctl:   func(*libc.TLS, uintptr, int32, uintptr) int32 { return lib.SQLITE_NOTFOUND },
		query: func(_ *libc.TLS, _, out uintptr) int32 { *at[int32](out) = 0; return lib.SQLITE_OK },
	}
	m := at[lib.Tsqlite3_io_methods](v.absentPtr)
	m.FiVersion = 1
	m.FxClose, m.FxRead, m.FxFileSize = fnPtr(v.absent.close), fnPtr(v.absent.read), fnPtr(v.absent.size)
	m.FxWrite, m.FxTruncate, m.FxSync = fnPtr(v.write), fnPtr(v.cut), fnPtr(v.sync)
	m.FxLock, m.FxUnlock, m.FxCheckReservedLock = fnPtr(v.absent.lock), fnPtr(v.absent.lock), fnPtr(v.absent.query)
	m.FxFileControl = fnPtr(v.absent.ctl)
	m.FxSectorSize, m.FxDeviceCharacteristics = fnPtr(v.absent.zero), fnPtr(v.absent.zero)
}

// xOpen opens a database, its WAL or its journal for reading. A WAL that is not
// there is an empty one: SQLite would make it.
func (v *readingVFS) xOpen(tls *libc.TLS, _, name, p uintptr, flags int32, outFlags uintptr) int32 {
	object := at[lib.Tsqlite3_file](p)
	object.FpMethods = 0 // no xClose unless we succeed
	const kinds = lib.SQLITE_OPEN_MAIN_DB | lib.SQLITE_OPEN_WAL | lib.SQLITE_OPEN_MAIN_JOURNAL
	if name == 0 || flags&kinds == 0 {
		return lib.SQLITE_CANTOPEN // temporary files never reach the disk
	}
	base := at[lib.Tsqlite3_vfs](v.base)
	if flags&lib.SQLITE_OPEN_WAL != 0 {
		there := libc.Xcalloc(tls, 1, 8)
		if there == 0 {
			return lib.SQLITE_NOMEM
		}
		rc := fn[accessFn](base.FxAccess)(tls, v.base, name, lib.SQLITE_ACCESS_EXISTS, there)
		exists := *at[int32](there) != 0
		libc.Xfree(tls, there)
		if rc != lib.SQLITE_OK {
			return rc
		}
		if !exists {
			object.FpMethods = v.absentPtr
			if outFlags != 0 {
				*at[int32](outFlags) = flags&kinds | lib.SQLITE_OPEN_READONLY
			}
			return lib.SQLITE_OK
		}
	}
	flags = flags&kinds | lib.SQLITE_OPEN_READONLY
	if rc := fn[openFn](base.FxOpen)(tls, v.base, name, p, flags, outFlags); rc != lib.SQLITE_OK {
		return rc
	}
	m := v.methodsFor(tls, object.FpMethods)
	if m == 0 {
		fn[fileFn](at[lib.Tsqlite3_io_methods](object.FpMethods).FxClose)(tls, p)
		object.FpMethods = 0
		return lib.SQLITE_NOMEM
	}
	object.FpMethods = m
	return lib.SQLITE_OK
}

// methodsFor returns a copy of the base's method table that writes nothing.
// Version 1 has neither shared memory nor memory-mapped reads.
func (v *readingVFS) methodsFor(tls *libc.TLS, base uintptr) uintptr {
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
	lock := fn[int32Fn](m.FxLock)
	shared := func(tls *libc.TLS, p uintptr, level int32) int32 {
		if level > lib.SQLITE_LOCK_SHARED {
			return lib.SQLITE_OK
		}
		return lock(tls, p, level)
	}
	v.lockers = append(v.lockers, shared)
	m.FiVersion = 1
	m.FxLock, m.FxWrite, m.FxTruncate, m.FxSync = fnPtr(shared), fnPtr(v.write), fnPtr(v.cut), fnPtr(v.sync)
	v.methods[base] = p
	return p
}
