package api_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
)

// sessionToken is the text of a grant of a pod that does not exist.
func sessionToken(t *testing.T) string {
	t.Helper()
	s := keyring.NewProcessSealer(timeZero)
	defer func() { _ = s.Close() }()
	g, err := s.Seal(keyring.Grant{Pod: locket.NewPodID(), Principal: locket.NewPrincipalID(), Audience: "web", Expires: timeZero().Add(1)}, secret.Random(keyring.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return string(g.Text().Bytes())
}

// TestSites tries every combination of what a browser can be brought to send. The
// expected answers are worked out from what the headers mean, not from the code.
func TestSites(t *testing.T) {
	const opened = http.StatusNotFound // of the door behind all this
	h := newHandler(func(context.Context) error {
		return locket.Errorf(locket.CodeNotFound, "nothing here")
	}, func(c *api.Config) { c.Hosts = []string{"pod.example.com"} })
	key, session := "Bearer "+token(t), cookie+"="+sessionToken(t)
	var tried, refused int
	for _, host := range []string{"pod.example.com", "localhost:7117", "evil.example.com"} {
		for _, origin := range []string{"", "same", "https://evil.example.com", "null"} {
			for _, site := range []string{"", "none", "same-origin", "same-site", "cross-site", "strange"} {
				for _, method := range []string{"GET", "POST", "DELETE"} {
					for _, with := range []string{"key", "session", "login"} {
						if with == "login" && method != "POST" {
							continue
						}
						target := map[string]string{"GET": "/v1/stats", "POST": "/v1/query", "DELETE": "/v1/items/" + idTea}[method]
						r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
						switch with {
						case "key":
							r.Header.Set("Authorization", key)
						case "session":
							r.Header.Set("Cookie", session)
						case "login":
							r = httptest.NewRequestWithContext(t.Context(), method, "/v1/session", strings.NewReader(`{"passphrase":"x","pod":"`+idNone+`"}`))
							r.Header.Set("Content-Type", "application/json")
						}
						r.Host = host
						ours := origin == "" || origin == "same"
						if origin == "same" {
							r.Header.Set("Origin", "https://"+host)
						} else if origin != "" {
							r.Header.Set("Origin", origin)
						}
						if site != "" {
							r.Header.Set("Sec-Fetch-Site", site)
						}
						fromUs := site == "same-origin" || site == "none" || site == "" && ours
						fromElsewhere := site != "" && site != "same-origin" && site != "none"
						want := opened
						switch {
						case host == "evil.example.com": // it points here: rebinding
							want = 403
						case method != "GET" && !fromUs:
							want = 403
						case with == "session" && fromElsewhere:
							want = 403
						case with == "session" && method != "GET" && site == "" && origin == "":
							want = 403 // no browser
						}
						w := httptest.NewRecorder()
						h.ServeHTTP(w, r)
						if w.Code != want {
							t.Errorf("%s for %s from %q, site %q, with %s: got status %d, want %d", method, host, origin, site, with, w.Code, want)
						}
						for name := range w.Header() {
							if strings.HasPrefix(name, "Access-Control-") {
								t.Errorf("%s for %s: the header %s is set", method, host, name)
							}
						}
						tried++
						if want == 403 {
							refused++
						}
					}
				}
			}
		}
	}
	if tried != 3*4*6*7 || refused == 0 || refused == tried {
		t.Errorf("tried %d, of which %d are to be refused", tried, refused)
	}
}

// A client that is no browser is told what to do.
func TestCookieWithoutABrowser(t *testing.T) {
	h := newHandler(func(context.Context) error { return locket.Errorf(locket.CodeNotFound, "nothing here") }, nil)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/query", nil)
	r.Host = "localhost"
	r.Header.Set("Cookie", cookie+"="+sessionToken(t))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 403 || !strings.Contains(w.Body.String(), "Authorization: Bearer") {
		t.Errorf("got status %d and %s, want 403 that names the header", w.Code, w.Body)
	}
}

// The names hold at every address once some are configured.
func TestHosts(t *testing.T) {
	for _, tt := range []struct {
		hosts       []string
		local, host string
		status      int
	}{
		{nil, "127.0.0.1", "evil.example.com", 403},
		{nil, "127.0.0.1", "localhost", 200},
		{nil, "192.0.2.1", "anything.example.com", 200}, // nobody said what it is called
		{[]string{"Pod.example.com"}, "192.0.2.1", "anything.example.com", 403},
		{[]string{"pod.example.com"}, "192.0.2.1", "POD.example.com:443", 200},
		{[]string{"pod.example.com"}, "192.0.2.1", "192.0.2.1", 403},
		{[]string{"192.0.2.1"}, "192.0.2.1", "192.0.2.1:443", 200},
		{[]string{"2001:db8::1"}, "2001:db8::1", "[2001:db8::1]:443", 200},
		{[]string{"pod.example.com"}, "192.0.2.1", "pod.example.com.evil.example.com", 403},
		{[]string{"pod.example.com"}, "192.0.2.1", "", 403},
		{[]string{"pod.example.com"}, "127.0.0.1", "[::1]:7117", 200},
	} {
		t.Run(fmt.Sprint(tt.hosts, tt.local, tt.host), func(t *testing.T) {
			h := newHandler(nil, func(c *api.Config) { c.Hosts = tt.hosts })
			at := &net.TCPAddr{IP: net.ParseIP(tt.local), Port: 443}
			r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, at), "GET", "/v1/health", nil)
			r.Host = tt.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("got status %d, want %d", w.Code, tt.status)
			}
		})
	}
}

func timeZero() time.Time { return time.Unix(0, 0) }
