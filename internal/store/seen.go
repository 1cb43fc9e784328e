package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"github.com/locketpod/locket/internal/journal"
)

// A Seen is how far the journal had come when somebody looked.
type Seen struct {
	Size int64        // entries
	Root journal.Hash // of the tree over them
	Last journal.Hash // of the last of them, as a record of that tree
}

// Entries is how many entries the journal had when the pod was opened.
func (s *Store) Entries() int64 { return s.entries }

// Grown reports whether an entry may have been added since the pod was opened.
func (s *Store) Grown() bool { return s.grown.Load() }

// Seen returns how far the journal has come.
func (s *Store) Seen(ctx context.Context) (Seen, error) {
	var seen Seen
	var last []byte
	err := s.db.QueryRowContext(ctx, `SELECT n, substr(tree, 1, 32) FROM changes ORDER BY n DESC LIMIT 1`).Scan(&seen.Size, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return seen, nil
	}
	if err == nil {
		copy(seen.Last[:], last)
		seen.Root, err = journal.RootAt(seen.Size, s.tree(ctx))
	}
	return seen, failure("read journal", err)
}

// Has reports whether the journal still begins as it did when it was seen, by the last
// entry that there was then. It is quick; [Store.HasAll] compares the whole tree.
func (s *Store) Has(ctx context.Context, seen Seen) (bool, error) {
	switch {
	case seen.Size == 0:
		return true, nil
	case seen.Size == s.seen.Size:
		return bytes.Equal(s.entryThere, seen.Last[:]), nil
	}
	var last []byte
	err := s.db.QueryRowContext(ctx, `SELECT substr(tree, 1, 32) FROM changes WHERE n = ?`, seen.Size).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return bytes.Equal(last, seen.Last[:]), failure("read journal", err)
}

// HasAll is Has by the root of the tree.
func (s *Store) HasAll(ctx context.Context, seen Seen) (bool, error) {
	ok, err := s.Has(ctx, seen)
	if err != nil || !ok || seen.Size == 0 {
		return ok, err
	}
	root, err := journal.RootAt(seen.Size, s.tree(ctx))
	return root == seen.Root, failure("read journal", err)
}

// tree reads the pod's tree.
func (s *Store) tree(ctx context.Context) treeReader {
	return func(query string, args ...any) scanner { return s.db.QueryRowContext(ctx, query, args...) }
}
