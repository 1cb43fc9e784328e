package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
)

// A Summary says what an export has that was found right.
type Summary struct {
	Header     Header
	Checkpoint Checkpoint
	Actions    int64     // of all entries
	Erased     int64     // of them, those whose content was erased
	First      time.Time // of the first entry; zero if there is none
	Last       time.Time // of the last
}

// VerifyExport checks an export that [Exporter] wrote, in memory that its longest line
// and the number of actions of one entry bound, and compares it with checkpoints that
// were noted earlier: the signed texts. It returns a *Fault for the first entry that is
// wrong, and an error of code invalid for what is no export.
func VerifyExport(r io.Reader, noted ...[]byte) (Summary, error) {
	x := exportReader{lines: bufio.NewScanner(r)}
	x.lines.Buffer(make([]byte, 64<<10), maxLine)
	if err := x.header(); err != nil {
		return Summary{}, err
	}
	for _, text := range noted {
		c, _, err := x.v.keys.Open(text)
		if err == nil {
			err = x.v.Expect(c)
		}
		if errors.Is(err, ErrBadCheckpoint) {
			return Summary{}, locket.Errorf(locket.CodeInvalid, "a noted checkpoint is not one of the pod and key that this export names").Because(err)
		}
		if err != nil {
			return Summary{}, err
		}
	}
	for {
		more, err := x.entry()
		if err != nil {
			return Summary{}, err
		}
		if !more {
			return x.sum, nil
		}
	}
}

type exportReader struct {
	lines  *bufio.Scanner
	line   int // number of the latest
	v      *Verifier
	sum    Summary
	hashes []Hash // memory that is used again
}

// next reads the next line into v. ok is false after the last.
func (x *exportReader) next(v any) (ok bool, err error) {
	if !x.lines.Scan() {
		err := x.lines.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			return false, locket.Errorf(locket.CodeInvalid, "line %d of the export is longer than %d MiB", x.line+1, maxLine>>20)
		}
		return false, err
	}
	x.line++
	if err := strictJSON(x.lines.Bytes(), v); err != nil {
		if failed := x.lines.Err(); failed != nil { // what there is of a line that could not be read whole
			return false, failed
		}
		return false, x.malformed(err)
	}
	return true, nil
}

func (x *exportReader) malformed(err error) error {
	return locket.Errorf(locket.CodeInvalid, "line %d is not what the export of a journal has there: it was cut or changed", x.line).Because(err)
}

func (x *exportReader) header() error {
	h := &x.sum.Header
	ok, err := x.next(h)
	switch {
	case err != nil:
		return err
	case !ok || h.Format != exportFormat:
		return locket.Errorf(locket.CodeInvalid, "this is no export of a journal: its format is not %q", exportFormat)
	case h.Version != exportVersion:
		return locket.Errorf(locket.CodeNewer, "this export is of version %d: check it with a newer Locket", h.Version)
	}
	podKey, err := parseKey(h.PodKey)
	if err != nil {
		return x.malformed(err)
	}
	keyOf, err := h.keys()
	if err != nil {
		return x.malformed(err)
	}
	if _, ok := locket.ParseUUID(string(h.Pod)); !ok {
		return x.malformed(errors.New("malformed pod id"))
	}
	keys, err := NewKeys(h.Pod, podKey, h.Earlier)
	if err != nil {
		return x.malformed(err)
	}
	x.v = NewVerifier(keys, keyOf)
	return nil
}

// entry reads the next entry with its leaves. more is false after the last line.
func (x *exportReader) entry() (more bool, err error) {
	var line entryLine
	ok, err := x.next(&line)
	switch {
	case err != nil:
		return false, err
	case !ok:
		size := x.v.Size()
		return false, &Fault{N: size + 1, What: fmt.Sprintf("the export is cut: it ends after entry %d without a checkpoint", size)}
	case (line.Checkpoint != "") == (line.N != 0 || line.Entry != nil || line.Signature != nil):
		return false, x.malformed(errors.New("neither an entry nor a checkpoint, or both"))
	case line.Checkpoint != "":
		return false, x.end(line.Checkpoint)
	}
	var e Entry
	if err := canon.Unmarshal(line.Entry, &e); err != nil {
		return false, fault(line.N, "cannot be read").because(err)
	}
	hash := hashOf(line.Entry)
	if f := x.v.checkEntry(line.N, &e, hash, line.Signature); f != nil {
		return false, f
	}
	if err := x.leaves(line.N, e.Leaves); err != nil {
		return false, err
	}
	if f := x.v.append(line.N, &e, hash, line.Signature, x.hashes, nil); f != nil {
		return false, f
	}
	x.sum.Last = e.HLC.Time()
	if line.N == 1 {
		x.sum.First = x.sum.Last
	}
	return true, nil
}

// leaves reads the leaves of an entry that was signed for so many.
func (x *exportReader) leaves(n int64, count int) error {
	x.hashes = x.hashes[:0]
	for i := range count {
		var line leafLine
		ok, err := x.next(&line)
		if err != nil || !ok || line.Hash == nil {
			f := fault(n, "its %s action, of %d, is missing", ordinal(i+1), count)
			if err != nil && locket.CodeOf(err) != locket.CodeInvalid {
				return err
			}
			return f.because(err)
		}
		x.hashes = append(x.hashes, *line.Hash)
		x.sum.Actions++
		if len(line.Leaf) == 0 {
			x.sum.Erased++
			continue
		}
		var l Leaf
		if err := canon.Unmarshal(line.Leaf, &l); err != nil {
			return fault(n, "its %s action cannot be read", ordinal(i+1)).because(err)
		}
		if tlog.RecordHash(line.Leaf) != *line.Hash {
			return badLeaf(n, i, &l)
		}
	}
	return nil
}

// end compares the checkpoint at the end with what came before, and with those noted.
func (x *exportReader) end(text string) error {
	c, err := OpenCheckpoint([]byte(text), x.v.keys.Now())
	switch size := x.v.Size(); {
	case err != nil || c.Pod != x.v.id:
		return (&Fault{N: size, What: "the checkpoint at the end is not one of this pod and key"}).because(err)
	case c.Size > size:
		return missing(size+1, c.Size)
	case c != x.v.Checkpoint():
		return &Fault{N: size, What: fmt.Sprintf("the checkpoint at the end, of %d entries, is not that of the %d before it", c.Size, size)}
	}
	if err := x.v.End(); err != nil {
		return err
	}
	x.sum.Checkpoint = c
	var more any
	if ok, err := x.next(&more); ok || err != nil {
		return x.malformed(errors.New("something follows the checkpoint"))
	}
	return nil
}
