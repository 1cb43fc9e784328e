package sqlcipher

import (
	"unsafe"

	"modernc.org/libc"
)

// SQLite, translated from C, passes addresses as uintptr and functions as the
// address of a Go func value. These helpers are the only place where such
// numbers become Go values and back.

// at returns the T at a C address, or the pinned Go object at it.
func at[T any](p uintptr) *T {
	return *(**T)(unsafe.Pointer(&p))
}

// bytesAt returns the n bytes at a C address, not copied.
func bytesAt(p uintptr, n int) []byte {
	return unsafe.Slice(at[byte](p), n)
}

// addr returns the address of bytes that bytesAt gave. Go's own memory is never
// passed to SQLite.
func addr(b []byte) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

// fn turns a C function pointer into a Go function of type F.
func fn[F any](p uintptr) F {
	return *(*F)(unsafe.Pointer(&p))
}

// fnPtr is the reverse of fn. If f is a closure, the caller keeps it reachable
// for as long as C may call it.
func fnPtr[F any](f F) uintptr {
	return *(*uintptr)(unsafe.Pointer(&f))
}

// Signatures of the C functions that are called and replaced.
type (
	ioFn    = func(tls *libc.TLS, file, buf uintptr, n int32, off int64) int32
	fileFn  = func(tls *libc.TLS, file uintptr) int32
	int64Fn = func(tls *libc.TLS, file uintptr, n int64) int32
	int32Fn = func(tls *libc.TLS, file uintptr, n int32) int32
	ptrFn   = func(tls *libc.TLS, file, out uintptr) int32
	shmFn   = func(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32
	ctlFn   = func(tls *libc.TLS, file uintptr, op int32, arg uintptr) int32
	openFn  = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32

	deleteFn = func(tls *libc.TLS, vfs, name uintptr, syncDir int32) int32
	accessFn = func(tls *libc.TLS, vfs, name uintptr, flags int32, out uintptr) int32
)
