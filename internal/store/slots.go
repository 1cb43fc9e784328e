package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// A SlotName is what the owner calls a slot of the header, which itself holds
// random ids only, and whom it lets in.
type SlotName struct {
	Name      string    `json:"name"`
	About     string    `json:"about,omitempty"` // what else is to be known of it: of shares, who holds them
	Created   time.Time `json:"created"`
	Principal int64     `json:"principal"` // principals.n

	Who     locket.PrincipalID `json:"-"`
	WhoName string             `json:"-"`
}

// Slots returns the header's slots by slot id: those that let in the principal itself,
// and those whom it manages.
func (v *View) Slots(ctx context.Context) (map[string]SlotName, error) {
	names, err := readSlots(v.s.db.QueryRowContext(ctx, `SELECT slots FROM pod WHERE n = 1`))
	if err != nil {
		return nil, err
	}
	all, err := v.allPrincipals(ctx, v.s.db)
	if err != nil {
		return nil, err
	}
	for id, s := range names {
		i := slices.IndexFunc(all, func(p principalRow) bool { return p.n == s.Principal })
		if i < 0 || s.Principal != v.who.n && (!v.access.May(locket.MayManage) || !v.manages(all, s.Principal)) {
			delete(names, id)
			continue
		}
		s.Who, s.WhoName = all[i].principal.ID, all[i].principal.Name
		names[id] = s
	}
	return names, nil
}

func readSlots(row scanner) (map[string]SlotName, error) {
	var stored []byte
	if err := row.Scan(&stored); err != nil {
		return nil, failure("read slots", err)
	}
	names := make(map[string]SlotName)
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

// A SlotEditor changes what the database knows of the header's slots, together with
// whatever else its Writer does.
type SlotEditor struct{ *Writer }

// SetGeneration notes the generation of the header that is being saved.
func (e *SlotEditor) SetGeneration(g int64) error {
	return e.exec(`UPDATE pod SET generation = ? WHERE n = 1`, g)
}

// Name gives a new slot its name and says whom it lets in: "" is the writer itself.
// about may be empty.
func (e *SlotEditor) Name(id, name, about string, who locket.PrincipalID) error {
	if err := checkSlotName(name, about); err != nil {
		return err
	}
	if who == "" {
		who = locket.PrincipalID(uuidText(e.v.who.id))
	}
	r, err := e.managed(who)
	if err != nil {
		return err
	}
	if err := e.mayLetIn(r); err != nil {
		return err
	}
	if r.principal.State == locket.StateRevoked {
		return locket.Errorf(locket.CodeConflict, "%s was revoked, for good; add another principal instead", r.principal.Name)
	}
	err = e.edit(func(names map[string]SlotName) {
		names[id] = SlotName{Name: name, About: about, Created: e.now().UTC(), Principal: r.n}
	})
	if err != nil {
		return err
	}
	return e.noteName(id, name, about, who)
}

const maxAbout = 500 // characters

func checkSlotName(name, about string) error {
	if name == "" || len(name) > maxName || len(about) > maxAbout {
		return locket.Errorf(locket.CodeInvalid, "a key needs a name of 1 to %d characters", maxName)
	}
	return nil
}

func (e *SlotEditor) noteName(id, name, about string, who locket.PrincipalID) error {
	props := map[string]any{"slot": id, "name": name, "principal": string(who)}
	if about != "" {
		props["about"] = about
	}
	return e.manage(locket.ActionKey, props)
}

// Forget drops the name of a slot that is being removed. One that has none, because of a
// crash between header and database, is for the owner to end.
func (e *SlotEditor) Forget(id string) error {
	_, err := e.own(id)
	if unnamed := locket.CodeOf(err) == locket.CodeNotFound; err != nil && !(unnamed && e.v.Owner()) {
		return err
	}
	if err := e.edit(func(names map[string]SlotName) { delete(names, id) }); err != nil {
		return err
	}
	return e.manage(locket.ActionKeyEnd, map[string]any{"slot": id})
}

// own returns a slot whose name the writer may change: one that lets in the writer, or a
// principal that it manages. One without a name, which a crash has left in the header, is
// the owner's.
func (e *SlotEditor) own(id string) (SlotName, error) {
	names, err := readSlots(e.queryRow(`SELECT slots FROM pod WHERE n = 1`))
	if err != nil {
		return SlotName{}, err
	}
	all, err := e.v.allPrincipals(e.ctx, e.conn)
	if err != nil {
		return SlotName{}, err
	}
	s, named := names[id]
	if !named && e.v.Owner() {
		return s, nil
	}
	i := slices.IndexFunc(all, func(p principalRow) bool { return p.n == s.Principal })
	if i < 0 || s.Principal != e.v.who.n && (!e.v.access.May(locket.MayManage) || !e.v.manages(all, s.Principal)) {
		return SlotName{}, notFound("key")
	} else if s.Principal == ownerNumber && !e.v.Owner() {
		return SlotName{}, locket.Errorf(locket.CodeDenied, "only the owner may change or end the owner's keys")
	}
	s.Who = all[i].principal.ID
	return s, nil
}

// Rename gives a slot another name.
func (e *SlotEditor) Rename(id, name string) error {
	s, err := e.own(id)
	if err != nil {
		return err
	}
	if s.Who == "" {
		return notFound("key")
	}
	if err := checkSlotName(name, s.About); err != nil {
		return err
	}
	s.Name = name
	if err := e.edit(func(names map[string]SlotName) { names[id] = s }); err != nil {
		return err
	}
	return e.noteName(id, name, s.About, s.Who)
}

// Replace puts a new slot in the place of one that lets in the writer.
func (e *SlotEditor) Replace(old, id string) error {
	s, err := e.own(old)
	if err != nil {
		return err
	}
	if s.Principal != e.v.who.n {
		return notFound("key")
	}
	s.Created = e.now().UTC()
	if err := e.edit(func(names map[string]SlotName) { delete(names, old); names[id] = s }); err != nil {
		return err
	}
	if err := e.manage(locket.ActionKeyEnd, map[string]any{"slot": old}); err != nil {
		return err
	}
	return e.noteName(id, s.Name, s.About, s.Who)
}

// OwnerSlots returns the slots that let in the owner.
func (e *SlotEditor) OwnerSlots() ([]string, error) { return e.slotsOf(ownerNumber) }

// SlotsOf returns the slots that let in a principal.
func (e *SlotEditor) SlotsOf(who locket.PrincipalID) ([]string, error) {
	r, err := e.managed(who)
	if err != nil {
		return nil, err
	}
	return e.slotsOf(r.n)
}

func (e *SlotEditor) slotsOf(n int64) ([]string, error) {
	names, err := readSlots(e.queryRow(`SELECT slots FROM pod WHERE n = 1`))
	if err != nil {
		return nil, err
	}
	var ids []string
	for id, s := range names {
		if s.Principal == n {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (e *SlotEditor) edit(fn func(map[string]SlotName)) error {
	names, err := readSlots(e.queryRow(`SELECT slots FROM pod WHERE n = 1`))
	if err != nil {
		return err
	}
	fn(names)
	all, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return e.exec(`UPDATE pod SET slots = ? WHERE n = 1`, string(all))
}

// EditSlots runs fn in a transaction, which keeps other processes from editing
// at the same time. fn saves the header as its last step: if the process dies
// between that and the commit, the header is one generation ahead of the
// database, which the next opening mends.
func (v *View) EditSlots(ctx context.Context, fn func(*SlotEditor) error) error {
	_, err := v.Write(ctx, func(w *Writer) error { return fn(&SlotEditor{w}) })
	return err
}
