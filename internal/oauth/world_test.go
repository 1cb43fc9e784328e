package oauth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/oauth"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

const (
	passphrase = "correct horse"
	verifier   = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, appendix B
	callback   = "https://agent.example/callback"
	clientName = "Claude"
)

// cheap is the least that the keyring accepts, for tests.
var cheap = keyring.Params{Memory: 19 << 10, Passes: 2, Lanes: 1}

// A world is a server over a folder of pods that have the same passphrase.
type world struct {
	*httptest.Server
	config oauth.Config // for the next start
	dir    string
	pod    locket.PodID // the first one
	key    string       // API key of its owner
	folder *pods.Folder
	stop   func()
	ahead  atomic.Int64 // nanoseconds that the clock is ahead
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: filepath.Join(t.TempDir(), "pods")}
	w.pod, w.key = w.create(t)
	w.start(t)
	t.Cleanup(func() { w.stop() })
	return w
}

// create makes a pod.
func (w *world) create(t *testing.T) (locket.PodID, string) {
	t.Helper()
	f, err := pods.Open(w.dir, pods.Options{KDF: cheap})
	if err != nil {
		t.Fatal(err)
	}
	made, err := f.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "test", Password: keyring.Password{Secret: secret.Take([]byte(passphrase))}})
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return made.Pod, string(made.Token.Text().Bytes())
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// start serves the folder from now on, as a new process would.
func (w *world) start(t *testing.T) {
	t.Helper()
	sealer := keyring.NewProcessSealer(w.now)
	folder, err := pods.Open(w.dir, pods.Options{KDF: cheap, Sealer: sealer, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	c := w.config
	c.Doer, c.Now = folder, w.now
	s, err := oauth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var pages []api.Page
	for _, p := range s.Pages() {
		pages = append(pages, api.Page(p))
	}
	w.Server = httptest.NewServer(api.New(api.Config{Doer: folder, Log: slog.New(slog.DiscardHandler), Pages: pages}))
	w.folder = folder
	w.stop = func() {
		w.Close()
		if err := errors.Join(folder.Close(), sealer.Close()); err != nil {
			t.Error(err)
		}
	}
}

func (w *world) restart(t *testing.T) {
	t.Helper()
	url := w.URL
	w.stop()
	w.start(t)
	if w.config.PublicURL == "" {
		t.Logf("the server moved from %s to %s", url, w.URL)
	}
}

// An answer is what came back, with what its JSON holds.
type answer struct {
	*http.Response
	text string
	json map[string]any
}

func (a answer) str(name string) string { s, _ := a.json[name].(string); return s }

// do sends a request without cookies, and follows nothing.
func do(t *testing.T, method, target, contentType, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Response: resp, text: string(text)}
	_ = json.Unmarshal(text, &a.json) // pages are none
	return a
}

const formType = "application/x-www-form-urlencoded"

func (w *world) post(t *testing.T, path string, form url.Values, header ...string) answer {
	t.Helper()
	return do(t, "POST", w.URL+path, formType, form.Encode(), header...)
}

// register registers a client and returns its id.
func (w *world) register(t *testing.T, name string, redirects ...string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"client_name": name, "redirect_uris": redirects})
	if err != nil {
		t.Fatal(err)
	}
	a := do(t, "POST", w.URL+"/oauth/register", "application/json", string(body))
	if a.StatusCode != 201 || a.str("client_id") == "" {
		t.Fatalf("register: %d %s", a.StatusCode, a.text)
	}
	return a.str("client_id")
}

// with returns v with changes, "name=value" each; "name" alone takes it away.
func with(v url.Values, changes ...string) url.Values {
	v = maps.Clone(v)
	for _, c := range changes {
		name, value, ok := strings.Cut(c, "=")
		v.Del(name)
		if ok {
			v.Set(name, value)
		}
	}
	return v
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// query is an authorization request that is in order.
func (w *world) query(client string) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {callback}, "state": {"xyz&=/"}, "resource": {w.URL + "/mcp"},
		"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}, "scope": {"memory.read memory.write memory.delete"},
	}
}

func (w *world) authorize(t *testing.T, query url.Values) answer {
	t.Helper()
	return do(t, "GET", w.URL+"/oauth/authorize?"+query.Encode(), "", "")
}

var (
	actionPattern = regexp.MustCompile(`action="([^"]*)"`)
	csrfPattern   = regexp.MustCompile(`name="csrf" value="([^"]*)"`)
)

// fill is the form of a consent page as an owner would send it.
func fill(t *testing.T, page answer) (action string, form url.Values) {
	t.Helper()
	a, c := actionPattern.FindStringSubmatch(page.text), csrfPattern.FindStringSubmatch(page.text)
	if page.StatusCode != 200 || a == nil || c == nil {
		t.Fatalf("no consent page: %d %s %s", page.StatusCode, page.Header.Get("Location"), page.text)
	}
	return html.UnescapeString(a[1]), url.Values{
		"csrf": {html.UnescapeString(c[1])}, "decision": {"allow"}, "secret": {passphrase}, "agent": {clientName}, "reuse": {"yes"},
		"scope": {"memory.read", "memory.write", "memory.delete"},
	}
}

