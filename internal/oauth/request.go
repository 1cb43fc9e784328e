package oauth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

const (
	maxState = 2 << 10 // bytes
	maxQuery = 12 << 10
)

// A request is an authorization request that is in order (OAuth 2.1 §4.1.1).
type request struct {
	issuer    string
	client    Client
	asked     string   // the redirect URI as it was asked for; "": the only one
	redirect  *url.URL // where to answer
	state     string
	challenge string
	scopes    []string
}

// readRequest checks an authorization request. As long as it is not known where to
// answer, its errors are to be shown; later ones are a [failure] to be sent there.
func (s *Server) readRequest(r *http.Request) (req request, err error) {
	if req.issuer, err = s.issuer(r); err != nil {
		return req, err
	}
	if len(r.URL.RawQuery) > maxQuery {
		return req, locket.Errorf(locket.CodeTooLarge, "the request is too long")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return req, locket.Errorf(locket.CodeInvalid, "the part of the URL after ? is malformed")
	}
	if err := s.readClient(r, query, &req); err != nil {
		return req, err
	}
	return req, req.read(query)
}

// readClient finds out who asks and where to answer.
func (s *Server) readClient(r *http.Request, query url.Values, req *request) error {
	id, err := one(query, "client_id")
	if err != nil || id == "" {
		return locket.Errorf(locket.CodeInvalid, "client_id must be given once")
	}
	if req.client, err = s.client(r.Context(), id); err != nil {
		if f, ok := errors.AsType[*failure](err); ok {
			return locket.Errorf(locket.CodeInvalid, "%s", f.Text)
		}
		return err
	}
	if req.asked, err = one(query, "redirect_uri"); err != nil {
		return locket.Errorf(locket.CodeInvalid, "redirect_uri is given twice")
	}
	redirect, err := req.client.redirect(req.asked)
	req.redirect = redirect
	return err
}

// read reads the rest. From here on there is somebody to answer.
func (req *request) read(query url.Values) error {
	values := make(map[string]string)
	for _, name := range []string{"state", "response_type", "response_mode", "code_challenge", "code_challenge_method", "resource", "scope", "request", "request_uri"} {
		v, err := one(query, name)
		if err != nil {
			return err
		}
		values[name] = v
	}
	if len(values["state"]) > maxState {
		return invalidRequest("the state is longer than 2048 bytes")
	}
	req.state = values["state"]
	switch {
	case values["request"] != "":
		return bad("request_not_supported", "")
	case values["request_uri"] != "":
		return bad("request_uri_not_supported", "")
	case values["response_type"] == "":
		return invalidRequest("response_type is missing")
	case values["response_type"] != "code":
		return bad("unsupported_response_type", "response_type must be code")
	case values["response_mode"] != "" && values["response_mode"] != "query":
		return invalidRequest("response_mode must be query")
	case values["code_challenge"] == "":
		return invalidRequest("code_challenge is missing: PKCE is required")
	case values["code_challenge_method"] != "S256": // absent means plain
		return invalidRequest("code_challenge_method must be S256")
	case !isChallenge(values["code_challenge"]):
		return invalidRequest("code_challenge is no base64url of a SHA-256 hash")
	case !isResource(values["resource"], req.issuer):
		return invalidTarget()
	}
	req.challenge = values["code_challenge"]
	var ok bool
	req.scopes, ok = readScopes(values["scope"], ops.UsualScopes())
	if !ok {
		return invalidScope()
	}
	return nil
}

func isChallenge(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == 32
}

// isResource takes the one resource that there is, and who names none.
func isResource(text, issuer string) bool {
	return text == "" || text == resource(issuer)
}

// readScopes reads a list of scopes, each of which exists; absent means the usual ones.
// offline_access, which some clients add, says nothing here.
func readScopes(text string, usual []string) ([]string, bool) {
	var asked []string
	for name := range strings.FieldsSeq(text) {
		if name != "offline_access" {
			asked = append(asked, name)
		}
	}
	if len(asked) == 0 {
		return usual, true
	}
	var out []string
	for _, s := range ops.Scopes() {
		if slices.Contains(asked, s.Name) {
			out = append(out, s.Name)
		}
	}
	for _, name := range asked {
		if !slices.Contains(out, name) {
			return nil, false
		}
	}
	return out, true
}

// answer is the URL that sends the browser back with the parameters and the issuer
// (RFC 9207).
func (req *request) answer(params url.Values) string {
	u := *req.redirect
	q := u.Query()
	for name, v := range params {
		q[name] = v
	}
	if req.state != "" {
		q.Set("state", req.state)
	}
	q.Set("iss", req.issuer)
	u.RawQuery = q.Encode()
	return u.String()
}

// failed is the answer to a request that fails.
func (req *request) failed(f *failure) string {
	p := url.Values{"error": {f.Code}}
	if f.Text != "" {
		p.Set("error_description", f.Text)
	}
	return req.answer(p)
}
