package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/locketpod/locket"
)

// inBatch is the size up to which a file of an export is stored in the transaction of
// its item. Larger ones are before it, so that nobody waits for them.
const inBatch = 1 << 20

// A batch with histories is written in rounds, each a transaction: the first creates
// the items, the next brings the second change of those that have one, and so on. For
// a change of its own is what keeps the values before it as history. An item's line in
// the ledger is written with its last change.

// replay does what a record asks for in this round. line is nil if there is nothing to
// tell, or not yet.
func (b *batchWriter) replay(p *pending) (line *locket.LedgerEntry, err error) {
	e := &locket.LedgerEntry{File: p.file.Path, Record: p.rec.Where, Format: p.format, Reason: p.rec.Note}
	switch r := p.rec.replay; {
	case r.typ != nil:
		b.finished = append(b.finished, p)
		if err := b.w.Extend(*r.typ); err != nil {
			e.Outcome, e.Reason = locket.Rejected, "type "+clip(r.typ.Name, 60)+": "+reasonOf(err)
			return e, hard(err)
		}
		return nil, nil
	case r.edges != nil:
		b.finished = append(b.finished, p)
		return nil, b.relink(r.edges)
	}
	return b.step(p, e)
}

// hard is err if it is about more than what the record holds.
func hard(err error) error {
	if ofRecord(err) {
		return nil
	}
	return err
}

// step brings an item one change further.
func (b *batchWriter) step(p *pending, e *locket.LedgerEntry) (*locket.LedgerEntry, error) {
	past := p.rec.replay.past
	if b.round == 0 {
		done, err := b.w.Replayed(past)
		if locket.CodeOf(err) == locket.CodeConflict {
			e.Outcome, e.Reason = locket.Rejected, reasonOf(err)
			b.finished = append(b.finished, p)
			return e, nil
		} else if err != nil {
			return nil, err
		}
		p.behind = done
	}
	next, last := p.behind+b.round, len(past.Steps)-1
	e.Item, e.Outcome = past.ID, locket.Imported
	if next > last {
		e.Outcome = locket.Duplicate
	} else if err := b.replayOne(p, next); err != nil {
		return nil, err
	}
	if next < last {
		b.more = true
		return nil, nil
	}
	if p.behind > 0 && e.Outcome == locket.Imported {
		e.Reason = joinNotes(e.Reason, "went on with what was there")
	}
	taken, err := b.w.ReplayKeys(past)
	if taken > 0 {
		e.Reason = joinNotes(e.Reason, fmt.Sprintf("%d of its external keys are other items'", taken))
	}
	b.finished = append(b.finished, p)
	return e, err
}

func (b *batchWriter) replayOne(p *pending, step int) error {
	if b.round == 0 {
		for _, blob := range p.rec.replay.blobs {
			if blob.Size > inBatch {
				continue
			}
			c, err := openContent(blob.open)
			if err != nil {
				return err
			}
			if err := errors.Join(b.w.ReplayBlob(blob.BlobInfo, c), c.Close()); err != nil {
				return err
			}
		}
	}
	return b.w.Replay(p.rec.replay.past, step)
}

func (b *batchWriter) relink(edges []locket.Edge) error {
	for _, e := range edges {
		switch err := b.w.Relink(e); locket.CodeOf(err) {
		case "":
			b.linked++
		case locket.CodeNotFound, locket.CodeInvalid:
			b.dropped++
		default:
			return err
		}
	}
	return nil
}

// storeBlobs stores the large files of a record before its transaction. What makes
// that impossible rejects the record.
func (r *run) storeBlobs(ctx context.Context, p *pending) error {
	for _, blob := range p.rec.replay.blobs {
		if blob.Size <= inBatch {
			p.bytes += blob.Size
			continue
		}
		c, err := openContent(blob.open)
		if err == nil {
			err = errors.Join(r.view.ReplayBlob(ctx, blob.BlobInfo, readerFunc(func(b []byte) (int, error) {
				if ctx.Err() != nil {
					return 0, ctx.Err()
				}
				return c.Read(b)
			})), c.Close())
		}
		if err != nil && ofRecord(err) {
			p.reject(err)
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}
