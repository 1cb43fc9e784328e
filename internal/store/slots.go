package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/locketpod/locket"
)

// A SlotName is what the owner calls a slot of the header, which itself holds
// random ids only.
type SlotName struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// Slots returns the names of the header's slots by slot id.
func (s *Store) Slots(ctx context.Context) (map[string]SlotName, error) {
	var stored []byte
	if err := s.db.QueryRowContext(ctx, `SELECT slots FROM pod WHERE n = 1`).Scan(&stored); err != nil {
		return nil, failure("read slots", err)
	}
	var names map[string]SlotName
	return names, failure("read slots", json.Unmarshal(stored, &names))
}

// Generation returns the generation that the header must have.
func (s *Store) Generation(ctx context.Context) (int64, error) {
	var g int64
	err := s.db.QueryRowContext(ctx, `SELECT generation FROM pod WHERE n = 1`).Scan(&g)
	return g, failure("read generation", err)
}

// FollowHeader notes that the header is one generation ahead of g, unless
// somebody else has noted more meanwhile.
func (s *Store) FollowHeader(ctx context.Context, g int64) error {
	return s.transaction(ctx, func(t *tx) error {
		return t.exec(`UPDATE pod SET generation = ? WHERE n = 1 AND generation = ?`, g+1, g)
	})
}

// A SlotEditor changes what the database knows of the header's slots.
type SlotEditor struct{ t *tx }

// SetGeneration notes the generation of the header that is being saved.
func (e *SlotEditor) SetGeneration(g int64) error {
	return e.t.exec(`UPDATE pod SET generation = ? WHERE n = 1`, g)
}

// Name gives a new slot its name.
func (e *SlotEditor) Name(id, name string, now time.Time) error {
	if name == "" || len(name) > 200 {
		return locket.Errorf(locket.CodeInvalid, "a key needs a name of 1 to 200 characters")
	}
	return e.edit(func(names map[string]SlotName) { names[id] = SlotName{Name: name, Created: now.UTC()} })
}

// Forget drops the name of a removed slot.
func (e *SlotEditor) Forget(id string) error {
	return e.edit(func(names map[string]SlotName) { delete(names, id) })
}

func (e *SlotEditor) edit(fn func(map[string]SlotName)) error {
	var stored []byte
	if err := e.t.queryRow(`SELECT slots FROM pod WHERE n = 1`).Scan(&stored); err != nil {
		return err
	}
	names := make(map[string]SlotName)
	if err := json.Unmarshal(stored, &names); err != nil {
		return err
	}
	fn(names)
	all, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return e.t.exec(`UPDATE pod SET slots = ? WHERE n = 1`, string(all))
}

// EditSlots runs fn in a transaction, which keeps other processes from editing
// at the same time. fn saves the header as its last step: if the process dies
// between that and the commit, the header is one generation ahead of the
// database, which the next opening mends.
func (s *Store) EditSlots(ctx context.Context, fn func(*SlotEditor) error) error {
	return s.transaction(ctx, func(t *tx) error { return fn(&SlotEditor{t}) })
}
