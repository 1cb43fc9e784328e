package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
)

// fails sends a token request that must fail so.
func (w *world) fails(t *testing.T, form url.Values, status int, code string) answer {
	t.Helper()
	a := w.post(t, "/oauth/token", form)
	if a.StatusCode != status || a.str("error") != code || a.str("access_token") != "" {
		t.Errorf("token request: got %d %s, want %d %s", a.StatusCode, a.text, status, code)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers of a failure: %v", a.Header)
	}
	return a
}

// TestAuthorizeRefuses has the requests that are answered at the redirect URI.
func TestAuthorizeRefuses(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	before := w.state(t)
	for _, tt := range []struct {
		name, want string
		changes    []string
	}{
		{"no PKCE", "invalid_request", []string{"code_challenge", "code_challenge_method"}},
		{"plain PKCE", "invalid_request", []string{"code_challenge_method=plain"}},
		{"PKCE method left out, which means plain", "invalid_request", []string{"code_challenge_method"}},
		{"a short challenge", "invalid_request", []string{"code_challenge=abc"}},
		{"a challenge of other characters", "invalid_request", []string{"code_challenge=" + strings.Repeat("+", 43)}},
		{"a foreign resource", "invalid_target", []string{"resource=https://other.example/mcp"}},
		{"another path", "invalid_target", []string{"resource=" + w.URL + "/v1"}},
		{"an unknown scope", "invalid_scope", []string{"scope=memory.read admin"}},
		{"token instead of code", "unsupported_response_type", []string{"response_type=token"}},
		{"no response type", "invalid_request", []string{"response_type"}},
		{"another response mode", "invalid_request", []string{"response_mode=fragment"}},
		{"a huge state", "invalid_request", []string{"state=" + strings.Repeat("x", 2049)}},
		{"a request object", "request_not_supported", []string{"request=eyJ"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := back(t, w.authorize(t, with(w.query(client), tt.changes...)))
			if v.Get("error") != tt.want || v.Get("iss") != w.URL || v.Has("code") {
				t.Errorf("sent back with %v, want %s", v, tt.want)
			}
			if state := v.Get("state"); state != "xyz&=/" && !strings.HasPrefix(tt.name, "a huge") {
				t.Errorf("state = %q", state)
			}
		})
	}
	t.Run("a parameter twice", func(t *testing.T) {
		query := w.query(client)
		query.Add("scope", "memory.read")
		if v := back(t, w.authorize(t, query)); v.Get("error") != "invalid_request" {
			t.Errorf("sent back with %v", v)
		}
	})
	if v := back(t, w.consent(t, w.query(client), "decision=deny")); v.Get("error") != "access_denied" {
		t.Errorf("the owner refused: %v", v)
	}
	if after := w.state(t); after.agents != before.agents || after.grants != before.grants {
		t.Errorf("something has changed: %+v", after)
	}
}

// TestAuthorizeShowsErrors has the requests that must not send a browser anywhere.
func TestAuthorizeShowsErrors(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback, "http://127.0.0.1/cb", "com.example.agent:/cb")
	for name, changes := range map[string][]string{
		"no client":                     {"client_id"},
		"an unknown client":             {"client_id=nobody"},
		"a client that is changed":      {"client_id=" + client[:len(client)-4]},
		"a client with line breaks":     {"client_id=" + client[:9] + "\n" + client[9:]},
		"a document of a client":        {"client_id=https://agent.example/client.json"}, // none are fetched here
		"no redirect URI":               {"redirect_uri"},
		"another path":                  {"redirect_uri=" + callback + "/x"},
		"another query":                 {"redirect_uri=" + callback + "?x"},
		"another host":                  {"redirect_uri=https://agent.example.evil.example/callback"},
		"a port where there was none":   {"redirect_uri=https://agent.example:8443/callback"},
		"a fragment":                    {"redirect_uri=" + callback + "#x"},
		"a user":                        {"redirect_uri=https://agent.example@evil.example/callback"},
		"the loopback, by another name": {"redirect_uri=http://localhost/cb"},
		"the loopback, another path":    {"redirect_uri=http://127.0.0.1:8080/cb2"},
		"a script":                      {"redirect_uri=javascript:alert(1)"},
	} {
		a := w.authorize(t, with(w.query(client), changes...))
		if a.StatusCode != 400 || a.Header.Get("Location") != "" || !strings.Contains(a.text, "Nothing has changed") {
			t.Errorf("%s: %d %q %s", name, a.StatusCode, a.Header.Get("Location"), a.text)
		}
	}
	for _, redirect := range []string{"http://127.0.0.1:53211/cb", "com.example.agent:/cb"} {
		if a := w.authorize(t, with(w.query(client), "redirect_uri="+redirect)); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", redirect, a.StatusCode, a.text)
		}
	}
}

