package sqlcipher

import (
	"encoding/binary"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// makeCodec reads the salt that the database file begins with.
func (f *file) makeCodec(tls *libc.TLS) int32 {
	salt := f.buf[:SaltSize]
	switch rc := f.readBase(tls, salt, 0); rc {
	case lib.SQLITE_OK:
	case lib.SQLITE_IOERR_SHORT_READ:
		return f.tampered(1)
	default:
		return rc
	}
	codec, err := f.conn.newCodec(salt)
	if err != nil {
		f.conn.fail.set(err)
		return lib.SQLITE_IOERR_DATA
	}
	f.codec = codec
	return lib.SQLITE_OK
}

// readMain answers a read of a page of the database file. A read of a part of
// page 1 comes before SQLite has looked for a WAL, when a crash may have torn the
// page while the WAL has it whole. SQLite wants the page size, the reserved bytes
// and the auto-vacuum setting of it, which are the same in every file of ours; so
// it gets those, and the page itself decides.
func (f *file) readMain(tls *libc.TLS, b []byte, off int64) int32 {
	if off == 0 && len(b) < PageSize {
		clear(b)
		if f.conn.fresh {
			return lib.SQLITE_IOERR_SHORT_READ
		}
		copy(b, emptyPage(0)[:constantFields])
		return lib.SQLITE_OK
	}
	if len(b) != PageSize && off%PageSize+int64(len(b)) > PageSize {
		return lib.SQLITE_IOERR_READ
	}
	no := uint32(off/PageSize) + 1
	page := f.buf[:PageSize]
	rc := f.readBase(tls, page, off-off%PageSize)
	if rc != lib.SQLITE_OK && rc != lib.SQLITE_IOERR_SHORT_READ {
		return rc
	}
	if len(b) == PageSize {
		// A page that SQLite reads lies within the database's size, so a
		// file that ends before it was cut.
		if rc != lib.SQLITE_OK || f.codec.openTo(b, page, no) != nil {
			clear(b)
			return f.refuse(tls, no)
		}
		return lib.SQLITE_OK
	}
	if rc != lib.SQLITE_OK || f.codec.Open(page, no) != nil {
		clear(b)
		return f.refuse(tls, no)
	}
	copy(b, page[off%PageSize:])
	clear(page)
	return lib.SQLITE_OK
}

// refuse reports a page of the database or WAL that does not verify. On page 1
// the key may be wrong: then no other page verifies either.
func (f *file) refuse(tls *libc.TLS, no uint32) int32 {
	main := f
	if f.main != nil {
		main = f.main
	}
	if no == 1 && !main.keyFits(tls) {
		f.conn.fail.set(ErrWrongKey)
		return lib.SQLITE_IOERR_DATA
	}
	return f.tampered(no)
}

// keyFits reports whether one of the first two pages on disk verifies, or
// nothing can be said because not even one page is there.
func (f *file) keyFits(tls *libc.TLS) bool {
	page := f.buf[:PageSize]
	if f.readBase(tls, page, 0) != lib.SQLITE_OK || f.codec.verify(page, 1) {
		return true
	}
	return f.readBase(tls, page, PageSize) == lib.SQLITE_OK && f.codec.verify(page, 2)
}

// writeMain seals a page into the database file. Nothing else is written there.
func (f *file) writeMain(tls *libc.TLS, b []byte, off int64) int32 {
	if len(b) != PageSize || off%PageSize != 0 || off == 0 && !validPage1(b) {
		return lib.SQLITE_IOERR_WRITE
	}
	page := f.buf[:PageSize]
	f.codec.Seal(page, b, uint32(off/PageSize)+1)
	rc := f.writeBase(tls, page, off)
	f.conn.fresh = false
	if f.conn.wrote != nil {
		f.conn.pages++
		f.conn.wrote(f.conn.pages)
	}
	return rc
}

// validPage1 reports whether page 1 leaves room for IV and MAC on every page.
func validPage1(b []byte) bool {
	return binary.BigEndian.Uint16(b[16:]) == PageSize && b[20] == reserved
}

// constantFields is how much of page 1 is the same in every database: magic, page
// size, versions, reserved bytes and payload fractions.
const constantFields = 24

// emptyPage returns page 1 of a database without tables, in WAL mode, that
// leaves the reserved bytes alone. version is SQLite's, as sqlite3_libversion_number.
func emptyPage(version uint32) *[PageSize]byte {
	var b [PageSize]byte
	copy(b[:], magic)
	binary.BigEndian.PutUint16(b[16:], PageSize)
	b[18], b[19] = 2, 2 // write and read version: WAL
	b[20] = reserved
	b[21], b[22], b[23] = 64, 32, 32 // payload fractions
	b[27], b[31] = 1, 1              // change counter, size in pages
	b[47], b[59] = 4, 1              // schema format, UTF-8
	b[95] = 1                        // the change counter again
	binary.BigEndian.PutUint32(b[96:], version)
	b[100] = 0x0d                                // an empty leaf of a table
	binary.BigEndian.PutUint16(b[105:], ivStart) // where its cells begin
	return &b
}
