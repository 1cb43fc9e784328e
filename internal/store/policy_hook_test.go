package store

import (
	"context"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// Under is what v's principal would see if all of the policies bounded it. Unlike As it
// takes policies that nobody could be given: of types that are gone, and with tests that
// never hold.
func Under(ctx context.Context, v *View, ps ...locket.Policy) (*View, *policy.Access, error) {
	full, err := loadCatalog(ctx, v.s.db)
	if err != nil {
		return nil, nil, err
	}
	access := policy.Everything()
	for _, p := range ps {
		access = access.Meet(policy.Compile(p, full, v.s.now()))
	}
	return &View{s: v.s, who: v.who, access: access, full: full, types: shown(full, access)}, access, nil
}