const sameOrigin = "Sec-Fetch-Site: same-origin"

// consent answers the page for a query, and returns what the server answers to that.
func (w *world) consent(t *testing.T, query url.Values, changes ...string) answer {
	t.Helper()
	action, form := fill(t, w.authorize(t, query))
	return w.post(t, action, with(form, changes...), sameOrigin)
}

// back returns the parameters that the browser is sent back with.
func back(t *testing.T, a answer) url.Values {
	t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if a.StatusCode != 303 || err != nil || !strings.HasPrefix(u.String(), callback) {
		t.Fatalf("not sent back: %d %q\n%s", a.StatusCode, u, a.text)
	}
	return u.Query()
}

// code returns a code after consent.
func (w *world) code(t *testing.T, client string, changes ...string) string {
	t.Helper()
	v := back(t, w.consent(t, w.query(client), changes...))
	if v.Get("code") == "" {
		t.Fatalf("no code: %v", v)
	}
	return v.Get("code")
}

// exchange is a token request for a code that is in order.
func (w *world) exchange(client, code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {client}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {callback},
		"resource": {w.URL + "/mcp"},
	}
}

// tokens returns the tokens that a request gives.
func (w *world) tokens(t *testing.T, form url.Values) answer {
	t.Helper()
	a := w.post(t, "/oauth/token", form)
	if a.StatusCode != 200 || a.str("access_token") == "" || a.str("refresh_token") == "" {
		t.Fatalf("no tokens: %d %s", a.StatusCode, a.text)
	}
	return a
}

func refreshing(client, token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {token}}
}

// visit opens the pod with an access token, as /mcp does.
func (w *world) visit(t *testing.T, access string, fn func(*pods.Visit) error) error {
	t.Helper()
	g, err := keyring.ParseGrant([]byte(access))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Wipe()
	return w.folder.Visit(t.Context(), pods.Call{Pod: g.Pod, Credential: keyring.Presented{Token: g, Audience: ops.AudienceMCP}}, fn)
}

func (w *world) opens(t *testing.T, access string) error {
	t.Helper()
	return w.visit(t, access, func(*pods.Visit) error { return nil })
}

// owner opens the pod as its owner.
func (w *world) owner(t *testing.T, fn func(*pods.Visit) error) {
	t.Helper()
	k, err := keyring.ParseToken([]byte(w.key))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Wipe()
	if err := w.folder.Visit(t.Context(), pods.Call{Pod: k.Pod, Credential: k}, fn); err != nil {
		t.Fatal(err)
	}
}

// A state is what of a pod agents can change.
type state struct {
	agents, grants, keys int
	refusals             []string // the reasons of all so far
}

func (w *world) state(t *testing.T) (s state) {
	t.Helper()
	w.owner(t, func(v *pods.Visit) error {
		all, err := v.View.Principals(t.Context())
		if err != nil {
			return err
		}
		grants, err := v.View.Grants(t.Context())
		if err != nil {
			return err
		}
		keys, err := v.Keys().List(t.Context())
		if err != nil {
			return err
		}
		s.agents, s.grants, s.keys = len(all)-1, len(grants), len(keys)
		s.refusals, err = refusals(t, v.View)
		return err
	})
	return s
}

// agent returns the principal of a name.
func (w *world) agent(t *testing.T, name string) (p locket.Principal) {
	t.Helper()
	w.owner(t, func(v *pods.Visit) error {
		all, err := v.View.Principals(t.Context())
		for _, each := range all {
			if each.Name == name {
				p = each
			}
		}
		return err
	})
	if p.ID == "" {
		t.Fatalf("there is no agent %q", name)
	}
	return p
}

func (w *world) change(t *testing.T, id locket.PrincipalID, c store.PrincipalChange) {
	t.Helper()
	w.owner(t, func(v *pods.Visit) error {
		_, err := v.View.Write(t.Context(), func(w *store.Writer) error {
			_, err := w.ChangePrincipal(id, c)
			return err
		})
		return err
	})
}

func contains(list []string, part string) bool {
	return bytes.Contains([]byte(strings.Join(list, "\n")), []byte(part))
}

// refusals lists what was refused at the token endpoint, by the journal.
func refusals(t *testing.T, v *store.View) (out []string, err error) {
	t.Helper()
	page, err := v.Journal(t.Context(), store.JournalQuery{Kind: locket.EntryAccess, Limit: 1000})
	for _, e := range page.Items {
		for _, a := range e.Actions {
			if why, _ := a.Detail["asked"].(string); a.Action == locket.ActionRefuse && a.Detail["op"] == "oauth.token" {
				out = append(out, e.Name+": "+why)
			}
		}
	}
	return out, err
}
