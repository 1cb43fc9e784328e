package store

import (
	"context"
	"time"

	"github.com/locketpod/locket"
)

// A SlotName is what the owner calls a slot of the header, which itself holds
// random ids only.
type SlotName struct {
	Name    string
	Created time.Time
}

// Slots returns the names of the header's slots by slot id, and the generation
// that the header must have.
func (s *Store) Slots(ctx context.Context) (names map[string]SlotName, generation int64, err error) {
	names = make(map[string]SlotName)
	if generation, err = s.Generation(ctx); err != nil {
		return nil, 0, err
	}
	rows, err := s.db.QueryContext(ctx, `SELECT id, name, created FROM slots`)
	if err != nil {
		return nil, 0, failure("read slots", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var n SlotName
		var created int64
		if err := rows.Scan(&id, &n.Name, &created); err != nil {
			return nil, 0, failure("read slots", err)
		}
		n.Created = fromMicros(created)
		names[id] = n
	}
	return names, generation, failure("read slots", rows.Err())
}

// Generation returns the generation that the header must have.
func (s *Store) Generation(ctx context.Context) (int64, error) {
	var g int64
	err := s.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'generation'`).Scan(&g)
	return g, failure("read generation", err)
}

// FollowHeader notes that the header is one generation ahead of g, unless
// somebody else has noted more meanwhile.
func (s *Store) FollowHeader(ctx context.Context, g int64) error {
	return s.transaction(ctx, func(t *tx) error {
		return t.exec(`UPDATE meta SET value = ? WHERE key = 'generation' AND value = ?`, g+1, g)
	})
}

// A SlotEditor changes what the database knows of the header's slots.
type SlotEditor struct{ t *tx }

// SetGeneration notes the generation of the header that is being saved.
func (e *SlotEditor) SetGeneration(g int64) error {
	return e.t.exec(`UPDATE meta SET value = ? WHERE key = 'generation'`, g)
}

// Name gives a new slot its name.
func (e *SlotEditor) Name(id, name string, now time.Time) error {
	if name == "" || len(name) > 200 {
		return locket.Errorf(locket.CodeInvalid, "a key needs a name of 1 to 200 characters")
	}
	return e.t.exec(`INSERT INTO slots(id, name, created) VALUES(?, ?, ?)`, id, name, micros(now))
}

// Forget drops the name of a removed slot.
func (e *SlotEditor) Forget(id string) error { return e.t.exec(`DELETE FROM slots WHERE id = ?`, id) }

// EditSlots runs fn in a transaction, which keeps other processes from editing
// at the same time. fn saves the header as its last step: if the process dies
// between that and the commit, the header is one generation ahead of the
// database, which the next opening mends.
func (s *Store) EditSlots(ctx context.Context, fn func(*SlotEditor) error) error {
	return s.transaction(ctx, func(t *tx) error { return fn(&SlotEditor{t}) })
}
