package store

import (
	"context"

	"github.com/locketpod/locket"
)

// provenanceColumns are of changes AS c and principals AS p.
const provenanceColumns = `c.n, c.hlc, c.bypod, coalesce(c.import, ''), coalesce(c.session, ''), coalesce(c.origin, ''), p.id, p.kind, p.name`

// scanProvenance reads what stands before provenanceColumns, and then these.
func scanProvenance(s scanner, before ...any) (locket.Provenance, error) {
	var p locket.Provenance
	var hlc locket.HLC
	var byPod bool
	var author []byte
	var kind locket.PrincipalKind
	err := s.Scan(append(before, &p.Change, &hlc, &byPod, &p.Source.Import, &p.Source.Session, &p.Source.Item, &author, &kind, &p.Name)...)
	p.Time, p.SignedBy, p.Author, p.Trust = hlc.Time(), signatory(byPod), locket.PrincipalID(uuidText(author)), locket.TrustOf(kind, p.Source)
	return p, err
}

// Provenance says of every value of an item that the principal may see who wrote it,
// when, and what it came of.
func (v *View) Provenance(ctx context.Context, id locket.ItemID) (map[string]locket.Provenance, error) {
	if err := v.may(locket.MayRead); err != nil {
		return nil, err
	}
	h, err := v.timeline(ctx, id)
	if err != nil {
		return nil, err
	}
	it, err := v.item(ctx, h.item, v.full)
	if err != nil {
		return nil, err
	}
	known := make(map[int64]locket.Provenance)
	out := make(map[string]locket.Provenance)
	for name := range it.Props {
		n := h.setBy(name)
		p, ok := known[n]
		if !ok {
			p, err = scanProvenance(v.s.db.QueryRowContext(ctx, `SELECT `+provenanceColumns+`
				FROM changes c JOIN principals p ON p.n = c.author WHERE c.n = ?`, n))
			if err != nil {
				return nil, failure("read provenance", err)
			}
			if err := v.bound(ctx, &p); err != nil {
				return nil, err
			}
			known[n] = p
		}
		out[name] = p
	}
	return out, v.saw(ctx, locket.ActionRead, string(id))
}

// bound takes out of p what the principal may not know: how many changes there are, and
// the item that the value was taken from if it is hidden.
func (v *View) bound(ctx context.Context, p *locket.Provenance) error {
	if !v.seesJournal() {
		p.Change = 0
	}
	if p.Source.Item == "" || v.unbounded(locket.MayRead) {
		return nil
	}
	ok, err := v.sees(ctx, v.s.db, p.Source.Item)
	if !ok {
		p.Source.Item = ""
	}
	return err
}

// seesJournal reports whether the principal may know of all that was done in the pod.
func (v *View) seesJournal() bool { return v.unbounded(locket.MayManage) }
