package store

import (
	"context"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A Decision says whether a principal may do something with an item, and by which
// rules of which policy.
type Decision struct {
	Permission locket.Permission `json:"permission"`
	Permitted  bool              `json:"permitted"`
	Review     bool              `json:"review,omitempty"`     // it is permitted once the owner has approved it
	Rules      []string          `json:"rules,omitempty"`      // that permit it, or do then; none if it is not
	Properties []string          `json:"properties,omitempty"` // those of the item for which it is permitted, if not for all
}

// Decide says what a principal that the view manages may do with an item that the
// view may read. A paused principal is decided about as if it were not.
func (v *View) Decide(ctx context.Context, who locket.PrincipalID, id locket.ItemID) ([]Decision, error) {
	if err := v.may(locket.MayManage); err != nil {
		return nil, err
	}
	h, err := v.timeline(ctx, id)
	if err != nil {
		return nil, err
	}
	access, err := v.accessOf(ctx, who)
	if err != nil {
		return nil, err
	}
	facts := h.item.facts(h.props)
	var out []Decision
	for _, p := range locket.Permissions() {
		d := Decision{Permission: p, Rules: access.Deciding(p, facts)}
		d.Permitted = len(d.Rules) > 0
		props := access.Properties(p, facts)
		if !d.Permitted {
			approved := access.Approved()
			d.Rules, props = approved.Deciding(p, facts), approved.Properties(p, facts)
			d.Review = len(d.Rules) > 0
		}
		if len(d.Rules) > 0 && !props.All() {
			for name := range h.props {
				if props.Has(name) {
					d.Properties = append(d.Properties, name)
				}
			}
			slices.Sort(d.Properties)
		}
		out = append(out, d)
	}
	return out, nil
}

// accessOf is what a principal that the view manages may do.
func (v *View) accessOf(ctx context.Context, who locket.PrincipalID) (*policy.Access, error) {
	all, err := v.allPrincipals(ctx, v.s.db)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p principalRow) bool { return p.principal.ID == who })
	if i < 0 || !v.manages(all, all[i].n) {
		return nil, notFound("principal")
	}
	full, err := loadCatalog(ctx, v.s.db)
	if err != nil {
		return nil, failure("read types", err)
	}
	access := policy.Everything()
	for n := all[i].n; n != ownerNumber; {
		j := slices.IndexFunc(all, func(p principalRow) bool { return p.n == n })
		access = access.Meet(policy.Compile(*all[j].principal.Policy, full, v.s.now()))
		n = all[j].maker
	}
	return access, nil
}

// As is what somebody would see whose policy were p and whom the view's principal had
// made. Nothing can be written through it that the principal could not write.
func (v *View) As(ctx context.Context, p locket.Policy) (*View, error) {
	if err := v.may(locket.MayManage); err != nil {
		return nil, err
	}
	full, err := loadCatalog(ctx, v.s.db)
	if err != nil {
		return nil, failure("read types", err)
	}
	known := full
	if !v.access.Whole() {
		known = shown(full, v.access)
	}
	if err := policy.Check(p, known); err != nil {
		return nil, err
	}
	access := v.access.Meet(policy.Compile(p, full, v.s.now()))
	return &View{
		s: v.s, who: v.who, access: access, signer: v.signer, source: v.source, generation: v.generation, recorded: v.recorded,
		full: full, types: shown(full, access),
	}, nil
}