// TestTokenRefuses has requests that fail and change nothing. Where the code or token is
// genuine the journal says so.
func TestTokenRefuses(t *testing.T) {
	w := newWorld(t)
	client, foreign := w.register(t, clientName, callback), w.register(t, "Foreign", callback)
	given := w.tokens(t, w.exchange(client, w.code(t, client)))
	code := w.code(t, client)
	exchange, refresh := w.exchange(client, code), refreshing(client, given.str("refresh_token"))
	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
		want   string
		entry  string // in the journal
	}{
		{"no grant type", with(exchange, "grant_type"), 400, "invalid_request", ""},
		{"another grant type", with(exchange, "grant_type=password"), 400, "unsupported_grant_type", ""},
		{"no client", with(exchange, "client_id"), 400, "invalid_request", ""},
		{"an unknown client", with(exchange, "client_id=nobody"), 401, "invalid_client", ""},
		{"a client with a secret", with(exchange, "client_secret=x"), 401, "invalid_client", ""},
		{"a foreign client", with(exchange, "client_id="+foreign), 400, "invalid_grant", "another client"},
		{"no verifier", with(exchange, "code_verifier"), 400, "invalid_request", ""},
		{"a short verifier", with(exchange, "code_verifier=abc"), 400, "invalid_request", ""},
		{"a wrong verifier", with(exchange, "code_verifier="+strings.Repeat("x", 43)), 400, "invalid_grant", "code_verifier"},
		{"another redirect URI", with(exchange, "redirect_uri="+callback+"/x"), 400, "invalid_grant", "redirect_uri"},
		{"a foreign resource", with(exchange, "resource=https://other.example/mcp"), 400, "invalid_target", ""},
		{"no code", with(exchange, "code"), 400, "invalid_request", ""},
		{"nonsense for a code", with(exchange, "code=lo_xyz"), 400, "invalid_grant", ""},
		{"a code that is changed", with(exchange, "code="+flip(code, 30)), 400, "invalid_grant", ""},
		{"a code with another's grant", with(exchange, "code="+strings.Split(code, ".")[0]+"."+strings.Split(given.str("refresh_token"), ".")[1]+"&"), 400, "invalid_grant", ""},
		{"a refresh token for a code", with(exchange, "code="+given.str("refresh_token")), 400, "invalid_grant", ""},
		{"an access token for a code", with(exchange, "code="+given.str("access_token")), 400, "invalid_grant", ""},
		{"more than was agreed to", with(exchange, "scope=items.read"), 400, "invalid_scope", ""},
		{"no refresh token", with(refresh, "refresh_token"), 400, "invalid_request", ""},
		{"an access token for a refresh token", with(refresh, "refresh_token="+given.str("access_token")), 400, "invalid_grant", ""},
		{"a code for a refresh token", with(refresh, "refresh_token="+code), 400, "invalid_grant", ""},
		{"an owner's key for a refresh token", with(refresh, "refresh_token="+w.key), 400, "invalid_grant", ""},
		{"another client's refresh token", with(refresh, "client_id="+foreign), 400, "invalid_grant", "another client"},
		{"an unknown scope", with(refresh, "scope=admin"), 400, "invalid_scope", ""},
		{"a wider scope", with(refresh, "scope=memory.read items.read"), 400, "invalid_scope", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.state(t)
			w.fails(t, tt.form, tt.status, tt.want)
			after := w.state(t)
			if before.agents != after.agents || before.grants != after.grants || before.keys != after.keys {
				t.Errorf("changed %+v to %+v", before, after)
			}
			made := after.refusals[:len(after.refusals)-len(before.refusals)] // the latest come first
			if tt.entry == "" && len(made) != 0 || tt.entry != "" && (len(made) != 1 || !strings.HasPrefix(made[0], clientName+": ") || !contains(made, tt.entry)) {
				t.Errorf("the journal says %q, want %q", made, tt.entry)
			}
		})
		w.ahead.Add(int64(time.Second)) // for the throttle, which is not what is tested
	}
	// After all that, both are still good.
	w.ahead.Store(0)
	w.tokens(t, refresh)
	w.tokens(t, with(exchange, "redirect_uri")) // OAuth 2.1 does without
}

// flip changes one character of a token.
func flip(s string, at int) string {
	c := byte('A')
	if s[at] == 'A' {
		c = 'B'
	}
	return s[:at] + string(c) + s[at+1:]
}

