package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/oauth"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// TestFlow is what a client does, from what it discovers to its second refresh.
func TestFlow(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		a := do(t, "GET", w.URL+path, "", "")
		if servers, _ := a.json["authorization_servers"].([]any); a.StatusCode != 200 || a.str("resource") != w.URL+"/mcp" || len(servers) != 1 || servers[0] != w.URL {
			t.Fatalf("%s: %d %s", path, a.StatusCode, a.text)
		}
	}
	meta := do(t, "GET", w.URL+"/.well-known/oauth-authorization-server", "", "")
	if meta.str("issuer") != w.URL || meta.json["authorization_response_iss_parameter_supported"] != true || meta.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("metadata: %s", meta.text)
	}
	if meta.str("authorization_endpoint") != w.URL+"/oauth/authorize" || meta.str("token_endpoint") != w.URL+"/oauth/token" || meta.str("registration_endpoint") != w.URL+"/oauth/register" {
		t.Fatalf("metadata: %s", meta.text)
	}
	client := w.register(t, clientName, callback)

	v := back(t, w.consent(t, w.query(client)))
	if v.Get("state") != "xyz&=/" || v.Get("iss") != w.URL || v.Get("code") == "" {
		t.Fatalf("sent back with %v", v)
	}
	first := w.tokens(t, w.exchange(client, v.Get("code")))
	if first.str("token_type") != "Bearer" || first.str("scope") != "memory.read memory.write memory.delete" || first.json["expires_in"] != 3600.0 ||
		first.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("tokens: %v %v", first.json, first.Header)
	}
	w.checkMay(t, first.str("access_token"))
	if a := do(t, "GET", w.URL+"/v1/items", "", "", "Authorization: Bearer "+first.str("access_token")); a.StatusCode != 401 {
		t.Errorf("the access token opens /v1, too: %d", a.StatusCode)
	}

	second := w.tokens(t, refreshing(client, first.str("refresh_token")))
	third := w.tokens(t, refreshing(client, second.str("refresh_token")))
	for _, a := range []answer{first, second, third} {
		if err := w.opens(t, a.str("access_token")); err != nil {
			t.Errorf("access token: %v", err)
		}
	}
	if s := w.state(t); s.agents != 1 || s.keys != 2 {
		t.Errorf("%+v: want one agent, and no key beside the owner's", s)
	}
	w.ahead.Store(int64(time.Hour + time.Minute))
	if err := w.opens(t, third.str("access_token")); locket.CodeOf(err) != locket.CodeExpired {
		t.Errorf("after an hour: %v", err)
	}
}

// checkMay does with an access token what the usual scopes permit, and what they don't.
func (w *world) checkMay(t *testing.T, access string) {
	t.Helper()
	create := func(namespace string) error {
		return w.visit(t, access, func(v *pods.Visit) error {
			_, err := v.View.Write(t.Context(), func(w *store.Writer) error {
				_, err := w.Create(store.Draft{Type: "Memory", Props: map[string]any{"text": "tea", "namespace": namespace}})
				return err
			})
			return err
		})
	}
	if err := create("agents/claude/work"); err != nil {
		t.Errorf("own namespace: %v", err)
	}
	if err := create("agents/other"); locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("another's namespace: %v", err)
	}
	err := w.visit(t, access, func(v *pods.Visit) error {
		_, err := v.View.Principals(t.Context())
		return err
	})
	if locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("principals: %v", err)
	}
}

func TestScopesNarrow(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	query := with(w.query(client), "scope=items.read memory.read offline_access")
	action, form := fill(t, w.authorize(t, query))
	form["scope"] = []string{"memory.read", "memory.write"} // the second was not asked for
	a := w.tokens(t, w.exchange(client, back(t, w.post(t, action, form, sameOrigin)).Get("code")))
	if a.str("scope") != "memory.read" {
		t.Fatalf("scope = %q", a.str("scope"))
	}
	if p := w.agent(t, clientName); len(p.Policy.Rules) != len(ops.AgentPolicy(clientName, []string{"memory.read"}).Rules) {
		t.Errorf("the agent's policy is %+v", p.Policy)
	}

	// The same agent may then not be given more, but by another name.
	page := w.consent(t, w.query(client))
	if page.StatusCode != 403 || !strings.Contains(page.text, "may not do this") {
		t.Fatalf("more for the same agent: %d %s", page.StatusCode, page.text)
	}
	more := w.tokens(t, w.exchange(client, w.code(t, client, "agent=Other")))
	less := w.tokens(t, with(refreshing(client, more.str("refresh_token")), "scope=memory.read"))
	if less.str("scope") != "memory.read" {
		t.Errorf("a refresh for less: %q", less.str("scope"))
	}
	again := w.tokens(t, refreshing(client, less.str("refresh_token")))
	if again.str("scope") != "memory.read memory.write memory.delete" {
		t.Errorf("a refresh without a scope: %q", again.str("scope"))
	}

	// What the owner takes away later is not given again.
	p := w.agent(t, "Other")
	narrow := ops.AgentPolicy("Other", []string{"memory.read"})
	w.change(t, p.ID, store.PrincipalChange{Policy: &narrow})
	if last := w.tokens(t, refreshing(client, again.str("refresh_token"))); last.str("scope") != "memory.read" {
		t.Errorf("after the owner took some away: %q", last.str("scope"))
	}
}

