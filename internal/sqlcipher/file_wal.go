package sqlcipher

import (
	"bytes"
	"encoding/binary"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// The WAL: a header, then frames of a header and a sealed page each. Headers
// are in clear; their checksums form a chain over what is on disk, that is
// over ciphertext, so that recovery needs no key.
const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	frameSize       = frameHeaderSize + PageSize
)

// walState holds back a frame header until its page comes: only then is there
// ciphertext to put under its checksum.
type walState struct {
	header    [frameHeaderSize]byte
	headerAt  int64 // offset of the held header; 0 if none is held
	salts     [8]byte
	bigEndian bool // byte order of checksums in the WAL that has salts
}

// readWAL opens pages and passes the rest through. Whole frames stay sealed:
// SQLite reads those only to run checksums over them.
func (f *file) readWAL(tls *libc.TLS, b []byte, off int64) int32 {
	if rc := f.releaseHeader(tls); rc != lib.SQLITE_OK {
		return rc
	}
	frame, isPage := frameOfPage(off)
	if len(b) != PageSize || !isPage {
		return f.readBase(tls, b, off)
	}
	switch rc := f.readBase(tls, f.buf[:frameSize], frame); rc {
	case lib.SQLITE_OK:
	case lib.SQLITE_IOERR_SHORT_READ: // frames in the wal-index are there whole
		clear(b)
		return f.tampered(binary.BigEndian.Uint32(f.buf))
	default:
		return rc
	}
	no := binary.BigEndian.Uint32(f.buf)
	if f.codec.openTo(b, f.buf[frameHeaderSize:], no) != nil {
		clear(b)
		return f.refuse(tls, no)
	}
	return lib.SQLITE_OK
}

// writeWAL takes the WAL header, frame headers and pages; all else is refused.
func (f *file) writeWAL(tls *libc.TLS, b []byte, off int64) int32 {
	if frame, isPage := frameOfPage(off); isPage && len(b) == PageSize {
		if f.wal.headerAt == frame {
			return f.writeFrame(tls, b, frame)
		}
		return f.rewritePage(tls, b, frame)
	}
	if rc := f.releaseHeader(tls); rc != lib.SQLITE_OK {
		return rc
	}
	switch {
	case len(b) == frameHeaderSize && off >= walHeaderSize && (off-walHeaderSize)%frameSize == 0:
		copy(f.wal.header[:], b)
		f.wal.headerAt = off
		return lib.SQLITE_OK
	case len(b) == walHeaderSize && off == 0:
		return f.writeBase(tls, b, off)
	}
	return lib.SQLITE_IOERR_WRITE
}

// writeFrame seals page and writes it with the held header, whose checksum it
// makes anew from the frame before on disk, in one write.
func (f *file) writeFrame(tls *libc.TLS, page []byte, frame int64) int32 {
	f.wal.headerAt = 0
	s0, s1, rc := f.chainBefore(tls, frame)
	if rc != lib.SQLITE_OK {
		return rc
	}
	b := f.buf[:frameSize]
	copy(b, f.wal.header[:])
	no := binary.BigEndian.Uint32(b)
	if no == 1 && !validPage1(page) {
		return lib.SQLITE_IOERR_WRITE
	}
	f.codec.Seal(b[frameHeaderSize:], page, no)
	s0, s1 = walChecksum(f.wal.bigEndian, b[:8], s0, s1)
	s0, s1 = walChecksum(f.wal.bigEndian, b[frameHeaderSize:], s0, s1)
	binary.BigEndian.PutUint32(b[16:], s0)
	binary.BigEndian.PutUint32(b[20:], s1)
	return f.writeBase(tls, b, frame)
}

// rewritePage replaces the page of a frame that the running transaction has
// written already. SQLite repairs the checksums before it commits.
func (f *file) rewritePage(tls *libc.TLS, page []byte, frame int64) int32 {
	if rc := f.releaseHeader(tls); rc != lib.SQLITE_OK {
		return rc
	}
	if rc := f.readBase(tls, f.buf[:4], frame); rc != lib.SQLITE_OK {
		return rc
	}
	no := binary.BigEndian.Uint32(f.buf)
	if no == 1 && !validPage1(page) {
		return lib.SQLITE_IOERR_WRITE
	}
	f.codec.Seal(f.buf[:PageSize], page, no)
	return f.writeBase(tls, f.buf[:PageSize], frame+frameHeaderSize)
}

// chainBefore returns the checksum that the frame at this offset continues. It
// is read from disk each time: another connection may have written since.
func (f *file) chainBefore(tls *libc.TLS, frame int64) (s0, s1 uint32, rc int32) {
	b := f.buf[:walHeaderSize]
	first := frame == walHeaderSize
	if first || !bytes.Equal(f.wal.salts[:], f.wal.header[8:16]) {
		if rc := f.readBase(tls, b, 0); rc != lib.SQLITE_OK {
			return 0, 0, rc
		}
		f.wal.bigEndian = b[3]&1 != 0
		f.wal.salts = [8]byte(b[16:])
	}
	sums := b[24:]
	if !first {
		sums = f.buf[:8]
		if rc := f.readBase(tls, sums, frame-frameSize+16); rc != lib.SQLITE_OK {
			return 0, 0, rc
		}
	}
	return binary.BigEndian.Uint32(sums), binary.BigEndian.Uint32(sums[4:]), lib.SQLITE_OK
}

// releaseHeader writes a held header that no page followed: SQLite has made
// its checksum over the sealed frame, when it repaired the chain.
func (f *file) releaseHeader(tls *libc.TLS) int32 {
	frame := f.wal.headerAt
	if frame == 0 {
		return lib.SQLITE_OK
	}
	f.wal.headerAt = 0
	b := f.buf[:frameHeaderSize]
	copy(b, f.wal.header[:])
	return f.writeBase(tls, b, frame)
}

// frameOfPage returns the offset of the frame whose page begins at off.
func frameOfPage(off int64) (frame int64, ok bool) {
	frame = off - frameHeaderSize
	return frame, frame >= walHeaderSize && (frame-walHeaderSize)%frameSize == 0
}

// walChecksum continues SQLite's WAL checksum over b, a multiple of 8 bytes.
func walChecksum(bigEndian bool, b []byte, s0, s1 uint32) (uint32, uint32) {
	if bigEndian {
		for ; len(b) >= 8; b = b[8:] {
			s0 += binary.BigEndian.Uint32(b) + s1
			s1 += binary.BigEndian.Uint32(b[4:]) + s0
		}
		return s0, s1
	}
	for ; len(b) >= 8; b = b[8:] {
		s0 += binary.LittleEndian.Uint32(b) + s1
		s1 += binary.LittleEndian.Uint32(b[4:]) + s0
	}
	return s0, s1
}