func TestMalformedTokenRequests(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	form := w.exchange(client, "lo_x").Encode()
	for _, tt := range []struct {
		name, contentType, body string
		header                  []string
		status                  int
		want                    string
	}{
		{"JSON", "application/json", `{"grant_type":"authorization_code"}`, nil, 400, "invalid_request"},
		{"a parameter twice", formType, form + "&client_id=x", nil, 400, "invalid_request"},
		{"no form", formType, "%zz", nil, 400, "invalid_request"},
		{"a huge body", formType, form + "&x=" + strings.Repeat("x", 20<<10), nil, 413, "invalid_request"},
		{"Basic authentication", formType, form, []string{"Authorization: Basic eDp5"}, 401, "invalid_client"},
	} {
		a := do(t, "POST", w.URL+"/oauth/token", tt.contentType, tt.body, tt.header...)
		if a.StatusCode != tt.status || a.str("error") != tt.want || (a.Header.Get("WWW-Authenticate") != "") != (tt.status == 401) {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.text)
		}
	}
	if a := do(t, "GET", w.URL+"/oauth/token", "", ""); a.StatusCode != 405 || a.Header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("GET: %d %s", a.StatusCode, a.text)
	}
	for _, path := range []string{"/oauth/token", "/oauth/register", "/oauth/revoke"} {
		a := do(t, "OPTIONS", w.URL+path, "", "", "Origin: https://app.example", "Access-Control-Request-Method: POST")
		if a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "POST") {
			t.Errorf("preflight of %s: %d %v", path, a.StatusCode, a.Header)
		}
	}
	// A page of another site may ask for tokens, which it must have a code for.
	if a := w.post(t, "/oauth/token", w.exchange(client, w.code(t, client)), "Origin: https://app.example", "Sec-Fetch-Site: cross-site"); a.StatusCode != 200 {
		t.Errorf("from another site: %d %s", a.StatusCode, a.text)
	}
}

func TestExpiredCode(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	code := w.code(t, client)
	before := w.state(t)
	w.ahead.Store(int64(61 * time.Second))
	w.fails(t, w.exchange(client, code), 400, "invalid_grant")
	if after := w.state(t); after.grants != before.grants || !contains(after.refusals, "run out") {
		t.Errorf("%+v", after)
	}
}

// TestReplayedCode: a code that is used twice ends what it gave the first time
// (OAuth 2.1 §4.1.3).
func TestReplayedCode(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	for _, keep := range []string{"keep=", "keep=yes"} {
		code := w.code(t, client, keep)
		first := w.tokens(t, w.exchange(client, code))
		second := w.tokens(t, refreshing(client, first.str("refresh_token")))
		w.fails(t, w.exchange(client, code), 400, "invalid_grant")
		for _, a := range []answer{first, second} {
			if err := w.opens(t, a.str("access_token")); locket.CodeOf(err) != locket.CodeExpired {
				t.Errorf("an access token after the replay: %v", err)
			}
		}
		w.fails(t, refreshing(client, second.str("refresh_token")), 400, "invalid_grant")
		if s := w.state(t); s.keys != 2 || !contains(s.refusals, clientName+": a code was used again") {
			t.Errorf("%+v", s)
		}
	}
}

// TestReusedRefreshToken: one that is used twice was stolen, from whoever used it first
// or second, so it all ends. Other authorizations of the agent go on.
func TestReusedRefreshToken(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	other := w.tokens(t, w.exchange(client, w.code(t, client)))
	for _, keep := range []string{"keep=", "keep=yes"} {
		first := w.tokens(t, w.exchange(client, w.code(t, client, keep)))
		second := w.tokens(t, refreshing(client, first.str("refresh_token")))
		w.fails(t, refreshing(client, first.str("refresh_token")), 400, "invalid_grant")
		for _, a := range []answer{first, second} {
			if err := w.opens(t, a.str("access_token")); locket.CodeOf(err) != locket.CodeExpired {
				t.Errorf("an access token after the reuse: %v", err)
			}
		}
		w.fails(t, refreshing(client, second.str("refresh_token")), 400, "invalid_grant")
		if s := w.state(t); s.keys != 2 || !contains(s.refusals, clientName+": a refresh token was used again") {
			t.Errorf("%+v", s)
		}
	}
	if err := w.opens(t, other.str("access_token")); err != nil {
		t.Errorf("the other authorization: %v", err)
	}
	w.tokens(t, refreshing(client, other.str("refresh_token")))
}

// TestManyRefreshesLeaveFewGrants: an agent can't fill the pod with grants.
func TestManyRefreshesLeaveFewGrants(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	a := w.tokens(t, w.exchange(client, w.code(t, client)))
	for range 8 {
		a = w.tokens(t, refreshing(client, a.str("refresh_token")))
	}
	if s := w.state(t); s.grants != 6 { // that of the code, that of the refresh tokens, and 4
		t.Errorf("%d grants", s.grants)
	}
	if err := w.opens(t, a.str("access_token")); err != nil {
		t.Error(err)
	}
}