func TestReuseOfAnAgentIsAskedFor(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	w.code(t, client)
	for _, tt := range []struct {
		changes []string
		want    string
	}{
		{[]string{"reuse"}, "called &#34;Claude&#34; already"},
		{[]string{"agent=claude!"}, "would share its memories"},
		{[]string{"agent=Anna"}, "is no agent"},
		{[]string{"agent=a\u202eb"}, "needs a name"},
		{[]string{"agent="}, "needs a name"},
		{[]string{"scope"}, "tick what"},
		{[]string{"scope=items.read"}, "tick what"}, // was not asked for
		{[]string{"secret="}, "passphrase or an API key is needed"},
		{[]string{"csrf=AAAA"}, "open for too long"},
	} {
		before := w.state(t)
		a := w.consent(t, w.query(client), tt.changes...)
		if a.StatusCode < 400 || !strings.Contains(a.text, tt.want) || strings.Contains(a.text, passphrase) {
			t.Errorf("%v: %d %s", tt.changes, a.StatusCode, a.text)
		}
		if after := w.state(t); after.agents != before.agents || after.grants != before.grants {
			t.Errorf("%v: changed %+v to %+v", tt.changes, before, after)
		}
	}
	before := w.state(t)
	w.code(t, client)
	if after := w.state(t); after.agents != before.agents {
		t.Errorf("the same agent was made again: %+v", after)
	}
	paused := locket.StatePaused
	w.change(t, w.agent(t, clientName).ID, store.PrincipalChange{State: &paused})
	if a := w.consent(t, w.query(client)); a.StatusCode != 400 || !strings.Contains(a.text, "resume it first") {
		t.Errorf("a paused agent: %d %s", a.StatusCode, a.text)
	}
}

// TestRestart tells apart agents that have a key of their own from those that haven't.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	client, foreign := w.register(t, clientName, callback), w.register(t, "Foreign", callback)
	without := w.tokens(t, w.exchange(client, w.code(t, client)))
	keeping := w.tokens(t, w.exchange(client, w.code(t, client, "agent=Keeper", "keep=yes")))
	rotated := w.tokens(t, refreshing(client, keeping.str("refresh_token")))
	if s := w.state(t); s.keys != 3 {
		t.Fatalf("%d keys, want the owner's two and one of the agent's", s.keys)
	}
	w.restart(t)
	if err := w.opens(t, rotated.str("access_token")); locket.CodeOf(err) != locket.CodeExpired {
		t.Errorf("the access token after a restart: %v", err)
	}
	w.fails(t, refreshing(client, without.str("refresh_token")), 400, "invalid_grant")
	w.fails(t, refreshing(client, keeping.str("refresh_token")), 400, "invalid_grant") // its key was replaced
	w.fails(t, refreshing(foreign, rotated.str("refresh_token")), 400, "invalid_grant")
	if s := w.state(t); !contains(s.refusals, "Keeper: the refresh token was given to another client") {
		t.Errorf("refusals: %v", s.refusals)
	}
	next := w.tokens(t, refreshing(client, rotated.str("refresh_token")))
	if err := w.opens(t, next.str("access_token")); err != nil || next.str("scope") != "memory.read memory.write memory.delete" {
		t.Errorf("after a restart: %v, scope %q", err, next.str("scope"))
	}
	last := w.tokens(t, refreshing(client, next.str("refresh_token")))
	if s := w.state(t); s.keys != 3 {
		t.Errorf("%d keys after three exchanges, want 3", s.keys)
	}

	// Reuse in the new process ends it all, the key included.
	w.fails(t, refreshing(client, next.str("refresh_token")), 400, "invalid_grant")
	w.fails(t, refreshing(client, last.str("refresh_token")), 400, "invalid_grant")
	w.restart(t)
	w.fails(t, refreshing(client, last.str("refresh_token")), 400, "invalid_grant")
	if s := w.state(t); s.keys != 2 {
		t.Errorf("%d keys after a reuse, want the owner's two", s.keys)
	}
}

// TestAbandonedKeysGo: a key that was made for a code nobody exchanged is ended at the
// next consent.
func TestAbandonedKeysGo(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, strings.Repeat("助", 100), callback)
	w.code(t, client, "keep=yes")
	w.ahead.Store(int64(2 * time.Minute))
	w.code(t, client, "keep=yes")
	if s := w.state(t); s.keys != 3 {
		t.Errorf("%d keys, want the owner's two and one", s.keys)
	}
}

