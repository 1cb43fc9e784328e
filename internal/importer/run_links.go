package importer

import (
	"context"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Bounds on links that wait for their ends.
const (
	maxLoose  = 100_000
	linkBatch = 5_000 // in one transaction
)

// keepLinks keeps links whose ends are not there yet. When there are too many, all
// are tried again, and of what is left the older half is given up.
func (r *run) keepLinks(ctx context.Context, loose []Link) error {
	r.links = append(r.links, loose...)
	if len(r.links) < maxLoose {
		return nil
	}
	if err := r.applyLinks(ctx); err != nil {
		return err
	}
	if n := len(r.links) - maxLoose/2; n > 0 {
		r.report.Dropped += int64(n)
		r.links = append([]Link(nil), r.links[n:]...)
	}
	return nil
}

// applyLinks tries all waiting links and leaves those that still lack an end.
func (r *run) applyLinks(ctx context.Context) error {
	var left []Link
	for len(r.links) > 0 {
		n := min(linkBatch, len(r.links))
		var b *batchWriter
		_, err := r.view.Write(ctx, func(w *store.Writer) error {
			w.From(locket.Source{Import: r.report.ID})
			b = &batchWriter{w: w, ids: make(map[string]locket.ItemID)}
			return b.link(r.links[:n])
		})
		if err != nil {
			return err
		}
		r.report.Links += b.linked
		left = append(left, b.loose...)
		r.links = r.links[n:]
	}
	r.links = left
	return nil
}

// finish applies the links that waited for the end, gives the others up and marks
// the run finished.
func (r *run) finish(ctx context.Context) error {
	if err := r.applyLinks(ctx); err != nil {
		return err
	}
	r.report.Dropped += int64(len(r.links))
	r.links = nil
	_, err := r.view.Write(ctx, func(w *store.Writer) error { return w.FinishImport(r.report.ID) })
	if err == nil {
		r.report.Finished = time.Now().UTC()
	}
	return err
}
