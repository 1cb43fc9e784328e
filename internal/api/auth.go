package api

import (
	"net/http"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// caller finds out who asks for which pod: by an API key or a grant in the header
// Authorization, or by the session cookie. Whether the credential opens anything is
// found out by opening; to the client both kinds of failure are the same. wipe is to be
// called when the request has ended. audience is that of grants in the header; only the
// operations take the cookie.
func (a *api) caller(x *exchange, audience string) (c pods.Call, wipe func(), err error) {
	if !a.throttle.allow(x.r.RemoteAddr) {
		return c, nil, throttled()
	}
	text, err := x.credential()
	defer clear(text)
	if err != nil {
		return c, nil, err
	}
	x.shown = fingerprint(text)
	if x.cookie && audience != ops.AudienceAPI {
		return c, nil, unauthenticated()
	}
	c, wipe, err = parseCredential(text, x.cookie, audience)
	if err != nil {
		a.throttle.failed(x.r.RemoteAddr)
		return c, nil, unauthenticated()
	}
	x.pod = c.Pod
	if c.Source, err = source(x.r.Header); err != nil {
		wipe()
		return c, nil, err
	}
	return c, wipe, nil
}

// credential takes the text of the one credential out of the header; the caller wipes
// it. It is empty if there is none.
func (x *exchange) credential() ([]byte, error) {
	keys, cookies := x.r.Header.Values("Authorization"), x.r.CookiesNamed(cookieName)
	x.r.Header.Del("Authorization")
	x.r.Header.Del("Cookie")
	switch {
	case len(keys)+len(cookies) > 1:
		return nil, locket.Errorf(locket.CodeInvalid, "send one credential, once: the header Authorization or the session cookie")
	case len(cookies) == 1:
		x.cookie = true
		return []byte(cookies[0].Value), checkSite(x.r)
	case len(keys) == 1:
		if scheme, text, _ := strings.Cut(keys[0], " "); strings.EqualFold(scheme, "Bearer") {
			return []byte(text), nil
		}
	}
	return nil, nil
}

// parseCredential reads the text of a credential. A grant is only good for the way in
// that it was made for.
func parseCredential(text []byte, cookie bool, audience string) (c pods.Call, wipe func(), err error) {
	if !cookie && !keyring.IsGrant(text) {
		t, err := keyring.ParseToken(text)
		if err != nil {
			return c, nil, err
		}
		return pods.Call{Pod: t.Pod, Credential: t}, t.Wipe, nil
	}
	g, err := keyring.ParseGrant(text)
	if err != nil {
		return c, nil, err
	}
	if cookie {
		audience = audienceWeb
	}
	return pods.Call{Pod: g.Pod, Credential: keyring.Presented{Token: g, Audience: audience}}, g.Wipe, nil
}

// unauthenticated is the one answer to a credential that is missing, malformed, unknown,
// revoked, or meant for another way in.
func unauthenticated() error {
	return locket.Errorf(locket.CodeUnauthenticated, "a valid credential is needed: an API key in the header Authorization: Bearer lk_…, or a session that POST /v1/session begins")
}

// The headers of requests and answers that are Locket's own.
const (
	headerSession    = "Locket-Session"
	headerFrom       = "Locket-From"
	headerCheckpoint = "Locket-Checkpoint"
	headerGrowth     = "Locket-Growth"
	headerPodKey     = "Locket-Pod-Key"
	headerPodKeys    = "Locket-Earlier-Keys"
)

// maxSession is the length of a session's name.
const maxSession = 64

// source reads what the client says that its changes come of.
func source(h http.Header) (s locket.Source, err error) {
	s.Session, err = single(h, headerSession)
	if err != nil {
		return s, err
	}
	if len(s.Session) > maxSession || strings.ContainsFunc(s.Session, notInSession) {
		return s, locket.Errorf(locket.CodeInvalid, headerSession+": a session has 1 to %d of the characters A-Z a-z 0-9 . _ : -", maxSession)
	}
	item, err := single(h, headerFrom)
	if err != nil {
		return s, err
	}
	if _, ok := locket.ParseUUID(item); item != "" && !ok {
		return s, locket.Errorf(locket.CodeInvalid, headerFrom+": the id of an item is 36 characters long and looks like 0192f3a4-…")
	}
	s.Item = locket.ItemID(item)
	return s, nil
}

func notInSession(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._:-", r)
}

// single returns the value of a header that may be given once, "" if it is not given.
func single(h http.Header, name string) (string, error) {
	switch values := h.Values(name); {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", locket.Errorf(locket.CodeInvalid, "%s is given twice", name)
	case values[0] == "":
		return "", locket.Errorf(locket.CodeInvalid, "%s is empty; leave it out", name)
	default:
		return values[0], nil
	}
}
