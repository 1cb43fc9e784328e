package store

import (
	"context"
	"errors"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// Verified says what Verify read and whether it found a fault.
type Verified struct {
	Entries    int64  `json:"entries"`
	Actions    int64  `json:"actions"`
	Items      int64  `json:"items"`
	Checkpoint string `json:"checkpoint,omitempty"` // signed text of what was read; empty if there is a fault
	Fault      string `json:"fault,omitempty"`      // the first: a whole sentence
	At         int64  `json:"at,omitempty"`         // the entry that it is about; 0 if it is about none
}

// Verify reads the whole journal and compares the pod with it: items with their
// history and edges, types, principals, grants and slots; and indexes with their
// tables. checkpoint is the signed text of an earlier one that the journal must go on
// from, or "". A fault is a result, not an error; errors are for what could not be read.
//
// Not in the journal, and not checked here, are what the search index has of an item,
// external keys, the contents of blobs, the ledgers of imports and how far limits are
// used up.
//
// Memory is needed for one entry at a time, and for the history and the links of one
// item. The write-ahead log grows meanwhile.
func (v *View) Verify(ctx context.Context, checkpoint string, report locket.Reporter) (Verified, error) {
	if err := v.mayAll(locket.MayManage); err != nil {
		return Verified{}, err
	}
	var noted *journal.Checkpoint
	if checkpoint != "" {
		c, _, err := v.s.openCheckpoint(ctx, checkpoint)
		if err != nil {
			return Verified{}, err
		}
		noted = &c
	}
	var out Verified
	err := v.s.snapshot(ctx, func(q *snapshot) error {
		c := verification{snapshot: q, out: &out, report: report}
		return c.run(ctx, noted)
	})
	if f, ok := errors.AsType[*journal.Fault](err); ok {
		out.Fault, out.At = f.What, f.N
	} else if err != nil {
		return out, err
	}
	return out, v.saw(ctx, locket.ActionRead)
}

// A verification is a running Verify.
type verification struct {
	*snapshot
	out    *Verified
	report locket.Reporter
	total  int64 // entries

	journal *journal.Verifier
	latest  map[*author]*journal.Entry
	pod     podReplay
}

const reportEvery = 1000 // entries or items

// run returns the first fault as a *journal.Fault.
func (c *verification) run(ctx context.Context, noted *journal.Checkpoint) error {
	if err := c.conn.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM changes`).Scan(&c.total); err != nil {
		return err
	}
	if err := c.pod.begin(ctx, c.snapshot); err != nil {
		return err
	}
	checkpoint, err := c.entries(ctx, noted)
	if err != nil {
		return err
	}
	if err := c.pod.end(ctx); err != nil {
		return err
	}
	if err := c.items(ctx); err != nil {
		return err
	}
	if err := c.pages(ctx); err != nil {
		return err
	}
	text, err := checkpoint.Sign(c.s.signer)
	c.out.Checkpoint = string(text)
	return err
}

// tell reports progress, and whether to go on: rows that were read ahead don't end with
// their context.
func (c *verification) tell(ctx context.Context, p locket.Progress) error {
	c.report.Report(p)
	return ctx.Err()
}

// entries checks the journal by itself, as far as it needs no items, and returns its
// checkpoint.
func (c *verification) entries(ctx context.Context, noted *journal.Checkpoint) (journal.Checkpoint, error) {
	keys, err := c.s.keys(ctx, c.conn)
	if err != nil {
		return journal.Checkpoint{}, podFault("the pod's earlier keys do not lead to its present one")
	}
	c.journal = journal.NewVerifier(keys, c.keyOf)
	c.pod.keys = keys
	c.latest = make(map[*author]*journal.Entry)
	if noted != nil {
		if err := c.journal.Expect(*noted); err != nil {
			return journal.Checkpoint{}, err
		}
	}
	err = c.records(ctx, func(r *record) error { return c.entry(ctx, r) })
	if err == nil {
		err = c.journal.End()
	}
	if err == nil {
		err = c.checkLatest()
	}
	return c.journal.Checkpoint(), err
}

// entry checks an entry, and the contents of its leaves that are about no item.
func (c *verification) entry(ctx context.Context, r *record) error {
	if err := r.fillIn(nil); err != nil {
		return err
	}
	if err := c.journal.Add(&r.Record); err != nil {
		return err
	}
	for i := range r.Leaves {
		if r.rows[i].item != 0 {
			continue // checked with its item
		}
		if r.Leaves[i].Leaf == nil {
			return faultAt(r.N, "the content of an action is missing that was about no item, and so was not erased")
		}
		if err := c.pod.replay(r, r.Leaves[i].Leaf); err != nil {
			return err
		}
	}
	if c.latest[r.author] == nil {
		c.latest[r.author] = new(journal.Entry)
	}
	*c.latest[r.author] = r.Entry
	c.out.Entries++
	c.out.Actions += int64(len(r.Leaves))
	if c.out.Entries%reportEvery == 0 {
		return c.tell(ctx, locket.Progress{Stage: "checking the journal", Done: c.out.Entries, Total: c.total, Unit: "entries"})
	}
	return nil
}

// pages has SQLite compare its indexes with the tables: nothing that came before reads
// them all.
func (c *verification) pages(ctx context.Context) error {
	if err := c.tell(ctx, locket.Progress{Stage: "checking the indexes", Done: c.out.Items, Unit: "items"}); err != nil {
		return err
	}
	var line string
	if err := c.conn.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&line); err != nil {
		return err
	}
	if line != "ok" {
		return podFault("an index is not that of its table; 'locket doctor' says which")
	}
	return nil
}

// checkLatest compares what is kept of the latest entry of each author.
func (c *verification) checkLatest() error {
	for _, n := range c.numbers() {
		a := c.authors[n]
		var seq int64
		var head string
		var seen time.Time
		if e := c.latest[a]; e != nil {
			h, err := e.Hash()
			if err != nil {
				return err
			}
			seq, head, seen = e.Seq, string(h[:]), e.HLC.Time()
		}
		if a.seq != seq || string(a.head) != head || !a.row.principal.Seen.Equal(seen) {
			return podFault("principal %s: what is kept of its latest entry is not what the journal has", called(a.row.principal.Name))
		}
	}
	return nil
}
