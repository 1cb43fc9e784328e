package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/portable"
	"github.com/locketpod/locket/internal/store"
)

// locketFormat reads what 'locket export' wrote: items with their ids, histories,
// external keys, links and files. A record is an item.
//
// An item is the same if its id is; if it has another history and content here, the
// record is rejected. One that is a part of the way there is brought the rest of it.
func locketFormat() Format {
	return Format{
		Name: "locket", Title: "Export of a pod",
		Recognise: func(_ string, head []byte) int {
			if portable.Recognise(head) {
				return 100
			}
			return 0
		},
		Read: readLocket,
	}
}

const (
	maxItemHistory = 512 << 20 // bytes of an item and its revisions, which are held in memory
	edgesAtOnce    = 1000      // in one transaction
	maxBlobLines   = 4_000_000
)

// A replay is what a line of an export asks for; one of the first three is set.
type replay struct {
	typ   *locket.Type
	past  *store.Past
	edges []locket.Edge

	blobs []exportedBlob // that past refers to, in the order of the export
}

// An exportedBlob is a file of an export.
type exportedBlob struct {
	locket.BlobInfo
	n    int // in the order of the export
	open func() (io.ReadCloser, error)
}

func readLocket(ctx context.Context, f *File, emit func(Record) error) (err error) {
	files, err := f.Tree.exportFiles(ctx, f)
	if err != nil {
		return emit(Record{Err: err, Done: f.Size})
	}
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	in, err := portable.NewReader(src)
	if err != nil {
		return emit(Record{Err: err, Where: "line 1"})
	}
	r := &locketReader{in: in, files: files, emit: emit, blobs: make(map[string]exportedBlob)}
	if err := r.all(ctx); err != nil {
		return err
	}
	return r.flush()
}

// A locketReader makes records of lines.
type locketReader struct {
	in    *portable.Reader
	files map[string]func() (io.ReadCloser, error) // by path beside locket.jsonl
	emit  func(Record) error
	blobs map[string]exportedBlob // by id

	item  *portable.Item // whose revisions are being read
	line  int64          // of item
	start int64          // bytes before it
	steps []store.Step
	long  bool // too much history
	edges []locket.Edge
}

func (r *locketReader) all(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		before := r.in.Bytes
		l, err := r.in.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			// The raw bytes are the user's own export: they are not kept.
			return errors.Join(r.flush(), r.emit(Record{Err: err, Where: "the rest"}))
		}
		if err := r.take(l, before); err != nil {
			return err
		}
	}
}

// take does what a line asks for. before is how many bytes came before it.
func (r *locketReader) take(l *portable.Line, before int64) error {
	if l.Revision != nil {
		r.revision(l.Revision)
		return nil
	}
	if l.Edge != nil && len(r.edges) < edgesAtOnce && r.item == nil {
		r.edges = append(r.edges, *l.Edge)
		return nil
	}
	if err := r.flush(); err != nil {
		return err
	}
	switch {
	case l.Type != nil:
		return r.send(Record{replay: &replay{typ: l.Type}})
	case l.Blob != nil:
		return r.blob(l.Blob)
	case l.Item != nil:
		r.item, r.line, r.start = l.Item, r.in.Line, before
	case l.Edge != nil:
		r.edges = append(r.edges, *l.Edge)
	}
	return nil
}

func (r *locketReader) blob(b *portable.Blob) error {
	if len(r.blobs) >= maxBlobLines {
		return locket.Errorf(locket.CodeTooLarge, "the export names more than %d files", maxBlobLines)
	}
	open := r.files[b.Path]
	if open == nil {
		open = func() (io.ReadCloser, error) {
			return nil, fmt.Errorf("its file %s is not in the source; import the whole export", b.Path)
		}
	}
	r.blobs[string(b.ID)] = exportedBlob{BlobInfo: b.BlobInfo, n: len(r.blobs), open: open}
	return nil
}

func (r *locketReader) revision(rev *portable.Revision) {
	if r.in.Bytes-r.start > maxItemHistory {
		r.long, r.steps = true, nil
	}
	if !r.long {
		r.steps = append(r.steps, store.Step{Action: rev.Action, Props: rev.Props(r.item)})
	}
}

// flush emits the item or the edges that were being read.
func (r *locketReader) flush() error {
	if len(r.edges) > 0 {
		edges := r.edges
		r.edges = nil
		return r.send(Record{replay: &replay{edges: edges}})
	}
	if r.item == nil {
		return nil
	}
	it, steps, long := r.item, r.steps, r.long
	r.item, r.steps, r.long = nil, nil, false
	where := fmt.Sprintf("line %d", r.line)
	if long {
		return r.emit(Record{Where: where, Done: r.in.Bytes, Err: fmt.Errorf("the item has more than %d MiB of history", maxItemHistory>>20)})
	}
	past := &store.Past{ID: it.ID, Type: it.Type, Keys: it.Keys, Steps: finish(steps, it)}
	return r.send(Record{Where: where, replay: &replay{past: past, blobs: r.blobsOf(past)}})
}

