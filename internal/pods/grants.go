package pods

import (
	"context"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/store"
)

// maxGrantLife bounds how long a grant can last.
const maxGrantLife = 90 * 24 * time.Hour

// A GrantRequest says what a grant is to permit. Principal "" is the visitor; a Policy
// narrows what the principal may do.
type GrantRequest struct {
	Principal locket.PrincipalID
	Audience  string
	Policy    *locket.Policy
	Life      time.Duration
}

// Grant makes a grant. The receiver wipes the token, which can't be had again.
func (v *Visit) Grant(ctx context.Context, r GrantRequest) (store.Grant, *keyring.GrantToken, error) {
	var made store.Grant
	if v.f.opts.Sealer == nil {
		return made, nil, locket.Errorf(locket.CodeUnsupported, "sessions and grants live in a server; use --server")
	}
	if r.Life <= 0 || r.Life > maxGrantLife {
		return made, nil, locket.Errorf(locket.CodeInvalid, "a grant lasts at most %d days", maxGrantLife/(24*time.Hour))
	}
	g := keyring.Grant{ID: keyring.NewGrantID(), Pod: v.use.pod, Audience: r.Audience, Expires: v.f.opts.Now().Add(r.Life)}
	var token *keyring.GrantToken
	_, err := v.View.Write(ctx, func(w *store.Writer) (err error) {
		made, err = w.AddGrant(g.ID[:], store.Grant{Principal: r.Principal, Audience: r.Audience, Policy: r.Policy, Expires: g.Expires})
		if err != nil {
			return err
		}
		g.Principal = made.Principal
		token, err = v.f.opts.Sealer.Seal(g, v.use.key)
		return err
	})
	if err != nil && token != nil {
		token.Wipe()
		token = nil
	}
	return made, token, err
}
