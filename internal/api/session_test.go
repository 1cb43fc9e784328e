package api_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

const (
	passphrase = "correct horse"
	cookie     = "__Host-locket"
)

// cheap is the least that the keyring accepts, for tests.
var cheap = keyring.Params{Memory: 19 << 10, Passes: 2, Lanes: 1}

// A home is a server over a folder with a pod that has a passphrase.
type home struct {
	*server
	dir   string
	pod   locket.PodID
	ahead atomic.Int64 // nanoseconds that the clock is ahead
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{dir: filepath.Join(t.TempDir(), "pods"), server: &server{log: &lockedBuffer{}}}
	folder, err := pods.Open(h.dir, pods.Options{KDF: cheap})
	if err != nil {
		t.Fatal(err)
	}
	made, err := folder.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "test", Password: keyring.Password{Secret: secret.Take([]byte(passphrase))}})
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	h.pod, h.key = made.Pod, string(made.Token.Text().Bytes())
	h.start(t)
	return h
}

func (h *home) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// start serves the folder from now on, as a new process would.
func (h *home) start(t *testing.T) {
	t.Helper()
	sealer := keyring.NewProcessSealer(h.now)
	folder, err := pods.Open(h.dir, pods.Options{KDF: cheap, Sealer: sealer, Now: h.now})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api.New(api.Config{Doer: folder, Log: slog.New(slog.NewTextHandler(h.log, nil))}))
	h.Server = srv
	t.Cleanup(func() {
		srv.Close()
		if err := errors.Join(folder.Close(), sealer.Close()); err != nil {
			t.Error(err)
		}
	})
}

// send sends a request that must be answered with a status, and returns the answer
// and its JSON.
func (h *home) send(t *testing.T, status int, method, target, body string, header ...string) (*http.Response, object) {
	t.Helper()
	resp, text := h.do(t, h.request(t, method, target, body, header...))
	if resp.StatusCode != status {
		t.Fatalf("%s %s: got status %d, want %d: %s", method, target, resp.StatusCode, status, text)
	}
	var out object
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return resp, out
}

// login returns the id of a new session and the header that carries it.
func (h *home) login(t *testing.T) (id, header string) {
	t.Helper()
	resp, out := h.send(t, 201, "POST", "/v1/session", `{"passphrase":"`+passphrase+`"}`, noToken)
	id, _ = get(out, "grant", "id").(string)
	return id, "Cookie: " + cookie + "=" + resp.Cookies()[0].Value
}

func isCleared(resp *http.Response) bool {
	for _, c := range resp.Cookies() {
		if c.Name == cookie && c.Value == "" && c.MaxAge < 0 && c.Path == "/" && c.Secure {
			return true
		}
	}
	return false
}

func TestLoginGivesACookie(t *testing.T) {
	h := newHome(t)
	for body, seconds := range map[string]int{
		`{"passphrase":"correct horse"}`:                               12 * 60 * 60,
		`{"passphrase":"correct horse","pod":"` + string(h.pod) + `"}`: 12 * 60 * 60,
		`{"passphrase":"correct horse","seconds":2592000}`:             30 * 24 * 60 * 60,
	} {
		resp, out := h.send(t, 201, "POST", "/v1/session", body, noToken)
		cookies := resp.Cookies()
		if len(cookies) != 1 {
			t.Fatalf("%s: got %d cookies, want one", body, len(cookies))
		}
		got := *cookies[0]
		token := got.Value
		got.Value, got.Raw = "", ""
		want := http.Cookie{Name: cookie, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode}
		if got.String() != want.String() || !strings.HasPrefix(token, "lg_") {
			t.Errorf("%s: got the cookie %s, want %s", body, got.String(), want.String())
		}
		expires, err := time.Parse(time.RFC3339, get(out, "grant", "expires").(string))
		if left := time.Until(expires); err != nil || left > time.Duration(seconds)*time.Second || left < time.Duration(seconds)*time.Second-time.Hour {
			t.Errorf("%s: the grant expires in %v, want %d s", body, left, seconds)
		}
		if get(out, "grant", "audience") != "web" {
			t.Errorf("got %v", out)
		}
		if _, body := h.do(t, h.request(t, "GET", "/v1/self", "", noToken, "Cookie: "+cookie+"="+token)); !strings.Contains(body, `"Anna"`) {
			t.Errorf("with the cookie: got %s, want the owner", body)
		}
		if strings.Contains(h.log.String(), token[:40]) || strings.Contains(h.log.String(), "horse") {
			t.Error("the log has the token or the passphrase")
		}
	}
}

