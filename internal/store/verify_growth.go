package store

import (
	"context"
	"errors"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
)

// Growth is a checkpoint of the journal and, if an earlier one was given, the proof
// that the journal has only grown since.
type Growth struct {
	Checkpoint string         `json:"checkpoint"`      // signed text
	Proof      []journal.Hash `json:"proof,omitempty"` // base64; RFC 6962 §2.1.2
	// Successions lead from the key that signed the earlier checkpoint to the one that
	// signs now; without an earlier one they are all that there were.
	Successions []journal.Succession `json:"earlierKeys,omitempty"`
}

// Grown returns the checkpoint of now. from is the signed text of an earlier one, or
// "": if the journal does not begin with what that says, the error is as of CheckGrown.
func (v *View) Grown(ctx context.Context, from string) (Growth, error) {
	if err := v.mayAll(locket.MayManage); err != nil {
		return Growth{}, err
	}
	size, err := v.s.journalSize(ctx)
	if err != nil {
		return Growth{}, err
	}
	var g Growth
	if from == "" {
		if g.Successions, err = v.Successions(ctx); err != nil {
			return Growth{}, err
		}
	} else {
		earlier, since, err := v.s.checkGrown(ctx, from, size)
		if err != nil {
			return Growth{}, err
		}
		g.Successions = since
		if g.Proof, err = journal.ProveGrowth(earlier.Size, size, v.s.tree(ctx)); err != nil {
			return Growth{}, failure("prove growth", err)
		}
	}
	g.Checkpoint, err = v.s.checkpoint(ctx, size)
	return g, err
}

// CheckGrown checks for any principal that the journal begins with what from says, the
// signed text of a checkpoint. If it does not the error is of code rolled_back, and if
// from is none of this pod of code invalid.
func (v *View) CheckGrown(ctx context.Context, from string) error {
	size, err := v.s.journalSize(ctx)
	if err != nil {
		return err
	}
	_, _, err = v.s.checkGrown(ctx, from, size)
	return err
}

// checkGrown compares a journal of so many entries with an earlier checkpoint. What is
// added meanwhile does not matter to it.
func (s *Store) checkGrown(ctx context.Context, from string, size int64) (journal.Checkpoint, []journal.Succession, error) {
	c, since, err := s.openCheckpoint(ctx, from)
	if err != nil {
		return c, nil, err
	}
	if c.Size > size {
		return c, nil, rolledBack()
	}
	root, err := journal.RootAt(c.Size, s.tree(ctx))
	if err != nil {
		return c, nil, failure("check growth", err)
	}
	if root != c.Root {
		return c, nil, rolledBack()
	}
	return c, since, nil
}

// openCheckpoint reads the signed text of a checkpoint of this pod.
func (s *Store) openCheckpoint(ctx context.Context, text string) (journal.Checkpoint, []journal.Succession, error) {
	keys, err := s.keys(ctx, s.db)
	if err != nil {
		return journal.Checkpoint{}, nil, err
	}
	c, since, err := keys.Open([]byte(text))
	if err == nil && c.Pod != s.pod {
		err = errors.New("of another pod")
	}
	if err != nil {
		return c, nil, locket.Errorf(locket.CodeInvalid, "this is no checkpoint that this pod signed; give one of 'locket journal checkpoint'").Because(err)
	}
	return c, since, nil
}

func rolledBack() error {
	return locket.Errorf(locket.CodeRolledBack, "the pod is older than when this checkpoint was noted, or its journal was rewritten; "+
		"find out who put it back, and restore a later backup").Because(journal.ErrRolledBack)
}

// checkpoint signs that of the first size entries.
func (s *Store) checkpoint(ctx context.Context, size int64) (string, error) {
	root, err := journal.RootAt(size, s.tree(ctx))
	if err != nil {
		return "", failure("read journal", err)
	}
	text, err := journal.Checkpoint{Pod: s.pod, Size: size, Root: root}.Sign(s.signer)
	return string(text), failure("sign checkpoint", err)
}

func (s *Store) journalSize(ctx context.Context) (size int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM changes`).Scan(&size)
	return size, failure("read journal", err)
}
