package store

import (
	"context"
	"encoding/hex"
	"errors"
	"io"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// ExportJournal writes the whole journal to w, in the form that journal.VerifyExport
// reads without the pod.
func (v *View) ExportJournal(ctx context.Context, w io.Writer) error {
	if err := v.mayProve(); err != nil {
		return err
	}
	err := v.s.snapshot(ctx, func(q *snapshot) error { return q.export(ctx, w) })
	if f, ok := errors.AsType[*journal.Fault](err); ok {
		return locket.Errorf(locket.CodeTampered, "the journal can't be exported whole: %s; 'locket verify' says more", f.What).Because(err)
	}
	if err != nil {
		return err
	}
	return v.saw(ctx, locket.ActionRead)
}

// MayExport refuses whom ExportJournal refuses, while that can still be the answer.
func (v *View) MayExport() error { return v.mayProve() }

func (q *snapshot) export(ctx context.Context, w io.Writer) error {
	h, err := q.header(ctx)
	if err != nil {
		return err
	}
	x, err := journal.NewExporter(w, h)
	if err != nil {
		return err
	}
	items := pasts{snapshot: q}
	pastOf := func(item int64) (*itemPast, error) { return items.of(ctx, item) }
	var size int64
	err = q.records(ctx, func(r *record) error {
		if err := r.fillIn(pastOf); err != nil {
			return err
		}
		size = r.N
		return x.Add(&r.Record)
	})
	if err != nil {
		return err
	}
	text, err := q.s.checkpoint(ctx, size)
	if err != nil {
		return err
	}
	return x.Close([]byte(text))
}

func (q *snapshot) header(ctx context.Context) (journal.Header, error) {
	h := journal.Header{Pod: q.s.pod, PodKey: hex.EncodeToString(q.s.podKey())}
	var err error
	if h.Earlier, err = q.s.successions(ctx, q.conn); err != nil {
		return h, err
	}
	for _, n := range q.numbers() {
		p := q.authors[n].row.principal
		h.Principals = append(h.Principals, journal.ExportedPrincipal{ID: p.ID, Kind: p.Kind, Name: p.Name, PublicKey: p.PublicKey})
	}
	return h, nil
}
