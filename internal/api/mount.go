package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
)

// A Mount is another way into pods beside the operations: a handler for whoever shows a
// credential at a path. All that the interface asks of a request is asked of its requests,
// too: host, origin, number at once, credential.
type Mount struct {
	Path     string // exactly this one, with any method
	Name     string // what the log calls it
	Audience string // of the grants that it takes, beside API keys; the session cookie it never takes
	MaxBody  int64  // bytes of a request

	// Challenge is the header WWW-Authenticate for who shows no valid credential;
	// nil: "Bearer".
	Challenge func(*http.Request) string
	// Serve answers while the pod is open. What it writes goes to the client when the
	// pod has been released.
	Serve func(v *pods.Visit, w http.ResponseWriter, r *http.Request)
}

// mounted answers requests for m.
func (a *api) mounted(m Mount) func(*exchange) error {
	return func(x *exchange) error {
		if m.Challenge != nil {
			x.challenge = m.Challenge(x.r)
		}
		if err := sameOrigin(x.r); err != nil {
			return err
		}
		call, wipe, err := a.caller(x, m.Audience)
		if err != nil {
			return err
		}
		defer wipe()
		if call.Source.Session == "" {
			call.Source.Session = x.sessionOf(m.Name)
		}
		ctx, cancel := context.WithTimeout(x.r.Context(), a.Timeout)
		defer cancel()
		held := &heldAnswer{header: make(http.Header)}
		defer held.wipe()
		err = a.Doer.Visit(ctx, call, func(v *pods.Visit) error {
			r := x.r.WithContext(ctx)
			r.Body = http.MaxBytesReader(x, r.Body, m.MaxBody)
			m.Serve(v, held, r)
			return nil
		})
		if locket.CodeOf(err) == locket.CodeUnauthenticated {
			a.throttle.failed(x.r.RemoteAddr)
			return unauthenticated()
		}
		if err != nil {
			return err
		}
		return held.send(x)
	}
}

// sameOrigin refuses requests with any method that a page of another site makes. The
// guard lets those through that change nothing, which here would be no loss either; but
// the Model Context Protocol wants them refused.
func sameOrigin(r *http.Request) error {
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || u.Host != r.Host {
			return locket.Errorf(locket.CodeDenied, "requests from other web sites are not accepted")
		}
	}
	return nil
}

// sessionOf is the session of changes whose author names none: one for each credential
// and day.
func (x *exchange) sessionOf(way string) string {
	return way + "-" + time.Now().UTC().Format("20060102") + "-" + hex.EncodeToString(x.shown[:4])
}

// fingerprint tells credentials apart without telling them.
func fingerprint(credential []byte) [sha256.Size]byte { return sha256.Sum256(credential) }

// A heldAnswer keeps an answer until the pod has been released, so that a client that is
// slow to read does not keep it open.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header { return h.header }

func (h *heldAnswer) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *heldAnswer) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.body.Write(p)
}

// Flush does nothing. It is here for handlers that insist on streaming.
func (h *heldAnswer) Flush() { h.WriteHeader(http.StatusOK) }

func (h *heldAnswer) wipe() {
	b := h.body.Bytes()
	clear(b[:cap(b)])
}

// send writes the answer. Headers that say how to keep and show answers stay the
// interface's own.
func (h *heldAnswer) send(x *exchange) error {
	for _, name := range []string{"Content-Type", "Allow", "MCP-Protocol-Version"} {
		if v := h.header.Get(name); v != "" {
			x.Header().Set(name, v)
		}
	}
	h.WriteHeader(http.StatusOK)
	x.WriteHeader(h.status)
	_, err := x.Write(h.body.Bytes())
	return gone(err)
}
