package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Bounds on one transaction of an import. Larger files have one to themselves.
const (
	batchRecords = 200
	batchBytes   = 8 << 20 // of source read
	batchTime    = 2 * time.Second
)

// Options of a run. The zero Options are ready.
type Options struct {
	Formats []Format        // those of the plan; nil: Formats()
	Report  locket.Reporter // called after every batch
}

// A Report is what a run did, or had done when it was stopped: Finished is zero
// then. It counts only what is committed.
type Report struct {
	locket.Import
	Links   int64 `json:"links"`        // edges made, or found to be there
	Dropped int64 `json:"linksDropped"` // links whose ends were not both there
}

// Run imports a source. What the formats find is written in batches, each with
// its ledger lines in the same transaction. When Run is stopped (CodeCancelled) or
// fails, the batch at hand is dropped whole; running it again, with the same or a
// newly opened tree, recognises what is there and goes on after it. The report is
// valid in any case. plan serves progress
// only, and may be nil.
func Run(ctx context.Context, v *store.View, t *Tree, plan *Plan, o Options) (Report, error) {
	r := &run{view: v, tree: t, plan: plan, opts: o}
	if r.opts.Formats == nil {
		r.opts.Formats = Formats()
	}
	now := time.Now()
	r.report.ID, r.report.Source, r.report.Started = string(locket.NewItemID(now)), t.Name(), now.UTC()
	err := r.all(ctx)
	if err != nil && ctx.Err() != nil {
		err = cancelled(ctx)
	}
	return r.report, err
}

// A run is one import under way, used by one goroutine.
type run struct {
	view   *store.View
	tree   *Tree
	plan   *Plan
	opts   Options
	report Report

	batch []*pending
	bytes int64     // of source in batch
	since time.Time // when batch was begun
	done  int64     // bytes of the files read so far
	at    int64     // bytes of the file being read
	links []Link    // an end of which was not there yet
}

// A pending record waits for its batch to be written.
type pending struct {
	file   *File
	format string
	rec    Record
	bytes  int64                   // of source it stands for
	behind int                     // of a replay: how many changes the item had behind it
	done   bool                    // it is written, with its ledger line
	blobs  map[int]locket.BlobInfo // content stored before the transaction, by index of the item; rawIndex: the raw record
}

