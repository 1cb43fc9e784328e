// Package exporter writes what is in a pod as a tar archive: locket.jsonl, which holds
// everything and can be imported again, the files that items hold, and beside them the
// same in formats that other programs read. See docs/design/export.md.
package exporter

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/portable"
	"github.com/locketpod/locket/internal/store"
)

// Options of an export. The zero Options export everything in all formats.
type Options struct {
	Formats []string // of Formats(), besides locket.jsonl and the files; nil: all
	Query   string   // selects items, in the language of searches
	Op      string   // what the journal calls the request
}

// Formats lists the open formats by name.
func Formats() []string {
	return []string{"markdown", "mail", "contacts", "calendar", "files", "photos"}
}

// CheckFormats refuses names that are not of Formats.
func CheckFormats(names []string) error {
	for _, n := range names {
		if !slices.Contains(Formats(), n) {
			return locket.Errorf(locket.CodeInvalid, "there is no format %.40q to export; formats are %s", n, strings.Join(Formats(), ", "))
		}
	}
	return nil
}

// Run writes the archive to w. Before anything goes out, the journal has an entry of
// it. Nothing but w is written to; what does not fit into memory is read twice.
func Run(ctx context.Context, v *store.View, w io.Writer, o Options) error {
	if err := CheckFormats(o.Formats); err != nil {
		return err
	}
	if o.Formats == nil {
		o.Formats = Formats()
	}
	return v.Export(ctx, o.Query, func(x *store.Export) error {
		r := &run{x: x, opts: o, names: make(names), paths: make(map[locket.BlobID]string), mail: make(map[string]*mailFolder)}
		out := bufio.NewWriterSize(w, 256<<10)
		if err := r.all(ctx, out); err != nil {
			return err
		}
		return out.Flush()
	})
}

// A run is one export under way.
type run struct {
	x      *store.Export
	opts   Options
	header portable.Header
	tar    *tar.Writer

	names names
	paths map[locket.BlobID]string // where the files lie
	mail  map[string]*mailFolder   // by the name that they have in the pod
}

func (r *run) has(format string) bool { return slices.Contains(r.opts.Formats, format) }

func (r *run) all(ctx context.Context, w io.Writer) (err error) {
	if r.header, err = r.x.Header(ctx); err != nil {
		return err
	}
	r.header.Locket = version()
	// The size of an entry stands before it, so that the lines are made twice. The
	// first time gives the files their names and says what the journal is to record.
	var size counter
	if err := r.lines(ctx, &size); err != nil {
		return err
	}
	if err := r.x.Record(ctx, r.opts.Op); err != nil {
		return err
	}
	r.tar = tar.NewWriter(w)
	if err := r.entry(portable.FileName, int64(size), r.header.Time, func(w io.Writer) error { return r.lines(ctx, w) }); err != nil {
		return err
	}
	if err := r.x.Items(ctx, func(e *store.Exported) error { return r.beside(ctx, e) }); err != nil {
		return err
	}
	if err := r.boxes(ctx); err != nil {
		return err
	}
	return r.tar.Close()
}

// lines writes locket.jsonl.
func (r *run) lines(ctx context.Context, w io.Writer) error {
	out, err := portable.NewWriter(w, r.header)
	if err != nil {
		return err
	}
	for _, t := range r.x.Types() {
		if err := out.Add(&portable.Line{Type: &t}); err != nil {
			return err
		}
	}
	for _, p := range r.x.Principals() {
		if err := out.Add(&portable.Line{Principal: &p}); err != nil {
			return err
		}
	}
	if err := r.x.Items(ctx, func(e *store.Exported) error { return r.item(out, e) }); err != nil {
		return err
	}
	err = r.x.Edges(ctx, func(e locket.Edge) error { return out.Add(&portable.Line{Edge: &e}) })
	if err != nil {
		return err
	}
	_, err = out.Close()
	return err
}

func (r *run) item(out *portable.Writer, e *store.Exported) error {
	for _, b := range e.Blobs {
		if r.paths[b.ID] == "" {
			r.paths[b.ID] = r.blobPath(e, b.ID)
		}
		if err := out.Add(&portable.Line{Blob: &portable.Blob{BlobInfo: b, Path: r.paths[b.ID]}}); err != nil {
			return err
		}
	}
	if err := out.Add(&portable.Line{Item: &e.Item}); err != nil {
		return err
	}
	for i := range e.Revisions {
		if err := out.Add(&portable.Line{Revision: &e.Revisions[i]}); err != nil {
			return err
		}
	}
	return nil
}

// blobPath is where a file lies that e is the first to refer to: under a name that a
// person knows if there is one.
func (r *run) blobPath(e *store.Exported, id locket.BlobID) string {
	name := fileName(&e.Item.Item)
	switch {
	case e.Type == "File" && e.Props["blob"] == id && r.has("files"):
		return r.names.unique("files", name, "", string(e.ID))
	case e.Type == "Photo" && e.Props["blob"] == id && r.has("photos"):
		return r.names.unique("photos", name, "", string(e.ID))
	case e.Type == "Message" && e.Props["rawBlob"] == id && r.has("mail"):
		return r.names.unique(r.folderOfMail(e.Text("folder")).dir, e.Text("name"), ".eml", string(e.ID))
	}
	return "blobs/" + string(id)
}

// fileName is what the file of an item is called.
func fileName(it *locket.Item) string {
	if name := it.Text("blobName"); name != "" {
		return name
	}
	return it.Text("name")
}

// beside writes the files that an item holds, and the item in an open format.
func (r *run) beside(ctx context.Context, e *store.Exported) error {
	for _, b := range e.Blobs {
		if err := r.blob(ctx, b, e.Updated); err != nil {
			return err
		}
	}
	if e.Deleted {
		return nil
	}
	return r.open(ctx, &e.Item.Item)
}

func (r *run) blob(ctx context.Context, info locket.BlobInfo, modified time.Time) error {
	return r.entry(r.paths[info.ID], info.Size, modified, func(w io.Writer) error { return r.copyBlob(ctx, info.ID, w) })
}

func (r *run) copyBlob(ctx context.Context, id locket.BlobID, w io.Writer) (err error) {
	b, err := r.x.OpenBlob(ctx, id)
	if locket.CodeOf(err) == locket.CodeNotFound {
		return locket.Errorf(locket.CodeConflict, "a file was erased while the pod was being exported; export again").Because(err)
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	_, err = io.Copy(w, stopping{ctx, b})
	return err
}

// stopping is a reader that ends with its context.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// entry writes a file of the archive whose size is known.
func (r *run) entry(name string, size int64, modified time.Time, write func(io.Writer) error) error {
	err := r.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: modified.Truncate(time.Second), Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	if err := write(r.tar); err != nil {
		return err
	}
	return r.tar.Flush() // fails if it was shorter
}

// twice writes a file of the archive whose size is not known before: what does not fit
// into memory is made once to be measured, and again.
func (r *run) twice(name string, modified time.Time, write func(io.Writer) error) error {
	var size counter
	if err := write(&size); err != nil {
		return err
	}
	return r.entry(name, int64(size), modified, write)
}

// A counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
