package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// tokens is the answer of RFC 6749 §5.1.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Seconds int64  `json:"expires_in"`
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
}

// An exchange is a request for tokens, by a ticket.
type exchange struct {
	*ticket
	form   url.Values
	client string // id
	issuer string
	scopes []string // asked for; nil: all that there are
}

// token answers requests at the token endpoint.
func (s *Server) token(r *http.Request, failed func()) (any, int, error) {
	form, err := readForm(r)
	if err != nil {
		return nil, 0, err
	}
	x := exchange{form: form}
	if x.issuer, err = s.issuer(r); err != nil {
		return nil, 0, invalidRequest("this server does not know its own URL")
	}
	ctx, cancel := context.WithTimeout(r.Context(), visitTime)
	defer cancel()
	kind, err := s.readExchange(&x, r)
	if err != nil {
		return nil, 0, err
	}
	var out tokens
	switch kind {
	case "authorization_code":
		err = s.exchangeCode(ctx, &x, &out)
	case "refresh_token":
		err = s.exchangeRefresh(ctx, &x, &out)
	default:
		return nil, 0, bad("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
	}
	if f := failureOf(err); err != nil && f.Code == "invalid_grant" {
		failed()
	}
	return out, http.StatusOK, err
}

// readForm reads the form of a request that a public client sends.
func readForm(r *http.Request) (url.Values, error) {
	if r.Header.Get("Authorization") != "" {
		return nil, invalidClient("clients have no secret here; send client_id alone")
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("the body must be a form: application/x-www-form-urlencoded")
	}
	body, err := readBody(r)
	defer clear(body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalidRequest("the form is malformed")
	}
	if form.Has("client_secret") || form.Has("client_assertion") {
		return nil, invalidClient("clients have no secret here; send client_id alone")
	}
	return form, nil
}

// readExchange reads what both kinds of request have, and checks who asks.
func (s *Server) readExchange(x *exchange, r *http.Request) (kind string, err error) {
	values := make(map[string]string)
	for _, name := range []string{"grant_type", "client_id", "resource", "scope", "code", "redirect_uri", "code_verifier", "refresh_token"} {
		if values[name], err = one(x.form, name); err != nil {
			return "", err
		}
	}
	if values["grant_type"] == "" {
		return "", invalidRequest("grant_type is missing")
	}
	x.client = values["client_id"]
	if x.client == "" {
		return "", invalidRequest("client_id is missing")
	}
	if _, err := s.client(r.Context(), x.client); err != nil {
		return "", err
	}
	if !isResource(values["resource"], x.issuer) {
		return "", invalidTarget()
	}
	if values["scope"] != "" {
		var ok bool
		if x.scopes, ok = readScopes(values["scope"], nil); !ok {
			return "", invalidScope()
		}
	}
	return values["grant_type"], nil
}

// exchangeCode exchanges a code for the first tokens.
func (s *Server) exchangeCode(ctx context.Context, x *exchange, out *tokens) (err error) {
	verifier := x.form.Get("code_verifier")
	switch {
	case x.form.Get("code") == "":
		return invalidRequest("code is missing")
	case verifier == "":
		return invalidRequest("code_verifier is missing")
	case !isVerifier(verifier):
		return invalidRequest("code_verifier has 43 to 128 of the characters A-Z a-z 0-9 - . _ ~")
	}
	if x.ticket, err = parseTicket(codePrefix, []byte(x.form.Get("code"))); err != nil {
		return invalidGrant("this is no code of this server")
	}
	defer x.wipe()
	f := s.families.find(x.authorization)
	if f == nil {
		return invalidGrant("the code is unknown or has run out")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !same(x.digest(), f.code) || f.ended {
		return invalidGrant("the code is unknown or has run out")
	}
	who := pods.Call{Pod: x.grant.Pod, Credential: keyring.Presented{Token: x.grant, Audience: audienceCode}}
	if f.redeemed {
		return s.end(ctx, f, who, "a code was used again")
	}
	if why := s.mismatch(f, x, verifier); why != "" {
		return s.refuse(ctx, who, why)
	}
	return s.begin(ctx, f, who, x, out)
}

// mismatch says what is wrong with the exchange of a code that is genuine.
func (s *Server) mismatch(f *family, x *exchange, verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case !s.Now().Before(f.codeEnds):
		return "the code has run out"
	case x.client != f.client:
		return "the code was given to another client"
	case x.form.Has("redirect_uri") && x.form.Get("redirect_uri") != f.redirect:
		return "redirect_uri is not the one that the code was asked for with"
	case subtle.ConstantTimeCompare([]byte(challenge), []byte(f.challenge)) != 1:
		return "code_verifier does not fit the code_challenge"
	}
	return ""
}

// isVerifier tells what RFC 7636 §4.1 takes.
func isVerifier(s string) bool {
	return len(s) >= 43 && len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~", c)
	})
}

