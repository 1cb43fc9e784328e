package pods

import (
	"context"
	"slices"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/store"
)

// AddPrincipal makes a principal and an API key for it, both or neither. The receiver
// wipes the token, which can't be had again.
func (k *Keys) AddPrincipal(ctx context.Context, p locket.Principal) (made locket.Principal, id string, token *keyring.Token, err error) {
	err = k.change(ctx, func() (err error) {
		if made, err = k.edit.AddPrincipal(p); err != nil {
			return err
		}
		id, token, err = k.addAPIKey(made.Name, made.ID)
		return err
	})
	if err != nil && token != nil {
		token.Wipe()
		token = nil
	}
	return made, id, token, err
}

// RevokePrincipal ends a principal for good, with its keys and its grants.
func (k *Keys) RevokePrincipal(ctx context.Context, who locket.PrincipalID) (p locket.Principal, err error) {
	err = k.change(ctx, func() error {
		revoked := locket.StateRevoked
		if p, err = k.edit.ChangePrincipal(who, store.PrincipalChange{State: &revoked}); err != nil {
			return err
		}
		slots, err := k.edit.SlotsOf(who)
		if err != nil {
			return err
		}
		for _, s := range k.header.Slots() {
			if !slices.Contains(slots, s.ID.String()) {
				continue
			}
			if err := k.remove(s.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}
