package importer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

// mboxFormat reads mail boxes of the mbox family (RFC 4155 and its relatives):
// messages one after the other, each under a line that begins with "From ".
func mboxFormat() Format {
	return Format{Name: "mbox", Title: "Mail box (mbox)", Recognise: recogniseMbox, Read: readMbox}
}

func recogniseMbox(name string, head []byte) int {
	first, rest, _ := bytes.Cut(head, []byte("\n"))
	if !isMboxSeparator(first, rest, true) {
		return 0
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".mbox", ".mbx", ".mboxrd":
		return 95
	case ".eml", ".msg": // one message saved with its separator
		return 40
	default:
		return 80
	}
}

func readMbox(ctx context.Context, f *File, emit func(Record) error) error {
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	folder := path.Base(f.Path)
	mail := newMailReader(strings.TrimSuffix(folder, path.Ext(folder)))
	split := newMboxSplitter(src, maxMessage)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := split.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := emitMbox(f, mail, m, emit); err != nil {
			return err
		}
	}
}

func emitMbox(f *File, mail *mailReader, m mboxMessage, emit func(Record) error) error {
	var rec Record
	switch {
	case !m.separated && m.raw != nil && len(bytes.TrimSpace(m.raw)) == 0:
		return nil // blank lines before the first separator
	case !m.separated:
		rec = Record{Err: errors.New("text before the first message of the mail box"), Raw: section(f, m.start, m.end)}
	case m.raw == nil:
		rec = Record{
			Err: fmt.Errorf("the message is %d bytes long; the limit is %d", m.end-m.start, maxMessage),
			Raw: section(f, m.start, m.end),
		}
	default:
		rec = mail.record(m.raw, unquoteFrom(m.raw))
	}
	rec.Where = fmt.Sprintf("byte %d", m.at)
	rec.Done = m.end
	return emit(rec)
}

// An mboxMessage is one message as it stands in a mail box.
type mboxMessage struct {
	at         int64  // offset of its separator, or of the text if it has none
	start, end int64  // offsets of the message without the separator
	separated  bool   // false for what stands before the first separator
	raw        []byte // bytes start to end; nil if they are more than the limit
}

// An mboxSplitter cuts a mail box into messages, holding one at a time.
type mboxSplitter struct {
	r       *bufio.Reader
	limit   int
	offset  int64 // of the next byte of r
	pending bool  // the separator at pendAt is read, its message is not
	pendAt  int64
	body    []byte // of the message being read; used again for the next
	err     error  // that ended r
}

func newMboxSplitter(r io.Reader, limit int) *mboxSplitter {
	return &mboxSplitter{r: bufio.NewReaderSize(r, 64<<10), limit: limit}
}

// next returns the next message. A read error comes after the message that it cut
// short; the end of the file is io.EOF.
func (s *mboxSplitter) next() (mboxMessage, error) {
	if s.err != nil && !s.pending {
		return mboxMessage{}, s.err
	}
	m := mboxMessage{at: s.offset, start: s.offset, separated: s.pending}
	if s.pending {
		m.at, s.pending = s.pendAt, false
	}
	s.body = s.body[:0]
	lineStart, afterBlank := true, !m.separated
	for s.err == nil {
		at := s.offset
		var line []byte
		line, s.err = s.r.ReadSlice('\n')
		full := !errors.Is(s.err, bufio.ErrBufferFull)
		if !full {
			s.err = nil
		}
		s.offset += int64(len(line))
		separator := false
		if lineStart && full && bytes.HasPrefix(line, []byte("From ")) {
			line = bytes.Clone(line) // looking at the next one moves the buffer
			next, _ := s.r.Peek(256) // fewer at the end; a read error comes up at the next read
			separator = isMboxSeparator(line, next, afterBlank)
		}
		if separator {
			if at > m.start || m.separated {
				s.pending, s.pendAt = true, at
				return s.finish(m, at), nil
			}
			m.separated, m.start, afterBlank = true, s.offset, false
			continue
		}
		if at+int64(len(line))-m.start <= int64(s.limit) {
			s.body = append(s.body, line...)
		}
		afterBlank = lineStart && full && len(bytes.TrimRight(line, "\r\n")) == 0
		lineStart = full
	}
	if s.offset == m.start && !m.separated {
		return mboxMessage{}, s.err
	}
	return s.finish(m, s.offset), nil
}

func (s *mboxSplitter) finish(m mboxMessage, end int64) mboxMessage {
	m.end = end
	switch size := end - m.start; {
	case size > int64(s.limit):
		s.body = nil
	case size > 1<<20: // a large message takes the buffer with it
		m.raw, s.body = s.body[:size], nil
	default:
		m.raw = append(make([]byte, 0, size), s.body[:size]...)
	}
	return m
}

var (
	fromTime  = regexp.MustCompile(`\b\d{1,2}:\d{2}\b`)
	fromYear  = regexp.MustCompile(`\b(19|20)\d{2}\b`)
	fromMonth = regexp.MustCompile(`\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b`)
	headLine  = regexp.MustCompile(`^([!-9;-~]+[ \t]*:|>From )`)
)

// isMboxSeparator tells the line that begins a message from one of a body that
// happens to start with "From ". A separator follows a blank line and either
// carries a date ("From anna at example.com  Mon Oct  5 04:41:25 2020") or is a
// single word before a header ("From 1844347792267117879@xxx", from Gmail).
// "From -", from Mozilla, also counts where no blank line stands before it.
func isMboxSeparator(line, next []byte, afterBlank bool) bool {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	if !ok {
		return false
	}
	rest = bytes.TrimSpace(rest)
	dash := bytes.Equal(rest, []byte("-")) || bytes.HasPrefix(rest, []byte("- "))
	if !afterBlank {
		return dash && headLine.Match(next)
	}
	if fromTime.Match(rest) && fromYear.Match(rest) && fromMonth.Match(rest) {
		return true
	}
	word := len(rest) > 0 && !bytes.ContainsAny(rest, " \t")
	return word && (dash || bytes.IndexByte(rest, '@') > 0) && headLine.Match(next)
}

var quotedFrom = regexp.MustCompile(`(?m)^>(>*From )`)

// unquoteFrom undoes the ">" before body lines that begin with "From ", by the
// mboxrd rule: one ">" less. In the older mboxo only ">From " was ever added to, so
// there a line that had ">>From " in the message loses one; the raw form keeps it.
func unquoteFrom(raw []byte) []byte {
	if !bytes.Contains(raw, []byte(">From ")) {
		return raw
	}
	return quotedFrom.ReplaceAll(raw, []byte("$1"))
}

// section opens the bytes from start to end of the file, reading it again from its
// beginning where it cannot seek.
func section(f *File, start, end int64) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		if s, ok := r.(io.Seeker); ok {
			_, err = s.Seek(start, io.SeekStart)
		} else {
			_, err = io.CopyN(io.Discard, r, start)
		}
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{io.LimitReader(r, end-start), r}, nil
	}
}