func (r *locketReader) send(rec Record) error {
	if rec.Where == "" {
		rec.Where = fmt.Sprintf("line %d", r.in.Line)
	}
	rec.Done = r.in.Bytes
	return r.emit(rec)
}

// blobsOf returns the files among the values of an item.
func (r *locketReader) blobsOf(p *store.Past) []exportedBlob {
	found := make(map[string]exportedBlob)
	look := func(v any) {
		if id, ok := v.(string); ok {
			if b, ok := r.blobs[id]; ok {
				found[id] = b
			}
		}
	}
	for _, s := range p.Steps {
		for _, v := range s.Props {
			look(v)
			if list, ok := v.([]any); ok {
				for _, e := range list {
					look(e)
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b exportedBlob) int { return a.n - b.n })
}

// finish adds steps so that the item ends as its line has it: all of it if the export
// has no history, and what somebody has changed in the file by hand.
func finish(steps []store.Step, it *portable.Item) []store.Step {
	if len(steps) == 0 {
		steps = []store.Step{{Action: locket.ActionCreate, Props: it.Props}}
	}
	props, deleted := make(map[string]any), false
	for _, s := range steps {
		maps.Copy(props, s.Props)
		if s.Action == locket.ActionDelete || s.Action == locket.ActionRestore {
			deleted = s.Action == locket.ActionDelete
		}
	}
	change := make(map[string]any)
	for name := range props {
		if v := it.Props[name]; !reflect.DeepEqual(v, props[name]) {
			change[name] = v
		}
	}
	for name, v := range it.Props {
		if _, ok := props[name]; !ok {
			change[name] = v
		}
	}
	if len(change) > 0 {
		if deleted {
			steps = append(steps, store.Step{Action: locket.ActionRestore})
			deleted = false
		}
		steps = append(steps, store.Step{Action: locket.ActionUpdate, Props: change})
	}
	switch {
	case it.Deleted && !deleted:
		steps = append(steps, store.Step{Action: locket.ActionDelete})
	case deleted && !it.Deleted:
		steps = append(steps, store.Step{Action: locket.ActionRestore})
	}
	return steps
}

// inExport reports whether a file lies beside a locket.jsonl, and so is a part of that.
func (t *Tree) inExport(f *File) bool {
	return slices.ContainsFunc(t.exports, func(e *File) bool { return f.Path != e.Path && strings.HasPrefix(f.Path, folderOf(e.Path)) })
}

// findExports looks for exports that can be read in place. Whatever lies in the folder
// of one belongs to it and is not read for itself. Others, which would take reading all
// there is, are noted when they are met.
func (t *Tree) findExports(ctx context.Context) error {
	t.exports = nil
	if t.compressed() {
		return nil
	}
	flat := *t
	flat.limits.Archives = t.outer()
	return flat.Walk(ctx, func(f *File) error {
		if f.refused != "" || f.ignored || !strings.HasSuffix(f.Path, ".jsonl") {
			return nil
		}
		if head, err := f.firstBytes(); err == nil { // else that is accounted for when it is to be imported
			t.noteExport(f, head)
		}
		return nil
	})
}

func (t *Tree) noteExport(f *File, head []byte) {
	same := func(e *File) bool { return e.Path == f.Path }
	if portable.Recognise(head) && !slices.ContainsFunc(t.exports, same) {
		t.exports = append(t.exports, f)
	}
}

// outer is how many archives are around the files of an export: one if the source is
// an archive.
func (t *Tree) outer() int {
	if t.top == nil {
		return 1
	}
	return 0
}

func (t *Tree) compressed() bool {
	return strings.HasSuffix(strings.ToLower(archiveSuffix(t.name)), "gz")
}

// folderOf returns the folder that a path is in, with a slash behind it; "" for the top.
func folderOf(p string) string { return p[:strings.LastIndexByte(p, '/')+1] }

// exportFiles returns the files beside locket.jsonl.
func (t *Tree) exportFiles(ctx context.Context, f *File) (map[string]func() (io.ReadCloser, error), error) {
	if f.depth > t.outer() || t.compressed() {
		return nil, errors.New("an export that is compressed or inside another archive can't be read in place; unpack it, and import the folder")
	}
	files := make(map[string]func() (io.ReadCloser, error))
	dir := folderOf(f.Path)
	flat := *t
	flat.limits.Archives = f.depth // archives among the files are files
	err := flat.Walk(ctx, func(g *File) error {
		if name, ok := strings.CutPrefix(g.Path, dir); ok && g.Open != nil && g.refused == "" {
			files[name] = g.Open
		}
		return nil
	})
	return files, err
}
