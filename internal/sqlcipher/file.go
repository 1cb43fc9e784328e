package sqlcipher

import (
	"runtime"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Kinds of file, as [TamperedError] names them.
const (
	fileMain    = "main"
	fileWAL     = "wal"
	fileJournal = "journal"
)

// A file is the state of one file that SQLite has open. SQLite uses a
// connection, and so its files, from one goroutine at a time.
type file struct {
	kind  string
	p     uintptr                  // SQLite's file object, the base's at its start
	base  *lib.Tsqlite3_io_methods // the base's methods
	main  *file                    // the database a WAL or journal belongs to
	conn  *session
	codec *Codec // the main file's, wiped when that closes
	pin   runtime.Pinner

	buf []byte // frameSize bytes of SQLite's heap, for the base: ciphertext only, but for headers

	wal     walState
	journal journalState
}

// readBase and writeBase move bytes between the disk and b, which is part of
// f.buf or of SQLite's own memory.
func (f *file) readBase(tls *libc.TLS, b []byte, off int64) int32 {
	rc := fn[ioFn](f.base.FxRead)(tls, f.p, addr(b), int32(len(b)), off)
	if rc == lib.SQLITE_IOERR_CORRUPTFS {
		// SQLite would make SQLITE_CORRUPT of it, but a disk that cannot be
		// read is no sign of tampering.
		return lib.SQLITE_IOERR_READ
	}
	return rc
}

func (f *file) writeBase(tls *libc.TLS, b []byte, off int64) int32 {
	return fn[ioFn](f.base.FxWrite)(tls, f.p, addr(b), int32(len(b)), off)
}

// tampered remembers which page failed and returns the code for SQLite.
func (f *file) tampered(no uint32) int32 {
	f.conn.fail.set(&TamperedError{File: f.kind, Page: no})
	return lib.SQLITE_IOERR_DATA
}

func (v *vfs) xRead(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
	f, b := v.file(p), bytesAt(buf, int(n))
	switch f.kind {
	case fileMain:
		return f.readMain(tls, b, off)
	case fileWAL:
		return f.readWAL(tls, b, off)
	}
	return f.readJournal(tls, b, off)
}

func (v *vfs) xWrite(tls *libc.TLS, p, buf uintptr, n int32, off int64) int32 {
	f, b := v.file(p), bytesAt(buf, int(n))
	switch f.kind {
	case fileMain:
		return f.writeMain(tls, b, off)
	case fileWAL:
		return f.writeWAL(tls, b, off)
	}
	return f.writeJournal(tls, b, off)
}

func (v *vfs) xTruncate(tls *libc.TLS, p uintptr, size int64) int32 {
	f := v.file(p)
	if rc := f.releaseHeader(tls); rc != lib.SQLITE_OK {
		return rc
	}
	return fn[int64Fn](f.base.FxTruncate)(tls, p, size)
}

func (v *vfs) xSync(tls *libc.TLS, p uintptr, flags int32) int32 {
	f := v.file(p)
	if rc := f.releaseHeader(tls); rc != lib.SQLITE_OK {
		return rc
	}
	return fn[int32Fn](f.base.FxSync)(tls, p, flags)
}

func (v *vfs) xFileSize(tls *libc.TLS, p, out uintptr) int32 {
	f := v.file(p)
	if rc := f.releaseHeader(tls); rc != lib.SQLITE_OK {
		return rc
	}
	if f.kind == fileMain && f.conn.fresh {
		*at[int64](out) = 0
		return lib.SQLITE_OK
	}
	return fn[ptrFn](f.base.FxFileSize)(tls, p, out)
}

// xTraits adds powersafe overwrite, without which a commit pads the WAL to a
// disk sector and may cut a frame in two writes, and removes reads of parts of
// pages.
func (v *vfs) xTraits(tls *libc.TLS, p uintptr) int32 {
	traits := fn[fileFn](v.file(p).base.FxDeviceCharacteristics)(tls, p)
	return traits&^lib.SQLITE_IOCAP_SUBPAGE_READ | lib.SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

// xShmMap makes "disk full" of a wal-index that cannot grow, which is why that
// happens: no pod opens on a full disk, and the base's code would not say so.
func (v *vfs) xShmMap(tls *libc.TLS, p uintptr, region, size, extend int32, out uintptr) int32 {
	rc := fn[shmFn](v.file(p).base.FxShmMap)(tls, p, region, size, extend, out)
	if rc == lib.SQLITE_IOERR_SHMSIZE {
		return lib.SQLITE_FULL
	}
	return rc
}

func (v *vfs) xClose(tls *libc.TLS, p uintptr) int32 {
	f := v.file(p)
	rc := f.releaseHeader(tls)
	v.detach(tls, f)
	if f.kind == fileMain {
		f.conn.main = nil
		f.codec.Wipe()
	}
	if rc2 := fn[fileFn](f.base.FxClose)(tls, p); rc == lib.SQLITE_OK {
		rc = rc2
	}
	return rc
}
