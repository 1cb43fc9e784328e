package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// exchangeRefresh exchanges a refresh token for an access token and the next refresh token.
func (s *Server) exchangeRefresh(ctx context.Context, x *exchange, out *tokens) (err error) {
	if x.form.Get("refresh_token") == "" {
		return invalidRequest("refresh_token is missing")
	}
	if x.ticket, err = parseTicket(refreshPrefix, []byte(x.form.Get("refresh_token"))); err != nil {
		return invalidGrant("this is no refresh token of this server")
	}
	defer x.wipe()
	f := s.families.find(x.authorization)
	if f == nil && x.key != nil {
		return s.resume(ctx, x, out)
	} else if f == nil {
		return invalidGrant("this ended, or the server was restarted since; ask the owner again")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended || !f.redeemed {
		return invalidGrant("this has ended; ask the owner again")
	}
	if !same(x.digest(), f.refresh) {
		return s.end(ctx, f, x.renewer(), "a refresh token was used again")
	}
	if x.client != f.client {
		return s.refuse(ctx, x.renewer(), "the refresh token was given to another client")
	}
	if !within(x.scopes, f.terms.scopes) {
		return invalidScope()
	}
	return s.renew(ctx, f, x, out)
}

// renewer comes with the grant of a refresh token.
func (t *ticket) renewer() pods.Call {
	return pods.Call{Pod: t.grant.Pod, Credential: keyring.Presented{Token: t.grant, Audience: ops.AudienceMCPRefresh}}
}

// keyholder comes with the API key of a refresh token.
func (t *ticket) keyholder() pods.Call { return pods.Call{Pod: t.key.Pod, Credential: t.key} }

// renew gives the next tokens. The refresh token that was shown is replaced, and with it
// the key in it, if there is one.
func (s *Server) renew(ctx context.Context, f *family, x *exchange, out *tokens) error {
	next := newTicket(f.id, f.terms)
	defer next.wipe()
	who := x.renewer()
	if x.key != nil {
		who = x.keyholder()
	}
	err := s.Doer.Visit(ctx, who, func(v *pods.Visit) error {
		if err := f.addAccess(ctx, v, x.scopes, out); err != nil || x.key == nil {
			return err
		}
		return f.renewKey(ctx, v, next)
	})
	if err != nil {
		return err
	}
	f.refresh = next.digest()
	grant := x.grant.Text()
	defer grant.Wipe()
	if next.grant, err = keyring.ParseGrant(grant.Bytes()); err != nil {
		return err
	}
	out.refreshBy(next)
	return nil
}

// renewKey is the last step of an exchange: from then on the key that was shown opens
// nothing.
func (f *family) renewKey(ctx context.Context, v *pods.Visit, t *ticket) (err error) {
	f.slot, t.key, err = v.RenewKey(ctx)
	return err
}

// resume goes on with an authorization of a process that has ended, by the agent's key.
func (s *Server) resume(ctx context.Context, x *exchange, out *tokens) error {
	client := clientHash(x.client)
	if subtle.ConstantTimeCompare(client[:], x.terms.client[:]) != 1 {
		return s.refuse(ctx, x.keyholder(), "the refresh token was given to another client")
	}
	if !within(x.terms.scopes, allScopes()) || len(x.terms.scopes) == 0 || !within(x.scopes, x.terms.scopes) {
		return invalidScope()
	}
	next := newTicket(newID(), x.terms)
	defer next.wipe()
	f := &family{id: next.authorization, client: strings.Clone(x.client), pod: x.key.Pod, terms: x.terms, ends: s.Now().Add(refreshLife), redeemed: true, refresh: next.digest()}
	if err := s.families.add(f); err != nil {
		return err
	}
	err := s.Doer.Visit(ctx, x.keyholder(), func(v *pods.Visit) error {
		if err := f.addRenewal(ctx, v, next); err != nil {
			return err
		}
		if err := f.addAccess(ctx, v, x.scopes, out); err != nil {
			return err
		}
		return f.renewKey(ctx, v, next)
	})
	if err != nil {
		s.families.drop(f)
		return err
	}
	out.refreshBy(next)
	return nil
}

func allScopes() []string {
	var out []string
	for _, s := range ops.Scopes() {
		out = append(out, s.Name)
	}
	return out
}

// end ends all that an authorization has given, since something of it is in the wrong
// hands, and says so in the journal. Whose credential opens nothing ends nothing.
func (s *Server) end(ctx context.Context, f *family, who pods.Call, why string) error {
	err := s.Doer.Visit(ctx, who, func(v *pods.Visit) error {
		if err := f.close(ctx, v); err != nil {
			return err
		}
		return refusal(ctx, v, why)
	})
	if errors.Is(err, errRefused) {
		return invalidGrant(why + "; all that was given with it has ended")
	}
	return err
}

// close ends the grants and the key of an authorization.
func (f *family) close(ctx context.Context, v *pods.Visit) error {
	if err := endGrants(ctx, v, append(slices.Clone(f.access), f.renewal)); err != nil {
		return err
	}
	if f.slot != "" {
		if err := v.Keys().Revoke(ctx, f.slot); err != nil && locket.CodeOf(err) != locket.CodeNotFound {
			return err
		}
	}
	f.ended, f.access, f.slot = true, nil, ""
	return nil
}

// refuse says in the journal that an agent was refused, and changes nothing else.
func (s *Server) refuse(ctx context.Context, who pods.Call, why string) error {
	err := s.Doer.Visit(ctx, who, func(v *pods.Visit) error { return refusal(ctx, v, why) })
	if errors.Is(err, errRefused) {
		return invalidGrant(why)
	}
	return err
}

var errRefused = errors.New("oauth: refused")

// refusal writes a refusal into the journal. Its error is errRefused, then.
func refusal(ctx context.Context, v *pods.Visit, why string) error {
	return v.View.Serve(ctx, store.Request{Op: "oauth.token", Asked: why}, func(context.Context) error {
		return locket.Errorf(locket.CodeDenied, "%s", why).Because(errRefused)
	})
}
