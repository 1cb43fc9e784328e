package portable

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/jsontext"
)

// Recognise reports whether the first bytes of a file are those of an export.
func Recognise(head []byte) bool {
	return bytes.HasPrefix(head, []byte(`{"format":"`+Format+`"`))
}

// A Reader reads the lines strictly, one at a time.
type Reader struct {
	Header Header
	Line   int64 // number of the line that was read last, from 1
	Bytes  int64 // read so far, with the ends of lines

	in    *bufio.Reader
	buf   []byte
	count Counts
	phase int
	item  bool // revisions may follow
}

// Phases of the file, in their order.
const (
	inTypes = iota
	inPrincipals
	inItems
	inEdges
	atEnd
)

// NewReader reads the first line. A file of a later version is CodeNewer.
func NewReader(r io.Reader) (*Reader, error) {
	out := &Reader{in: bufio.NewReaderSize(r, 64<<10)}
	text, err := out.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	var h struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if json.Unmarshal(text, &h) != nil || h.Format != Format {
		return nil, errors.New("it is not an export of Locket's")
	}
	if h.Version > Version {
		return nil, locket.Errorf(locket.CodeNewer, "the export is of version %d, and this Locket knows %d; update Locket", h.Version, Version)
	}
	return out, out.decode(text, &out.Header)
}

// Next returns the next line, or io.EOF behind the last. Numbers of properties are
// json.Number. Any other error is about the file from here on. The last line says how
// many there were before it, which is checked.
func (r *Reader) Next() (*Line, error) {
	text, err := r.next()
	switch {
	case errors.Is(err, io.EOF) && r.phase != atEnd:
		return nil, r.fault("the file was cut: its last line is missing")
	case err != nil:
		return nil, err
	}
	var l Line
	if err := r.decode(text, &l); err != nil {
		return nil, err
	}
	return &l, r.check(&l)
}

// next returns a line without its end. It is valid until the next call.
func (r *Reader) next() ([]byte, error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.buf = append(r.buf, part...)
		r.Bytes += int64(len(part))
		switch {
		case len(r.buf) > MaxLine:
			return nil, r.fault("a line is longer than %d MiB", MaxLine>>20)
		case err == nil:
			r.Line++
			return bytes.TrimSuffix(r.buf, []byte("\n")), nil
		case errors.Is(err, io.EOF) && len(r.buf) > 0:
			return nil, r.fault("the file was cut in the middle of a line")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func (r *Reader) decode(text []byte, into any) error {
	if !jsontext.Valid(text) {
		return r.fault("it is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return r.fault("it can't be read as JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r.fault("there is more after its end")
	}
	return nil
}

// check refuses lines that are out of order or incomplete.
func (r *Reader) check(l *Line) error {
	phase, err := r.phaseOf(l)
	switch {
	case err != nil:
		return err
	case phase < r.phase || r.phase == atEnd:
		return r.fault("it is out of order: types, principals, items, edges and the end follow each other")
	case l.Revision != nil && !r.item:
		return r.fault("a revision without its item")
	}
	r.phase, r.item = phase, l.Item != nil || l.Revision != nil
	if l.End != nil {
		return r.checkEnd(l.End)
	}
	r.count.Add(l)
	return nil
}

func (r *Reader) phaseOf(l *Line) (int, error) {
	set := 0
	for _, f := range reflect.ValueOf(*l).Fields() {
		if !f.IsNil() {
			set++
		}
	}
	switch {
	case set != 1:
		return 0, r.fault("it has %d things in place of one", set)
	case l.Type != nil:
		return inTypes, nil
	case l.Principal != nil:
		return inPrincipals, nil
	case l.Blob != nil:
		return inItems, r.checkBlob(l.Blob)
	case l.Item != nil:
		return inItems, r.checkID("item", string(l.Item.ID))
	case l.Revision != nil:
		return inItems, r.checkAction(l.Revision.Action)
	case l.Edge != nil:
		return inEdges, errors.Join(r.checkID("source", string(l.Edge.Source)), r.checkID("target", string(l.Edge.Target)))
	}
	return atEnd, nil
}

func (r *Reader) checkBlob(b *Blob) error {
	if b.Size < 0 || len(b.SHA256) != 64 {
		return r.fault("a file without size or SHA-256")
	}
	if path.IsAbs(b.Path) || path.Clean(b.Path) != b.Path || b.Path == "." || b.Path == ".." || strings.HasPrefix(b.Path, "../") || strings.ContainsAny(b.Path, "\\\x00") {
		return r.fault("a file with a path that leads elsewhere")
	}
	return r.checkID("blob", string(b.ID))
}

func (r *Reader) checkID(what, id string) error {
	if _, ok := locket.ParseUUID(id); !ok {
		return r.fault("the id of the %s is no UUID", what)
	}
	return nil
}

func (r *Reader) checkAction(a locket.Action) error {
	switch a {
	case locket.ActionCreate, locket.ActionUpdate, locket.ActionDelete, locket.ActionRestore:
		return nil
	}
	return r.fault("a revision that is neither create, update, delete nor restore")
}

func (r *Reader) checkEnd(c *Counts) error {
	if r.count.ByType == nil {
		r.count.ByType = map[string]int64{}
	}
	if !reflect.DeepEqual(*c, r.count) {
		return r.fault("lines are missing: the end counts others than there are")
	}
	return nil
}

func (r *Reader) fault(format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{max(r.Line, 1)}, args...)...)
}
