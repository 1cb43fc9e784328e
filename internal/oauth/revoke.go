package oauth

import (
	"context"
	"net/http"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// revoke ends a token at its holder's wish (RFC 7009): an access token alone, a refresh
// token with all of its authorization. One that opens nothing is ended already.
func (s *Server) revoke(r *http.Request, failed func()) (any, int, error) {
	form, err := readForm(r)
	if err != nil {
		return nil, 0, err
	}
	text, err := one(form, "token")
	if err != nil {
		return nil, 0, err
	}
	if text == "" {
		return nil, 0, invalidRequest("token is missing")
	}
	ctx, cancel := context.WithTimeout(r.Context(), visitTime)
	defer cancel()
	if strings.HasPrefix(text, refreshPrefix) {
		err = s.revokeRefresh(ctx, text, form.Get("client_id"))
	} else {
		err = s.revokeAccess(ctx, text)
	}
	switch code := locket.CodeOf(err); code {
	case locket.CodeUnauthenticated, locket.CodeExpired:
		failed()
		err = nil
	}
	return struct{}{}, http.StatusOK, err
}

func (s *Server) revokeAccess(ctx context.Context, text string) error {
	t, err := keyring.ParseGrant([]byte(text))
	if err != nil {
		return err
	}
	defer t.Wipe()
	who := pods.Call{Pod: t.Pod, Credential: keyring.Presented{Token: t, Audience: ops.AudienceMCP}}
	return s.Doer.Visit(ctx, who, func(v *pods.Visit) error {
		_, err := v.View.Write(ctx, func(w *store.Writer) error { return w.EndOwnGrant() })
		return err
	})
}

func (s *Server) revokeRefresh(ctx context.Context, text, client string) error {
	t, err := parseTicket(refreshPrefix, []byte(text))
	if err != nil {
		return nil // it is no token, so it is none that still opens something
	}
	defer t.wipe()
	if clientHash(client) != t.terms.client {
		return invalidClient("the token was given to another client")
	}
	f := s.families.find(t.authorization)
	who := t.renewer()
	if t.key != nil {
		who = t.keyholder()
	}
	if f == nil {
		if t.key == nil {
			return nil
		}
		return s.Doer.Visit(ctx, who, func(v *pods.Visit) error { return v.Keys().Revoke(ctx, t.key.Slot.String()) })
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return nil
	}
	return s.Doer.Visit(ctx, who, func(v *pods.Visit) error { return f.close(ctx, v) })
}
