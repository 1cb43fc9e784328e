package ops

import (
	"context"
	"io"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
	"github.com/locketpod/locket/internal/store"
)

func itemProvenance(ctx context.Context, c *Call, in itemIn) (map[string]locket.Provenance, error) {
	return c.View.Provenance(ctx, in.ID)
}

func proveItem(ctx context.Context, c *Call, in itemIn) (*journal.Proof, error) {
	return c.View.Prove(ctx, in.ID)
}

type listJournalIn struct {
	Principal locket.PrincipalID `query:"principal,omitempty" help:"only what this principal did"`
	Kind      string             `query:"kind,omitempty" help:"change or access; default: both"`
	Session   string             `query:"session,omitempty" help:"only what was done in this session"`
	Forward   bool               `query:"forward,omitempty" help:"oldest first"`
	Limit     int                `query:"limit,omitempty" help:"most entries to return, 1 to 1000; default 50"`
	Cursor    string             `query:"cursor,omitempty" help:"where to go on: next of the page before"`
}

func listJournal(ctx context.Context, c *Call, in listJournalIn) (locket.Page[store.JournalEntry], error) {
	return paged(c.View.Journal(ctx, store.JournalQuery{
		Principal: in.Principal, Kind: locket.EntryKind(in.Kind), Session: in.Session, Forward: in.Forward, Limit: in.Limit, Cursor: in.Cursor,
	}))
}

type getCheckpointIn struct {
	From string `query:"from,omitempty" help:"a checkpoint that was noted before, to prove that the journal has only grown since"`
}

func getCheckpoint(ctx context.Context, c *Call, in getCheckpointIn) (store.Growth, error) {
	return c.View.Grown(ctx, in.From)
}

type verifyJournalIn struct {
	Checkpoint string `json:"checkpoint,omitempty" help:"a checkpoint that was noted before and that the journal must go on from"`
}

func verifyJournal(ctx context.Context, c *Call, in verifyJournalIn) (store.Verified, error) {
	return c.View.Verify(ctx, in.Checkpoint, c.Report)
}

func exportJournal(_ context.Context, c *Call, _ noIn) (*Stream, error) {
	if err := c.View.MayExport(); err != nil {
		return nil, err
	}
	write := func(ctx context.Context, w io.Writer) error { return c.View.ExportJournal(ctx, w) }
	return &Stream{MediaType: "application/jsonl", Name: "journal.jsonl", Write: write}, nil
}

type undoIn struct {
	Session   string             `json:"session,omitempty" help:"what was done in this session"`
	Principal locket.PrincipalID `json:"principal,omitempty" help:"what this principal did"`
	Since     string             `json:"since,omitempty" help:"only what was done from then on, as in 2026-11-21T10:00:00Z"`
	DryRun    bool               `json:"dryRun,omitempty" help:"only say what would be reverted"`
}

func undoChanges(ctx context.Context, c *Call, in undoIn) (store.Undone, error) {
	r := store.UndoRequest{Session: in.Session, Principal: in.Principal, DryRun: in.DryRun}
	if in.Since != "" {
		var err error
		if r.Since, err = time.Parse(time.RFC3339, in.Since); err != nil {
			return store.Undone{}, locket.Errorf(locket.CodeInvalid, "since: expected a time as in 2026-11-21T10:00:00Z")
		}
	}
	return c.View.Undo(ctx, r)
}
