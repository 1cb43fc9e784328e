package store

import (
	"context"
	"errors"
	"time"

	"github.com/locketpod/locket"
)

// An UndoRequest says whose changes to revert: those of a session, or of a principal,
// or of both.
type UndoRequest struct {
	Session   string
	Principal locket.PrincipalID
	Since     time.Time // only what was done from then on
	DryRun    bool      // change nothing
}

// Undone says what was reverted, or would be.
type Undone struct {
	Changes  int          `json:"changes"`  // entries of the journal that were to be undone
	Reverted int          `json:"reverted"` // items whose values went back
	Deleted  int          `json:"deleted"`  // items that it had created
	Restored int          `json:"restored"` // items that it had deleted
	Links    int          `json:"links"`    // links that went or came back
	Skipped  []UndoSkip   `json:"skipped"`  // what stays as it is, the first few
	More     int          `json:"more,omitempty"`
	Items    []UndoneItem `json:"items"` // the first few
}

// An UndoneItem is one item and what was undone of it: "reverted", "deleted", "restored"
// or "links".
type UndoneItem struct {
	Item locket.ItemID `json:"item"`
	What []string      `json:"what"`
}

// An UndoSkip is something that was not undone, and why.
type UndoSkip struct {
	Item   locket.ItemID `json:"item,omitempty"`
	Reason string        `json:"reason"`
}

const (
	maxUndo   = 100_000 // entries of one undo
	undoBatch = 500     // items of one transaction
	shownUndo = 100
)

// Undo reverts what a principal or a session did, as new changes of the view's
// principal: each value goes back to the latest that somebody else had set. What
// others have changed since stays. It works in transactions of some hundred items;
// if it is interrupted, it can be repeated.
func (v *View) Undo(ctx context.Context, r UndoRequest) (Undone, error) {
	u := &undo{view: v, out: Undone{Skipped: []UndoSkip{}, Items: []UndoneItem{}}}
	if err := v.mayAll(locket.MayManage); err != nil {
		return u.out, err
	}
	if r.Session == "" && r.Principal == "" {
		return u.out, locket.Errorf(locket.CodeInvalid, "say whose changes to undo: a session's, a principal's, or both")
	}
	if err := u.find(ctx, r); err != nil {
		return u.out, failure("undo", err)
	}
	for items := u.items; len(items) > 0; {
		batch := items[:min(len(items), undoBatch)]
		items = items[len(batch):]
		before := u.out
		_, err := v.Write(ctx, func(w *Writer) error {
			for _, n := range batch {
				if err := u.item(w, n); err != nil {
					return err
				}
			}
			if r.DryRun {
				return errDryRun
			}
			return nil
		})
		if err != nil && !errors.Is(err, errDryRun) {
			return before, err
		}
	}
	return u.out, nil
}

// errDryRun rolls back a transaction that was only to be tried.
var errDryRun = &locket.Error{Code: locket.CodeCancelled, Msg: "nothing was changed"}

// An undo is a running Undo.
type undo struct {
	view  *View
	mine  map[int64]bool // the changes to undo, changes.n
	items []int64        // that they touched, items.n
	out   Undone
}

// find reads which changes are to be undone and what they touched.
func (u *undo) find(ctx context.Context, r UndoRequest) error {
	f := filter{"c.hlc >= ?", []any{int64(locket.HLCAt(r.Since))}}
	if r.Since.IsZero() {
		f = filter{sql: always}
	}
	if r.Session != "" {
		f = allOf(f, filter{"c.session = ?", []any{r.Session}})
	}
	if r.Principal != "" {
		id, _ := uuidBytes(string(r.Principal))
		var n int64
		err := u.view.s.db.QueryRowContext(ctx, `SELECT p.n FROM principals p WHERE p.id = ?`, id).Scan(&n)
		if locket.CodeOf(failure("", err)) == locket.CodeNotFound {
			return notFound("principal")
		} else if err != nil {
			return err
		}
		f = allOf(f, filter{"c.author = ?", []any{n}})
	}
	rows, err := u.view.s.db.QueryContext(ctx, `SELECT c.n, c.leaf, c.leaves FROM changes c WHERE c.kind = 'change' AND `+f.sql+` ORDER BY c.n LIMIT ?`,
		append(f.args, maxUndo+1)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	u.mine = make(map[int64]bool)
	touched := make(map[int64]bool)
	for rows.Next() {
		var n, leaf, leaves int64
		if err := rows.Scan(&n, &leaf, &leaves); err != nil {
			return err
		}
		u.mine[n] = true
		if err := u.touch(ctx, touched, leaf, leaf+leaves); err != nil {
			return err
		}
	}
	u.out.Changes = len(u.mine)
	if len(u.mine) > maxUndo {
		return locket.Errorf(locket.CodeTooLarge, "these are more than %d changes; undo fewer at once, the latest first, by a time to begin at", maxUndo)
	}
	return rows.Err()
}

// touch collects the items of leaves from .. to-1.
func (u *undo) touch(ctx context.Context, touched map[int64]bool, from, to int64) error {
	rows, err := u.view.s.db.QueryContext(ctx, `SELECT item, action FROM leaves WHERE n >= ? AND n < ? ORDER BY n`, from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var item int64
		var a locket.Action
		if err := rows.Scan(&item, &a); err != nil {
			return err
		}
		switch {
		case item == 0:
			u.skip("", "types, principals, grants and keys are not undone ("+string(a)+"); revoke or change them yourself")
		case a == locket.ActionErase:
			u.skip("", "an item was erased, for good")
		case !touched[item]:
			touched[item] = true
			u.items = append(u.items, item)
		}
	}
	return rows.Err()
}

func (u *undo) skip(id locket.ItemID, reason string) {
	if len(u.out.Skipped) >= shownUndo {
		u.out.More++
		return
	}
	u.out.Skipped = append(u.out.Skipped, UndoSkip{id, reason})
}
