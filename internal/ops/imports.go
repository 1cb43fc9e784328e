package ops

import (
	"context"
	"errors"
	"io"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/importer"
)

type planImportIn struct {
	Name string `query:"name" help:"file name of the upload, e.g. takeout.zip"`
}

// An ImportPlan says what an import of an upload would read. Blob is where the
// upload is kept, for a day, to run the import without uploading again.
type ImportPlan struct {
	Blob locket.BlobID  `json:"blob"`
	Plan *importer.Plan `json:"plan"`
}

func planImport(ctx context.Context, c *Call, in planImportIn) (out ImportPlan, err error) {
	info, err := spool(ctx, c)
	if err != nil {
		return out, err
	}
	out.Blob = info.ID
	err = withTree(ctx, c, in.Name, info.ID, func(t *importer.Tree) error {
		out.Plan, err = importer.Recognise(ctx, t, importer.Formats(), c.Report)
		return err
	})
	return out, err
}

type runImportIn struct {
	Name string        `query:"name" help:"file name of the upload, e.g. takeout.zip"`
	Blob locket.BlobID `query:"blob,omitempty" help:"an upload that imports.plan kept, instead of a body"`
}

// runImport keeps the upload until the import has finished, so that an interrupted
// one can go on without uploading again.
func runImport(ctx context.Context, c *Call, in runImportIn) (out importer.Report, err error) {
	if in.Blob == "" {
		info, err := spool(ctx, c)
		if err != nil {
			return out, err
		}
		in.Blob = info.ID
	} else if !empty(c.Body) {
		return out, locket.Errorf(locket.CodeInvalid, "the request has both a body and a blob to import; send one of them")
	}
	err = withTree(ctx, c, in.Name, in.Blob, func(t *importer.Tree) error {
		var plan *importer.Plan
		if c.Report != nil {
			if plan, err = importer.Recognise(ctx, t, importer.Formats(), c.Report); err != nil {
				return err
			}
		}
		out, err = importer.Run(ctx, c.View, t, plan, importer.Options{Report: c.Report})
		return err
	})
	if locket.CodeOf(err) == locket.CodeDenied {
		return out, errors.Join(err, c.View.RemoveBlob(ctx, in.Blob)) // it may never go on
	} else if err != nil {
		return out, err
	}
	if err := c.View.RemoveBlob(ctx, in.Blob); err != nil && locket.CodeOf(err) != locket.CodeConflict {
		return out, err
	}
	return out, nil
}

// empty reads r, which may be nil, to see whether there is anything in it.
func empty(r io.Reader) bool {
	if r == nil {
		return true
	}
	n, _ := io.ReadFull(r, make([]byte, 1)) // a failed read is the same as none
	return n == 0
}

// withTree runs fn over the blob of an upload, read in place.
func withTree(ctx context.Context, c *Call, name string, id locket.BlobID, fn func(*importer.Tree) error) (err error) {
	blob, err := c.View.OpenBlob(ctx, id)
	if err != nil {
		return err
	}
	t := importer.OpenReader(name, blob, blob.Info().Size, importer.DefaultLimits())
	defer func() { err = errors.Join(err, t.Close(), blob.Close()) }()
	return fn(t)
}

type listImportsIn struct {
	Limit  int    `query:"limit,omitempty" help:"most imports to return, 1 to 1000; default 50"`
	Cursor string `query:"cursor,omitempty" help:"where to go on: next of the page before"`
}

func listImports(ctx context.Context, c *Call, in listImportsIn) (locket.Page[locket.Import], error) {
	return paged(c.View.Imports(ctx, in.Limit, in.Cursor))
}

type importLedgerIn struct {
	ID     string `path:"id" help:"id of the import"`
	Limit  int    `query:"limit,omitempty" help:"most records to return, 1 to 5000; default 500"`
	Cursor string `query:"cursor,omitempty" help:"where to go on: next of the page before"`
}

func importLedger(ctx context.Context, c *Call, in importLedgerIn) (locket.Page[locket.LedgerEntry], error) {
	return paged(c.View.Ledger(ctx, in.ID, in.Limit, in.Cursor))
}

type importCSVIn struct {
	ID string `path:"id" help:"id of the import"`
}

func importCSV(ctx context.Context, c *Call, in importCSVIn) (*Stream, error) {
	if _, err := c.View.Ledger(ctx, in.ID, 1, ""); err != nil {
		return nil, err // while an error can still be the answer
	}
	write := func(ctx context.Context, w io.Writer) error { return importer.WriteLedger(ctx, c.View, in.ID, w) }
	return &Stream{MediaType: "text/csv; charset=utf-8", Name: "ledger.csv", Write: write}, nil
}