func (r *run) all(ctx context.Context) error {
	if err := r.tree.findExports(ctx); err != nil {
		return err
	}
	if len(r.tree.exports) > 0 && !r.view.Owner() {
		return locket.Errorf(locket.CodeDenied, "only the owner may import an export of a pod, since its items come with their ids")
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	err := r.tree.walk(ctx,
		func(f *File) error { return r.file(ctx, f) },
		func() error { return r.flush(ctx) })
	if err != nil {
		return err
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.finish(ctx)
}

func (r *run) start(ctx context.Context) error {
	_, err := r.view.Write(ctx, func(w *store.Writer) error {
		return w.StartImport(r.report.ID, r.report.Source)
	})
	return err
}

// file reads one file of the tree.
func (r *run) file(ctx context.Context, f *File) error {
	if f.ignored || r.tree.inExport(f) {
		return nil
	}
	if f.refused != "" {
		return r.add(ctx, f, "source", Record{Err: errors.New(f.refused), Raw: f.Open}, f.Size)
	}
	head, err := f.firstBytes()
	if err != nil {
		head = nil // reading it will fail again
	}
	r.tree.noteExport(f, head)
	if err := r.read(ctx, f, choose(r.opts.Formats, f.Path, head)); err != nil {
		return err
	}
	r.done, r.at = r.done+f.Size, 0
	if f.once {
		return r.flush(ctx) // its content cannot be had later
	}
	return nil
}

// read has a format read a file, and sees to it that the file stands in the ledger
// whatever the format does.
func (r *run) read(ctx context.Context, f *File, format Format) error {
	var stop error // of add: ends the run
	records := 0
	emit := func(rec Record) error {
		records++
		n := max(rec.Done-r.at, 0)
		r.at += n
		if stop = ctx.Err(); stop == nil {
			stop = r.add(ctx, f, format.Name, rec, n)
		}
		return stop
	}
	err := format.Read(ctx, f, emit)
	if stop == nil {
		stop = ctx.Err()
	}
	switch {
	case stop != nil:
		return stop
	case err != nil:
		return r.add(ctx, f, format.Name, Record{Err: err, Raw: f.Open}, f.Size)
	case records > 0:
		return nil
	}
	return readFile(f, "no records in it, kept as a file", emit)
}

// add puts a record that stands for n bytes of its file into the batch, and writes
// the batch when it is full.
func (r *run) add(ctx context.Context, f *File, format string, rec Record, n int64) error {
	if rec.Where == "" {
		n = f.Size
	}
	p := &pending{file: f, format: format, rec: rec, bytes: n}
	if p.rec.replay != nil {
		if err := r.storeBlobs(ctx, p); err != nil {
			return err
		}
	}
	if p.large() {
		if err := r.flush(ctx); err != nil {
			return err
		}
		return r.one(ctx, p)
	}
	if len(r.batch) == 0 {
		r.since = time.Now()
	}
	r.batch = append(r.batch, p)
	r.bytes += max(p.bytes, rec.size)
	if len(r.batch) >= batchRecords || r.bytes >= batchBytes || time.Since(r.since) >= batchTime {
		return r.flush(ctx)
	}
	return nil
}

// large reports whether the record's content is stored before its transaction, so
// that no transaction lasts as long as copying a film does.
func (p *pending) large() bool { return p.rec.Where == "" && p.bytes > batchBytes }

// flush writes the batch in one transaction, or, if something in one of its
// records is refused, record by record.
func (r *run) flush(ctx context.Context) error {
	batch := r.batch
	r.batch, r.bytes = nil, 0
	if len(batch) == 0 {
		return nil
	}
	err := r.commit(ctx, batch)
	if err == nil || !ofRecord(err) {
		return err
	}
	for _, p := range batch {
		if err := r.one(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// one writes a single record. What makes it impossible to write turns it into a
// rejected one; if even its raw bytes cannot be had, one without them.
func (r *run) one(ctx context.Context, p *pending) error {
	for !p.done {
		err := r.commit(ctx, []*pending{p})
		if need, ok := errors.AsType[*contentFirst](err); ok {
			err = r.storeContent(ctx, p, need)
			if err == nil {
				continue
			}
		}
		switch {
		case err == nil || !ofRecord(err):
			return err
		case p.rec.Err == nil:
			p.reject(err)
		case p.rec.Raw != nil:
			p.rec.Raw, p.rec.Err = nil, fmt.Errorf("%w (and its bytes cannot be kept: %s)", p.rec.Err, reasonOf(err))
		default:
			return err
		}
	}
	return nil
}

// reject makes p a rejected record that keeps the raw bytes of what it was.
func (p *pending) reject(err error) {
	raw := p.rec.Raw
	if raw == nil && p.rec.Where == "" {
		raw = p.file.Open
	}
	p.rec = Record{Where: p.rec.Where, Done: p.rec.Done, Raw: raw, Err: err}
}

// storeContent puts content of a large record into a blob outside of any
// transaction.
func (r *run) storeContent(ctx context.Context, p *pending, need *contentFirst) error {
	c, err := openContent(need.open)
	if err != nil {
		return err
	}
	info, err := r.view.PutBlob(ctx, readerFunc(func(b []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return c.Read(b)
	}))
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	if p.blobs == nil {
		p.blobs = make(map[int]locket.BlobInfo)
	}
	p.blobs[need.index] = info
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// commit writes records and their ledger lines in one transaction, or those with a
// history in several, and counts them.
func (r *run) commit(ctx context.Context, batch []*pending) error {
	for round := 0; ; round++ {
		var b *batchWriter
		_, err := r.view.Write(ctx, func(w *store.Writer) error {
			w.From(locket.Source{Import: r.report.ID})
			b = &batchWriter{w: w, importID: r.report.ID, ids: make(map[string]locket.ItemID), round: round}
			return b.write(batch)
		})
		if err != nil {
			return err
		}
		for _, p := range b.finished {
			p.done = true
		}
		r.report.Imported += b.imported
		r.report.Duplicate += b.duplicate
		r.report.Rejected += b.rejected
		r.report.Read += b.imported + b.duplicate + b.rejected
		r.report.Links += b.linked
		r.report.Dropped += b.dropped
		r.progress()
		if err := r.keepLinks(ctx, b.loose); err != nil || !b.more {
			return err
		}
	}
}

func (r *run) progress() {
	p := locket.Progress{Stage: "importing " + r.report.Source, Done: r.done + r.at, Unit: "bytes", Note: fmt.Sprintf(
		"%d imported, %d duplicates, %d rejected", r.report.Imported, r.report.Duplicate, r.report.Rejected)}
	if r.plan != nil {
		p.Total = max(r.plan.Bytes, p.Done)
	}
	r.opts.Report.Report(p)
}
