package sqlcipher

import (
	"encoding/binary"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// journalState follows the three parts of a rollback-journal record: page
// number, page, checksum. SQLite writes and reads them in this order.
//
// The checksum is a nonce plus every 200th byte of the page. SQLite adds up
// plain bytes where the format wants sealed ones; the difference of the two
// sums turns one checksum into the other without knowing the nonce.
type journalState struct {
	no     uint32 // the page number last written
	pageAt int64  // offset where its page belongs; 0 if it has come
	sumAt  int64  // offset of the checksum of the page last moved; 0 if none
	delta  uint32 // sum over that page's sealed bytes minus its plain ones
}

// readJournal opens pages, adapts checksums, and passes headers through.
func (f *file) readJournal(tls *libc.TLS, b []byte, off int64) int32 {
	j := &f.journal
	switch {
	case len(b) == PageSize:
		record := f.buf[:4+PageSize]
		rc := f.readBase(tls, record, off-4)
		if rc != lib.SQLITE_OK {
			clear(b)
			return rc // a journal that ends early was not yet in use
		}
		no := binary.BigEndian.Uint32(record)
		if f.codec.openTo(b, record[4:], no) != nil {
			clear(b)
			return f.refuse(tls, no)
		}
		j.sumAt, j.delta = off+PageSize, journalSum(record[4:])-journalSum(b)
		return lib.SQLITE_OK
	case len(b) == 4 && off == j.sumAt:
		j.sumAt = 0
		rc := f.readBase(tls, b, off)
		binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)-j.delta)
		return rc
	}
	return f.readBase(tls, b, off)
}

// writeJournal seals pages, adapts checksums, and passes the numbers and
// headers through: those have no content. Anything else is refused.
func (f *file) writeJournal(tls *libc.TLS, b []byte, off int64) int32 {
	j := &f.journal
	switch {
	case len(b) == PageSize && off == j.pageAt:
		j.pageAt = 0
		f.codec.Seal(f.buf[:PageSize], b, j.no)
		j.sumAt, j.delta = off+PageSize, journalSum(f.buf[:PageSize])-journalSum(b)
		return f.writeBase(tls, f.buf[:PageSize], off)
	case len(b) == 4 && off == j.sumAt:
		j.sumAt = 0
		sum := f.buf[:4]
		binary.BigEndian.PutUint32(sum, binary.BigEndian.Uint32(b)+j.delta)
		return f.writeBase(tls, sum, off)
	case len(b) == 4:
		j.no, j.pageAt = binary.BigEndian.Uint32(b), off+4
		return f.writeBase(tls, b, off)
	case isJournalHeader(b):
		return f.writeBase(tls, b, off)
	}
	return lib.SQLITE_IOERR_WRITE
}

// isJournalHeader recognises what SQLite writes beside records: a header, whose
// magic stays zero until the records behind it are synced; magic and record
// count alone; zeros over an old header.
func isJournalHeader(b []byte) bool {
	const (
		magic  = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
		fields = 28 // bytes of a header before its padding
	)
	switch {
	case len(b) >= fields && len(b) < PageSize:
		return (isZero(b[:len(magic)]) || string(b[:len(magic)]) == magic) && isZero(b[fields:])
	case len(b) == len(magic)+4:
		return string(b[:len(magic)]) == magic
	}
	return len(b) < PageSize && isZero(b)
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// journalSum adds up every 200th byte of a page, counted from its end.
func journalSum(page []byte) (sum uint32) {
	for i := PageSize - 200; i > 0; i -= 200 {
		sum += uint32(page[i])
	}
	return sum
}
