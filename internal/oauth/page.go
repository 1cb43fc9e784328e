package oauth

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/policy"
)

//go:embed consent.html
var consentHTML string

//go:embed consent.css
var consentCSS string

// A page is what consent.html shows.
type page struct {
	Title   string
	Problem string
	Style   template.CSS
	Form    *form // nil: there is nothing to agree to
}

type form struct {
	Name, Host string // of the client; Host "": nobody has published it
	Registered bool   // whoever runs the server vouches for the client
	Target     string // where the browser is sent, in words
	Action     string
	CSRF       string
	Scopes     []scopeBox
	Agent      string
	Reuse      bool
	Keep       bool
	Pods       bool // the server has several
	Pod        string
}

type scopeBox struct {
	ops.Scope
	On     bool
	Detail []string
}

// newForm is the form as it is at first.
func (s *Server) newForm(req request, r *http.Request) (*form, error) {
	list, err := s.Doer.List()
	if err != nil {
		return nil, err
	}
	f := &form{
		Name: req.client.Name, Host: req.client.Host, Registered: s.registered(req.client.ID), Target: target(req.redirect),
		Action: "/oauth/authorize?" + r.URL.RawQuery, CSRF: s.newCSRF(r.URL.RawQuery), Agent: req.client.Name, Reuse: true, Pods: len(list) > 1,
	}
	for _, scope := range ops.Scopes() {
		if slices.Contains(req.scopes, scope.Name) {
			f.Scopes = append(f.Scopes, scopeBox{scope, true, policy.Explain(ops.AgentPolicy(f.Agent, []string{scope.Name}))})
		}
	}
	return f, nil
}

// target says where an answer goes.
func target(u *url.URL) string {
	switch {
	case u.Scheme == "http":
		return "to a program on this computer (" + u.Host + ")"
	case u.Scheme == "https":
		return "to " + u.Host
	}
	return "to the program on this device that opens " + u.Scheme + ": links"
}

// show writes a page. The style is its only content that is not text, and the only other
// place that its form may lead to is the one that the answer goes to.
func show(w http.ResponseWriter, status int, p page, redirect *url.URL) {
	p.Style = template.CSS(consentCSS) // it is our own
	t, err := template.New("consent").Parse(consentHTML)
	var body bytes.Buffer
	if err == nil {
		err = t.Execute(&body, p)
	}
	if err != nil {
		status, body = http.StatusInternalServerError, *bytes.NewBufferString("something went wrong here\n")
	}
	action := "'none'"
	if p.Form != nil {
		action = "'self' " + source(redirect)
	}
	style := sha256.Sum256([]byte(consentCSS))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+"'; form-action "+action+
		"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Frame-Options", "DENY") // for browsers that don't know frame-ancestors
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that has gone away is told nothing
}

// source is a redirect URI as a source of CSP 3 §2.3.1. Browsers look at form-action for
// the redirect that answers a form, too.
func source(u *url.URL) string {
	if u.Scheme != "http" && u.Scheme != "https" || strings.Contains(u.Host, "[") {
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// showError tells the person at the browser what is wrong.
func showError(w http.ResponseWriter, err error) {
	status, text := http.StatusBadRequest, locket.MessageOf(err)
	switch locket.CodeOf(err) {
	case locket.CodeInvalid:
	case locket.CodeTooLarge:
		status = http.StatusRequestEntityTooLarge
	case locket.CodeBusy:
		status = http.StatusServiceUnavailable
	default:
		status = http.StatusInternalServerError
	}
	show(w, status, page{Title: "This can't go on", Problem: text + " Nothing has changed."}, nil)
}
