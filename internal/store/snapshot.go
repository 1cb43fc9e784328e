package store

import (
	"context"

	"github.com/locketpod/locket/internal/sqlcipher"
)

// Snapshot holds the sealed pages of the database still. The caller closes it before
// the Store.
func (s *Store) Snapshot(ctx context.Context) (*sqlcipher.Snapshot, error) {
	snap, err := s.db.Snapshot(ctx)
	return snap, failure("hold the database still", err)
}
