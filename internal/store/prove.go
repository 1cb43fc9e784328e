package store

import (
	"context"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// maxProved bounds the actions of one proof.
const maxProved = 1000

// Prove returns the proof of everything that was done with an item, for somebody who
// does not have the pod.
func (v *View) Prove(ctx context.Context, id locket.ItemID) (*journal.Proof, error) {
	if err := v.mayProve(); err != nil {
		return nil, err
	}
	b, err := itemID(id)
	if err != nil {
		return nil, err
	}
	var p *journal.Proof
	err = v.s.snapshot(ctx, func(q *snapshot) error {
		p, err = q.prove(ctx, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, v.saw(ctx, locket.ActionRead, string(id))
}

// mayProve refuses whoever may not read everything: leaves are shown as they were
// signed, whole.
func (v *View) mayProve() error {
	if err := v.mayAll(locket.MayManage); err != nil {
		return err
	}
	return v.mayAll(locket.MayRead)
}

func (q *snapshot) prove(ctx context.Context, id []byte) (*journal.Proof, error) {
	r, err := scanItem(q.conn.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items i WHERE i.id = ?`, id))
	if err != nil {
		return nil, itemFailure(err)
	}
	h, err := newTimeline(r, q.types)
	if err != nil {
		return nil, unreadable()
	}
	if err := h.readPast(ctx, q.conn); err != nil {
		return nil, err
	}
	leaves, err := q.leavesOf(ctx, r.n)
	if err != nil {
		return nil, err
	}
	var size int64
	if err := q.conn.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM changes`).Scan(&size); err != nil {
		return nil, err
	}
	text, err := q.s.checkpoint(ctx, size)
	if err != nil {
		return nil, err
	}
	earlier, err := q.s.successions(ctx, q.conn)
	if err != nil {
		return nil, err
	}
	p := journal.NewProof(q.s.pod, q.s.podKey(), earlier, []byte(text))
	past := h.itemPast()
	for i := range leaves {
		if err := q.addTo(ctx, p, &leaves[i], past, size); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// leavesOf reads all leaves about an item.
func (q *snapshot) leavesOf(ctx context.Context, item int64) ([]leafRow, error) {
	var count int
	if err := q.conn.QueryRowContext(ctx, `SELECT count(*) FROM leaves WHERE item = ? AND item > 0`, item).Scan(&count); err != nil {
		return nil, err
	}
	if count > maxProved {
		return nil, locket.Errorf(locket.CodeTooLarge, "%d things were done with this item, and a proof has at most %d: export the journal instead", count, maxProved)
	}
	rows, err := q.conn.QueryContext(ctx, `SELECT n, change, item, action, salt, hash, coalesce(data, '') FROM leaves WHERE item = ? AND item > 0 ORDER BY n`, item)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	leaves := make([]leafRow, count)
	for i := 0; rows.Next(); i++ {
		if _, err := scanLeaf(rows, &leaves[i]); err != nil {
			return nil, err
		}
	}
	return leaves, rows.Err()
}

// addTo adds an action to the proof of a journal of so many entries.
func (q *snapshot) addTo(ctx context.Context, p *journal.Proof, l *leafRow, past *itemPast, size int64) error {
	c, err := q.s.scanChange(q.conn.QueryRowContext(ctx, `SELECT `+changeColumns+`
		FROM changes c JOIN principals p ON p.n = c.author WHERE c.n = ?`, l.change))
	if err != nil {
		return err
	}
	hashes, err := leafHashes(q.conn.QueryContext(ctx, `SELECT hash FROM leaves WHERE n >= ? AND n < ? ORDER BY n`, c.leaf, c.leaf+int64(c.entry.Leaves)))
	if err != nil {
		return err
	}
	r := &journal.Record{N: c.n, Entry: c.entry, Signature: c.sig, Leaves: make([]journal.StoredLeaf, len(hashes))}
	for i, h := range hashes {
		r.Leaves[i].Hash = h
	}
	at := int(l.n - c.leaf)
	content, err := l.content(past)
	if err != nil || at < 0 || at >= len(hashes) {
		return locket.Errorf(locket.CodeTampered, "entry %d can't be read; run 'locket verify'", c.n).Because(err)
	}
	r.Leaves[at].Leaf = content
	return p.Add(r, at, c.key, size, q.s.tree(ctx))
}
