package sqlcipher

import (
	"fmt"
	"sync"

	"modernc.org/libc"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// The names of our VFSes.
const (
	vfsName     = "locket-sqlcipher"
	readName    = "locket-read"           // plain databases of other programs
	cipherRead  = "locket-sqlcipher-read" // encrypted ones
	lengthParam = "maxlength"             // URI parameter: most bytes of one value
)

// setup prepares SQLite once per process: allocator, then VFSes, then the hook
// for new connections. SQLite accepts an allocator only before anything has
// used it, so a program must not open another SQLite database first.
var setup = sync.OnceValues(func() (*vfs, error) {
	// With open-file-description locks, other code that opens and closes the
	// database file (a backup, a hash) does not silently drop SQLite's locks,
	// as it does with POSIX ones. Where the system has none, POSIX locks remain.
	_, _ = sqlite.OFDLocking(true)

	tls := libc.NewTLS()
	defer tls.Close()
	if err := useWipingAllocator(tls); err != nil {
		return nil, err
	}
	v, err := register(tls, vfsName, defaultVFS)
	if err != nil {
		return nil, err
	}
	r, err := newReadingVFS(tls, readName, defaultVFS)
	if err != nil {
		return nil, err
	}
	c, err := newVFS(tls, cipherRead, readName)
	if err != nil {
		return nil, err
	}
	guarded.Store(r.self, guard{keep: r, reading: true})
	guarded.Store(c.self, guard{keep: c, reading: true})
	return v, nil
})

// register adds a VFS over base and guards every connection made through it.
func register(tls *libc.TLS, name, base string) (*vfs, error) {
	v, err := newVFS(tls, name, base)
	if err != nil {
		return nil, err
	}
	guarded.Store(v.self, guard{keep: v})
	if rc := lib.Xsqlite3_auto_extension(tls, fnPtr(guardConnection)); rc != lib.SQLITE_OK {
		return nil, fmt.Errorf("sqlcipher: installing the authorizer: code %d", rc)
	}
	return v, nil
}
