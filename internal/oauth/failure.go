package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/locketpod/locket"
)

// A failure is an error of RFC 6749 §5.2, RFC 7591 §3.2.2 or RFC 8707 §2.
type failure struct {
	status int
	Code   string `json:"error"`
	Text   string `json:"error_description,omitempty"` // printable ASCII without " and \, as RFC 6749 wants it
}

func (f *failure) Error() string { return "oauth: " + f.Code + ": " + f.Text }

func bad(code, text string) *failure { return &failure{http.StatusBadRequest, code, text} }

func invalidRequest(text string) *failure { return bad("invalid_request", text) }
func invalidGrant(text string) *failure   { return bad("invalid_grant", text) }
func invalidScope() *failure {
	return bad("invalid_scope", "a scope is unknown, or more than was asked for at first")
}

func invalidTarget() *failure { return bad("invalid_target", "the resource is not this server's /mcp") }

func invalidClient(text string) *failure {
	return &failure{http.StatusUnauthorized, "invalid_client", text}
}

// failureOf says what went wrong in a pod without telling what is in it. A credential
// that opens nothing any more, for whatever reason, is invalid_grant.
func failureOf(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	switch locket.CodeOf(err) {
	case locket.CodeUnauthenticated, locket.CodeExpired, locket.CodeDenied:
		return invalidGrant("this has ended, or its agent is paused; ask the owner again")
	case locket.CodeBusy, locket.CodeTooMany, locket.CodeCancelled:
		return &failure{http.StatusServiceUnavailable, "temporarily_unavailable", "try again"}
	}
	return &failure{http.StatusInternalServerError, "server_error", "something went wrong here"}
}

// endpoint serves fn, whose answers and failures are JSON, to clients of any origin.
func (s *Server) endpoint(fn func(*http.Request, func()) (any, int, error)) func(http.ResponseWriter, *http.Request, func()) {
	return func(w http.ResponseWriter, r *http.Request, failed func()) {
		if preflight(w, r, http.MethodPost) {
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		answer, status, err := fn(r, failed)
		if err != nil {
			f := failureOf(err)
			if f.status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Basic")
			}
			if f.Code == "temporarily_unavailable" {
				w.Header().Set("Retry-After", "1")
			}
			answer, status = f, f.status
		}
		writeJSON(w, status, answer)
	}
}

// preflight lets scripts of all origins in (Fetch §3.2), and answers what has another
// method than this one.
func preflight(w http.ResponseWriter, r *http.Request, method string) (done bool) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	switch {
	case r.Method == method, method == http.MethodGet && r.Method == http.MethodHead:
		return false
	case r.Method == http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", method+", OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Content-Type, MCP-Protocol-Version")
		h.Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusNoContent)
		return true
	}
	h.Set("Allow", method+", OPTIONS")
	writeJSON(w, http.StatusMethodNotAllowed, invalidRequest("this path takes only "+method))
	return true
}

// writeJSON writes an answer that is not to be kept. It may hold tokens.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	defer clear(body)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone away is told nothing
}

// one returns the parameter's value, "" if there is none. It may be given once
// (RFC 6749 §3.1).
func one(form url.Values, name string) (string, error) {
	switch v := form[name]; len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", invalidRequest(name + " is given twice")
}