func TestPausingStopsAtOnce(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	a := w.tokens(t, w.exchange(client, w.code(t, client)))
	if err := w.opens(t, a.str("access_token")); err != nil {
		t.Fatal(err)
	}
	paused, active := locket.StatePaused, locket.StateActive
	id := w.agent(t, clientName).ID
	w.change(t, id, store.PrincipalChange{State: &paused})
	if err := w.opens(t, a.str("access_token")); locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("paused: %v", err)
	}
	w.fails(t, refreshing(client, a.str("refresh_token")), 400, "invalid_grant")
	w.change(t, id, store.PrincipalChange{State: &active})
	if err := w.opens(t, a.str("access_token")); err != nil {
		t.Errorf("resumed: %v", err)
	}
	w.tokens(t, refreshing(client, a.str("refresh_token")))
}

func TestTwoPods(t *testing.T) {
	w := newWorld(t)
	w.stop()
	pod, key := w.create(t)
	w.start(t)
	client := w.register(t, clientName, callback)
	if page := w.authorize(t, w.query(client)); !strings.Contains(page.text, `name="pod"`) || strings.Contains(page.text, string(pod)) {
		t.Errorf("the page of a server with two pods: %s", page.text)
	}
	if a := w.consent(t, w.query(client)); a.StatusCode != 400 || !strings.Contains(a.text, "more than one pod") {
		t.Errorf("without a pod: %d %s", a.StatusCode, a.text)
	}
	for _, changes := range [][]string{{"pod=" + string(pod)}, {"secret=" + key}} {
		a := w.tokens(t, w.exchange(client, w.code(t, client, changes...)))
		err := w.visit(t, a.str("access_token"), func(v *pods.Visit) error {
			if got := v.Keys().Pod(); got != pod {
				t.Errorf("%v opened the pod %s", changes[0][:4], got)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if s := w.state(t); s.agents != 0 {
		t.Errorf("the other pod has got %d agents", s.agents)
	}
	if a := w.consent(t, w.query(client), "pod=0192f3a4-0000-7000-8000-000000000000"); a.StatusCode != 403 || strings.Contains(a.text, "not_found") {
		t.Errorf("a pod that isn't there: %d", a.StatusCode)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	a := w.tokens(t, w.exchange(client, w.code(t, client, "keep=yes")))
	b := w.tokens(t, refreshing(client, a.str("refresh_token")))
	ended := func(token string) {
		t.Helper()
		if r := w.post(t, "/oauth/revoke", url.Values{"token": {token}, "client_id": {client}}); r.StatusCode != 200 {
			t.Errorf("revoke: %d %s", r.StatusCode, r.text)
		}
	}
	ended(a.str("access_token"))
	if err := w.opens(t, a.str("access_token")); locket.CodeOf(err) != locket.CodeExpired {
		t.Errorf("a revoked access token: %v", err)
	}
	if err := w.opens(t, b.str("access_token")); err != nil {
		t.Errorf("the other access token: %v", err)
	}
	if r := w.post(t, "/oauth/revoke", url.Values{"token": {b.str("refresh_token")}, "client_id": {"other"}}); r.StatusCode != 401 || r.str("error") != "invalid_client" {
		t.Errorf("another client's: %d %s", r.StatusCode, r.text)
	}
	ended(b.str("refresh_token"))
	ended(b.str("refresh_token"))
	ended("nonsense")
	if err := w.opens(t, b.str("access_token")); locket.CodeOf(err) != locket.CodeExpired {
		t.Errorf("after the refresh token was revoked: %v", err)
	}
	w.fails(t, refreshing(client, b.str("refresh_token")), 400, "invalid_grant")
	if s := w.state(t); s.keys != 2 || len(s.refusals) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPublicURL(t *testing.T) {
	w := newWorld(t)
	w.stop()
	w.config.PublicURL = "https://pod.example.com/"
	w.config.Clients = []oauth.Client{{ID: "known", Name: "Known", Redirects: []string{callback}}}
	w.start(t)
	if a := do(t, "GET", w.URL+"/.well-known/oauth-authorization-server", "", ""); a.str("issuer") != "https://pod.example.com" {
		t.Errorf("issuer: %s", a.text)
	}
	query := with(w.query("known"), "resource=https://pod.example.com/mcp")
	if page := w.authorize(t, query); !strings.Contains(page.text, "<b>Known</b> is registered with this server") {
		t.Errorf("the page of a registered client: %s", page.text)
	}
	v := back(t, w.consent(t, query))
	if v.Get("iss") != "https://pod.example.com" {
		t.Errorf("iss: %v", v)
	}
	w.tokens(t, with(w.exchange("known", v.Get("code")), "resource=https://pod.example.com/mcp"))
	for _, bad := range []string{"http://pod.example.com", "https://pod.example.com/x", "pod.example.com", "https://u@pod.example.com", "https://pod.example.com?x"} {
		if _, err := oauth.New(oauth.Config{PublicURL: bad}); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
