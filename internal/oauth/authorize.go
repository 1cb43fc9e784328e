package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

const (
	maxSecret    = 1024 // bytes of a passphrase or API key
	apiKeyPrefix = "lk_"
)

// authorize shows the consent page, and takes what the owner answers.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, failed func()) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, HEAD, POST")
		show(w, http.StatusMethodNotAllowed, page{Title: "This can't go on", Problem: "This page takes only GET and POST."}, nil)
		return
	}
	req, err := s.readRequest(r)
	if f, ok := errors.AsType[*failure](err); ok {
		http.Redirect(w, r, req.failed(f), http.StatusSeeOther)
		return
	}
	if errors.Is(err, errNoIssuer) {
		err = locket.Errorf(locket.CodeInvalid, "this server does not know its own URL; start it with --public-url")
	}
	if err != nil {
		showError(w, err)
		return
	}
	form, err := s.newForm(req, r)
	if err != nil {
		showError(w, err)
		return
	}
	if r.Method != http.MethodPost {
		show(w, http.StatusOK, page{Title: "Let " + req.client.Name + " into your pod?", Form: form}, req.redirect)
		return
	}
	to, err := s.answer(w, r, req, form, failed)
	if err != nil {
		form.CSRF = s.newCSRF(r.URL.RawQuery)
		show(w, problemStatus(err), page{Title: "Let " + req.client.Name + " into your pod?", Problem: locket.MessageOf(err), Form: form}, req.redirect)
		return
	}
	// 303, so that no browser sends the form on (RFC 9700 §4.12).
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func problemStatus(err error) int {
	switch locket.CodeOf(err) {
	case locket.CodeUnauthenticated, locket.CodeDenied:
		return http.StatusForbidden
	case locket.CodeTooMany:
		return http.StatusTooManyRequests
	case locket.CodeBusy:
		return http.StatusServiceUnavailable
	case locket.CodeInvalid, locket.CodeExists, locket.CodeConflict, locket.CodeTooLarge:
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// answer does what the form says, and returns where to send the browser. What can be
// shown again of a form with a mistake is in f, then.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, req request, f *form, failed func()) (string, error) {
	if err := checkSite(r); err != nil {
		return "", err
	}
	values, err := readConsent(w, r)
	if err != nil {
		return "", err
	}
	if !s.checkCSRF(values.Get("csrf"), r.URL.RawQuery) {
		return "", locket.Errorf(locket.CodeInvalid, "this page has been open for too long; answer it again")
	}
	if values.Get("decision") != "allow" {
		return req.failed(&failure{Code: "access_denied", Text: "the owner refused"}), nil
	}
	c, err := f.read(values, req)
	if err != nil {
		return "", err
	}
	who, wipe, err := s.owner(values)
	if err != nil {
		return "", err
	}
	defer wipe()
	ctx, cancel := context.WithTimeout(r.Context(), visitTime)
	defer cancel()
	code, err := s.letIn(ctx, who, c)
	if locket.CodeOf(err) == locket.CodeUnauthenticated {
		failed()
		return "", locket.Errorf(locket.CodeUnauthenticated, "this opens no such pod; check the passphrase or API key, and the pod's id").Because(err)
	}
	if err != nil {
		return "", err
	}
	defer code.Wipe()
	return req.answer(url.Values{"code": {string(code.Bytes())}}), nil
}

// checkSite refuses what another site's page may have had the browser send. All browsers
// say where a form comes from, in one of two ways.
func checkSite(r *http.Request) error {
	switch site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin"); {
	case site == "same-origin":
		return nil
	case site == "" && origin != "":
		if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
			return nil
		}
	}
	return locket.Errorf(locket.CodeDenied, "this form must be sent from the page that it is on")
}

func readConsent(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return nil, locket.Errorf(locket.CodeInvalid, "this is no form of this page")
	}
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	body, err := readBody(r)
	defer clear(body)
	if err != nil {
		return nil, locket.Errorf(locket.CodeTooLarge, "the form is too large").Because(err)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the form is malformed")
	}
	return values, nil
}

// read reads what the owner has agreed to, and keeps it in the form.
func (f *form) read(values url.Values, req request) (consent, error) {
	c := consent{
		request: req, agent: strings.TrimSpace(values.Get("agent")), reuse: values.Get("reuse") == "yes", keep: values.Get("keep") == "yes",
	}
	for i := range f.Scopes {
		box := &f.Scopes[i] // no others: the owner agrees to no more than was asked for
		box.On = slices.Contains(values["scope"], box.Name)
		if box.On {
			c.scopes = append(c.scopes, box.Name)
		}
	}
	f.Reuse, f.Keep, f.Pod = c.reuse, c.keep, values.Get("pod")
	switch {
	case c.agent == "" || !isName(c.agent):
		return c, locket.Errorf(locket.CodeInvalid, "an agent needs a name of 1 to %d characters", maxName)
	case len(c.scopes) == 0:
		return c, locket.Errorf(locket.CodeInvalid, "tick what the agent may do, or refuse")
	}
	f.Agent = c.agent
	return c, nil
}

// owner reads the credential: an API key, which says which pod it opens, or a passphrase.
func (s *Server) owner(values url.Values) (c pods.Call, wipe func(), err error) {
	text := []byte(values.Get("secret"))
	defer clear(text)
	values.Del("secret")
	if len(text) == 0 || len(text) > maxSecret {
		return c, nil, locket.Errorf(locket.CodeInvalid, "your passphrase or an API key is needed to open the pod")
	}
	if strings.HasPrefix(string(text[:min(len(text), len(apiKeyPrefix))]), apiKeyPrefix) {
		t, err := keyring.ParseToken(text)
		if err != nil {
			return c, nil, err
		}
		return pods.Call{Pod: t.Pod, Credential: t}, t.Wipe, nil
	}
	pod := locket.PodID(strings.Clone(strings.TrimSpace(values.Get("pod")))) // it is kept, for wrong guesses to be counted
	if pod == "" {
		list, err := s.Doer.List()
		if err != nil {
			return c, nil, err
		}
		if len(list) != 1 {
			return c, nil, locket.Errorf(locket.CodeInvalid, "this server has more than one pod; give the id of yours")
		}
		pod = list[0]
	}
	passphrase := secret.Take(slices.Clone(text))
	return pods.Call{Pod: pod, Credential: keyring.Password{Secret: passphrase}}, passphrase.Wipe, nil
}

// newCSRF ties a form to the request that its page was made for, and to this process:
// base64url of its end (8 bytes, Unix seconds) ‖ HMAC-SHA256 over that and the query.
func (s *Server) newCSRF(query string) string {
	ends := binary.BigEndian.AppendUint64(nil, uint64(s.Now().Add(consentLife).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(ends, s.mac(ends, query)...))
}

func (s *Server) checkCSRF(text, query string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != 8+sha256.Size || !hmac.Equal(raw[8:], s.mac(raw[:8], query)) {
		return false
	}
	return s.Now().Before(time.Unix(int64(binary.BigEndian.Uint64(raw)), 0))
}

func (s *Server) mac(ends []byte, query string) []byte {
	m := hmac.New(sha256.New, s.csrf[:])
	m.Write([]byte("locket/oauth/consent\n"))
	m.Write(ends)
	m.Write([]byte(query))
	return m.Sum(nil)
}