func TestLoginIsStrict(t *testing.T) {
	h := newHome(t)
	other := newHome(t)
	for _, tt := range []struct {
		name, target, body string
		header             []string
		status             int
	}{
		{"nothing", "/v1/session", "", nil, 400},
		{"no passphrase", "/v1/session", `{}`, nil, 400},
		{"unknown member", "/v1/session", `{"passphrase":"correct horse","admin":true}`, nil, 400},
		{"twice", "/v1/session", `{"passphrase":"x","passphrase":"correct horse"}`, nil, 400},
		{"capitals", "/v1/session", `{"Passphrase":"correct horse"}`, nil, 400},
		{"no text", "/v1/session", `{"passphrase":["correct horse"]}`, nil, 400},
		{"more", "/v1/session", `{"passphrase":"correct horse"}{}`, nil, 400},
		{"too large", "/v1/session", `{"passphrase":"correct horse"` + strings.Repeat(" ", 4096) + `}`, nil, 413},
		{"parameter", "/v1/session?x=1", `{"passphrase":"correct horse"}`, nil, 400},
		{"text", "/v1/session", `{"passphrase":"correct horse"}`, []string{"Content-Type: text/plain"}, 400},
		{"form", "/v1/session", `passphrase=correct+horse`, []string{"Content-Type: application/x-www-form-urlencoded"}, 400},
		{"no type", "/v1/session", `{"passphrase":"correct horse"}`, []string{"Content-Type: "}, 400},
		{"negative time", "/v1/session", `{"passphrase":"correct horse","seconds":-1}`, nil, 400},
		{"too long a time", "/v1/session", `{"passphrase":"correct horse","seconds":2592001}`, nil, 400},
		{"far too long a time", "/v1/session", `{"passphrase":"correct horse","seconds":9223372036854775807}`, nil, 400},
		{"other site", "/v1/session", `{"passphrase":"correct horse"}`, []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"sibling site", "/v1/session", `{"passphrase":"correct horse"}`, []string{"Sec-Fetch-Site: same-site"}, 403},
	} {
		resp, body := h.do(t, h.request(t, "POST", tt.target, tt.body, append(tt.header, noToken)...))
		if resp.StatusCode != tt.status || len(resp.Cookies()) != 0 || strings.Contains(body, "horse") {
			t.Errorf("%s: got status %d with %d cookies, want %d: %s", tt.name, resp.StatusCode, len(resp.Cookies()), tt.status, body)
		}
	}
	folder, err := pods.Open(h.dir, pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if _, err := folder.Create(t.Context(), pods.New{KeyName: "second"}); err != nil {
		t.Fatal(err)
	}
	h.send(t, 400, "POST", "/v1/session", `{"passphrase":"correct horse"}`, noToken) // which of the two?
	h.send(t, 201, "POST", "/v1/session", `{"passphrase":"correct horse","pod":"`+string(h.pod)+`"}`, noToken)
	h.send(t, 401, "POST", "/v1/session", `{"passphrase":"correct horse","pod":"`+string(other.pod)+`"}`, noToken)
}

func TestFailedLoginsAreAlike(t *testing.T) {
	h := newHome(t)
	var first string
	for name, body := range map[string]string{
		"wrong":         `{"passphrase":"wrong"}`,
		"missing pod":   `{"passphrase":"correct horse","pod":"` + idNone + `"}`,
		"malformed pod": `{"passphrase":"correct horse","pod":"../x"}`,
		"empty":         `{"passphrase":""}`,
	} {
		resp, got := h.do(t, h.request(t, "POST", "/v1/session", body, noToken))
		resp.Header.Del("X-Request-Id")
		resp.Header.Del("Date")
		var head strings.Builder
		if err := resp.Header.Write(&head); err != nil {
			t.Fatal(err)
		}
		got = resp.Status + "\n" + head.String() + got
		if first == "" {
			first = got
		}
		if got != first || resp.StatusCode != 401 {
			t.Errorf("%s: got\n%s\nwant 401 as for the others:\n%s", name, got, first)
		}
	}
	if strings.Contains(h.log.String(), "../x") {
		t.Error("the log has what was given for the pod's id")
	}
}

func TestSessionsEnd(t *testing.T) {
	h := newHome(t)
	id, here := h.login(t)
	other, there := h.login(t)
	expired := func(session, why string) {
		t.Helper()
		resp, out := h.send(t, 401, "GET", "/v1/stats", "", noToken, session)
		if get(out, "error", "code") != "expired" || !isCleared(resp) {
			t.Errorf("%s: got %v and cookies %v, want expired and the cookie cleared", why, out, resp.Cookies())
		}
	}
	site := "Sec-Fetch-Site: same-origin"
	_, list := h.send(t, 200, "GET", "/v1/grants", "", noToken, here)
	grants, _ := list["grants"].([]any)
	current := map[any]any{}
	for _, g := range grants {
		current[get(g, "id")] = get(g, "current")
	}
	if len(current) != 2 || current[id] != true || current[other] != false {
		t.Errorf("got %v, want two sessions, of which %s is current", list, id)
	}
	resp, _ := h.send(t, 200, "DELETE", "/v1/grants/"+other, "", noToken, here, site)
	if isCleared(resp) {
		t.Error("ending another session cleared this one's cookie")
	}
	expired(there, "ended from elsewhere")
	resp, _ = h.send(t, 200, "DELETE", "/v1/session", "", noToken, here, site)
	if !isCleared(resp) {
		t.Error("logging out leaves the cookie")
	}
	expired(here, "logged out")
	if resp, _ := h.send(t, 412, "DELETE", "/v1/session", ""); isCleared(resp) { // a key is no session
		t.Error("a failed end of a session clears the cookie")
	}

	_, here = h.login(t)
	h.ahead.Store(int64(13 * time.Hour))
	expired(here, "run out")
	_, here = h.login(t)
	h.start(t)
	expired(here, "restarted")
}

// A grant is good for one way in; what is wrong with another is not said.
func TestGrantsFitOneWayIn(t *testing.T) {
	h := newHome(t)
	_, session := h.login(t)
	web := strings.TrimPrefix(session, "Cookie: "+cookie+"=")
	_, out := h.send(t, 201, "POST", "/v1/grants", `{"seconds":60}`)
	grant, _ := out["token"].(string)
	h.send(t, 200, "GET", "/v1/stats", "", "Authorization: Bearer "+grant)
	_, none := h.do(t, h.request(t, "GET", "/v1/stats", "", noToken))
	forged := []byte(grant)
	forged[len(forged)-20] ^= 1
	for name, header := range map[string][]string{
		"session as key":     {"Authorization: Bearer " + web},
		"grant as session":   {noToken, "Cookie: " + cookie + "=" + grant},
		"key as session":     {noToken, "Cookie: " + cookie + "=" + h.key},
		"mistyped grant":     {"Authorization: Bearer " + string(forged)},
		"nothing as session": {noToken, "Cookie: " + cookie + "="},
		"another cookie":     {noToken, "Cookie: locket=" + web},
	} {
		if resp, body := h.do(t, h.request(t, "GET", "/v1/stats", "", header...)); resp.StatusCode != 401 || body != none {
			t.Errorf("%s: got status %d and %s, want 401 as for no credential at all", name, resp.StatusCode, body)
		}
	}
	for name, header := range map[string][]string{
		"key and session":   {session},
		"session twice":     {noToken, session + "; " + cookie + "=" + web},
		"other and session": {"Authorization: Basic x", session},
	} {
		if _, out := h.send(t, 400, "GET", "/v1/stats", "", header...); get(out, "error", "code") != "invalid" {
			t.Errorf("%s: got %v, want invalid", name, out)
		}
	}
	twice := h.request(t, "GET", "/v1/stats", "")
	twice.Header.Add("Authorization", "Bearer "+h.key)
	if resp, _ := h.do(t, twice); resp.StatusCode != 400 {
		t.Errorf("two keys: got status %d, want 400", resp.StatusCode)
	}
}

func TestGrantsFollowTheirPrincipal(t *testing.T) {
	h := newHome(t)
	h.send(t, 201, "POST", "/v1/items", `{"type":"Note","props":{"name":"Tea"}}`)
	h.send(t, 201, "POST", "/v1/items", `{"type":"Photo","props":{"name":"Cup"}}`)
	all := `{"rules":[{"actions":["read"],"types":["Note","Photo"]}]}`
	_, out := h.send(t, 201, "POST", "/v1/principals", `{"kind":"agent","name":"Bob","policy":`+all+`,"key":true}`)
	bob, _ := get(out, "principal", "id").(string)
	key, _ := out["key"].(string)
	grant := func(body string) string {
		_, out := h.send(t, 201, "POST", "/v1/grants", body, "Authorization: Bearer "+key)
		return "Authorization: Bearer " + out["token"].(string)
	}
	whole, narrow := grant(`{}`), grant(`{"policy":{"rules":[{"actions":["read"],"types":["Note"]}]}}`)
	count := func(credential string) int {
		t.Helper()
		_, out := h.send(t, 200, "GET", "/v1/items", "", credential)
		list, _ := out["items"].([]any)
		return len(list)
	}
	if w, n := count(whole), count(narrow); w != 2 || n != 1 {
		t.Errorf("the grant sees %d items and the narrowed one %d, want 2 and 1", w, n)
	}
	refused := func(status int, code, when string) {
		t.Helper()
		for _, g := range []string{whole, narrow} {
			if _, out := h.send(t, status, "GET", "/v1/items", "", g); get(out, "error", "code") != code {
				t.Errorf("%s: got %v, want %s", when, out, code)
			}
		}
	}
	h.send(t, 200, "PATCH", "/v1/principals/"+bob, `{"state":"paused"}`)
	refused(403, "denied", "paused")
	h.send(t, 200, "PATCH", "/v1/principals/"+bob, `{"state":"active"}`)
	if n := count(whole); n != 2 {
		t.Errorf("resumed: the grant sees %d items, want 2", n)
	}
	h.send(t, 200, "POST", "/v1/principals/"+bob+"/revoke", "")
	refused(401, "expired", "revoked")
}
