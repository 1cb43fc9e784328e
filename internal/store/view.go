package store

import (
	"context"
	"crypto"
	"sync"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A View is what one principal may see and do in one open pod. It is the only
// door to a pod's data, and is valid until the function it was handed to
// returns. Safe for concurrent use.
type View struct {
	s          *Store
	who        principal
	access     *policy.Access
	signer     crypto.Signer // the principal's own; nil: the pod signs
	source     locket.Source
	grant      []byte  // id of the grant it came of; nil: none
	narrowed   bool    // that grant has a policy of its own
	bounds     string  // which is this, as JSON
	generation int64   // the header's, as the database has it
	recorded   bool    // what it reads is an entry of the journal
	review     *review // of what waits for the owner; nil for all others

	mu    sync.Mutex
	types catalog // what may be seen of the types; guarded by mu, nil until first needed
	full  catalog // all types, to read rows with; guarded by mu with types
	kept  keptSet // of the last recall; guarded by mu
}

// Principal returns who acts through the view.
func (v *View) Principal() locket.Principal {
	return locket.Principal{ID: locket.PrincipalID(uuidText(v.who.id)), Kind: v.who.kind, Name: v.who.name, State: v.who.state}
}

// Owner reports whether the view is the owner's own, without bounds.
func (v *View) Owner() bool { return v.who.kind == locket.KindOwner && v.access.Whole() }

// Generation returns the generation that the header must have.
func (v *View) Generation() int64 { return v.generation }

func (v *View) catalog(ctx context.Context) (catalog, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.types == nil {
		c, err := loadCatalog(ctx, v.s.db)
		if err != nil {
			return nil, failure("read types", err)
		}
		v.types, v.full = c, c
	}
	return v.types, nil
}

// Types returns the types that the principal may know of, built-in and added,
// sorted by name.
func (v *View) Types(ctx context.Context) ([]locket.Type, error) {
	c, err := v.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return c.all(), nil
}

// Get returns one item. A deleted one is returned as such; an erased one, and one
// that the principal may not see, is not found.
func (v *View) Get(ctx context.Context, id locket.ItemID) (locket.Item, error) {
	if err := v.may(locket.MayRead); err != nil {
		return locket.Item{}, err
	}
	b, err := itemID(id)
	if err != nil {
		return locket.Item{}, err
	}
	f := v.visible("i", locket.MayRead)
	var types []byte
	r, err := scanItem(v.s.db.QueryRowContext(ctx, `SELECT `+itemColumns+`, pod.types
		FROM items i JOIN pod ON pod.n = 1 WHERE i.id = ? AND `+f.sql, append([]any{b}, f.args...)...), &types)
	if err != nil {
		return locket.Item{}, itemFailure(err)
	}
	c, err := catalogWith(types)
	if err != nil {
		return locket.Item{}, failure("read types", err)
	}
	it, err := v.item(ctx, r, c)
	if err != nil {
		return locket.Item{}, err
	}
	return it, v.saw(ctx, locket.ActionRead, string(it.ID))
}

// item is what the principal may see of a row that it may read.
func (v *View) item(ctx context.Context, r *itemRow, full catalog) (locket.Item, error) {
	t, err := full.get(r.typ)
	if err != nil {
		return locket.Item{}, err
	}
	props, err := decodeStored(t, r.props)
	if err != nil {
		return locket.Item{}, err
	}
	if !v.access.Whole() {
		may := v.access.Properties(locket.MayRead, r.facts(props))
		for name := range props {
			if !may.Has(name) {
				delete(props, name)
			}
		}
		if err := v.dropReferences(ctx, t, props); err != nil {
			return locket.Item{}, err
		}
	}
	return r.present(t, props), nil
}

// dropReferences removes references to items that the principal may not see.
func (v *View) dropReferences(ctx context.Context, t *locket.Type, props map[string]any) error {
	for name, value := range props {
		if p, _ := t.Property(name); p.Kind != locket.Reference {
			continue
		}
		var left []any
		for _, id := range each(value) {
			ok, err := v.sees(ctx, v.s.db, locket.ItemID(id.(string)))
			if err != nil {
				return err
			}
			if ok {
				left = append(left, id)
			}
		}
		_, many := value.([]any)
		switch {
		case len(left) == 0:
			delete(props, name)
		case many:
			props[name] = left
		}
	}
	return nil
}

// sees reports whether an item is there and may be read.
func (v *View) sees(ctx context.Context, q querier, id locket.ItemID) (bool, error) {
	b, ok := uuidBytes(string(id))
	if !ok {
		return false, nil
	}
	f := v.visible("i", locket.MayRead)
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM items i WHERE i.id = ? AND `+f.sql, append([]any{b}, f.args...)...).Scan(&n)
	return n > 0, failure("read item", err)
}

// CheckIntegrity reads and verifies every page and index. It returns what is
// wrong, one line each, little more than 100.
func (v *View) CheckIntegrity(ctx context.Context) ([]string, error) {
	if err := v.mayAll(locket.MayManage); err != nil {
		return nil, err
	}
	rows, err := v.s.db.QueryContext(ctx, `PRAGMA integrity_check(100)`)
	if err != nil {
		return nil, failure("check integrity", err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, failure("check integrity", err)
		}
		if line != "ok" {
			found = append(found, line)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, failure("check integrity", err)
	}
	vectors, err := v.checkVectors(ctx)
	return append(found, vectors...), failure("check integrity", err)
}