// begin gives the first tokens of an authorization.
func (s *Server) begin(ctx context.Context, f *family, who pods.Call, x *exchange, out *tokens) error {
	if !within(x.scopes, f.terms.scopes) {
		return invalidScope()
	}
	next := newTicket(f.id, f.terms)
	defer next.wipe()
	if f.key != nil {
		key, err := f.takeKey(x.ticket)
		if err != nil {
			return err
		}
		next.key = key
	}
	err := s.Doer.Visit(ctx, who, func(v *pods.Visit) error {
		if err := f.addRenewal(ctx, v, next); err != nil {
			return err
		}
		return f.addAccess(ctx, v, x.scopes, out)
	})
	if err != nil {
		return err
	}
	f.redeemed, f.refresh, f.key = true, next.digest(), nil
	out.refreshBy(next)
	return nil
}

// addRenewal makes the grant that is in the refresh tokens of an authorization. It does
// nothing but open the pod for the next exchange, so it is not narrowed: who is could
// not make grants.
func (f *family) addRenewal(ctx context.Context, v *pods.Visit, t *ticket) error {
	g, token, err := v.Grant(ctx, pods.GrantRequest{Audience: ops.AudienceMCPRefresh, Life: refreshLife})
	if err != nil {
		return err
	}
	f.renewal, t.grant = g.ID, token
	return nil
}

// addAccess makes an access token, and ends the oldest if there are many.
func (f *family) addAccess(ctx context.Context, v *pods.Visit, scopes []string, out *tokens) error {
	if scopes == nil {
		scopes = f.terms.scopes
	}
	may, scopes, err := narrowed(ctx, v, f.terms, scopes)
	if err != nil {
		return err
	}
	old := f.tooMuch()
	if err := endGrants(ctx, v, old); err != nil {
		return err
	}
	g, token, err := v.Grant(ctx, pods.GrantRequest{Audience: ops.AudienceMCP, Policy: may, Life: accessLife})
	if err != nil {
		return err
	}
	defer token.Wipe()
	text := token.Text()
	defer text.Wipe()
	f.access = append(f.access[len(old):], g.ID)
	*out = tokens{Access: string(text.Bytes()), Type: "Bearer", Seconds: int64(accessLife / time.Second), Scope: scopeText(scopes)} // about to be shown
	return nil
}

func (out *tokens) refreshBy(t *ticket) {
	text := t.text(refreshPrefix)
	defer text.Wipe()
	out.Refresh = string(text.Bytes()) // about to be shown
}

// within tells whether all scopes that are asked for, if any are, were agreed to.
func within(asked, agreed []string) bool {
	return !slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(agreed, s) })
}

// endGrants ends those grants that there still are.
func endGrants(ctx context.Context, v *pods.Visit, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := v.View.Write(ctx, func(w *store.Writer) error {
		for _, id := range ids {
			if err := w.EndGrant(id); err != nil && locket.CodeOf(err) != locket.CodeNotFound {
				return err
			}
		}
		return nil
	})
	return err
}
