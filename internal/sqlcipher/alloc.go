package sqlcipher

import (
	"fmt"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// allocHeader precedes each block and holds its usable size. 8 bytes keep the
// alignment that SQLite asks for.
const allocHeader = 8

// useWipingAllocator gives SQLite a heap in which nothing outlives its use:
// page cache, sorter, statements and full-text buffers are overwritten when
// they are freed or move. It fails if SQLite has been used already.
//
// Lookaside is off because its slots would be reused without passing here.
func useWipingAllocator(tls *libc.TLS) error {
	p := libc.Xcalloc(tls, 1, types.Size_t(unsafe.Sizeof(lib.Tsqlite3_mem_methods{})))
	args := libc.Xcalloc(tls, 2, 8)
	if p == 0 || args == 0 {
		return fmt.Errorf("sqlcipher: out of memory")
	}
	defer libc.Xfree(tls, args)
	*at[lib.Tsqlite3_mem_methods](p) = lib.Tsqlite3_mem_methods{
		FxMalloc: fnPtr(allocMalloc), FxFree: fnPtr(allocFree), FxRealloc: fnPtr(allocRealloc),
		FxSize: fnPtr(allocSize), FxRoundup: fnPtr(allocRoundup),
		FxInit: fnPtr(allocInit), FxShutdown: fnPtr(allocShutdown),
	}
	if rc := lib.Xsqlite3_config(tls, lib.SQLITE_CONFIG_MALLOC, libc.VaList(args, p)); rc != lib.SQLITE_OK {
		return fmt.Errorf("sqlcipher: SQLite was used before its allocator could be set: code %d", rc)
	}
	if rc := lib.Xsqlite3_config(tls, lib.SQLITE_CONFIG_LOOKASIDE, libc.VaList(args, int32(0), int32(0))); rc != lib.SQLITE_OK {
		return fmt.Errorf("sqlcipher: turning lookaside off: code %d", rc)
	}
	return nil
}

func allocMalloc(tls *libc.TLS, n int32) uintptr {
	size := allocRoundup(tls, n)
	p := libc.Xmalloc(tls, types.Size_t(allocHeader+size))
	if p == 0 {
		return 0
	}
	*at[int32](p) = size
	return p + allocHeader
}

func allocFree(tls *libc.TLS, p uintptr) {
	if p == 0 {
		return
	}
	clear(bytesAt(p, int(allocSize(tls, p))))
	libc.Xfree(tls, p-allocHeader)
}

func allocRealloc(tls *libc.TLS, p uintptr, n int32) uintptr {
	old := allocSize(tls, p)
	if n <= old && n > old/2 {
		return p // fits, and wastes less than half
	}
	q := allocMalloc(tls, n)
	if q == 0 {
		return 0
	}
	copy(bytesAt(q, int(n)), bytesAt(p, int(min(n, old))))
	allocFree(tls, p)
	return q
}

func allocSize(_ *libc.TLS, p uintptr) int32 {
	if p == 0 {
		return 0
	}
	return *at[int32](p - allocHeader)
}

func allocRoundup(_ *libc.TLS, n int32) int32 { return (n + 7) &^ 7 }

func allocInit(*libc.TLS, uintptr) int32 { return lib.SQLITE_OK }

func allocShutdown(*libc.TLS, uintptr) {}
