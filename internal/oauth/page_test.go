package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/oauth"
	"github.com/locketpod/locket/internal/ops"
)

// TestConsentPage looks at what an owner is shown before anything is agreed to.
func TestConsentPage(t *testing.T) {
	w := newWorld(t)
	name := `<script>alert(1)</script>"'>&`
	client := w.register(t, name, callback, "http://[::1]/cb", "http://127.0.0.1/cb", "com.example.agent:/cb")
	a := w.authorize(t, with(w.query(client), "state=\"><b>"))
	if a.StatusCode != 200 || strings.Contains(a.text, "<script") || strings.Contains(a.text, `"><b>`) || !strings.Contains(a.text, "&lt;script&gt;") {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	csp := a.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'; ", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' https://agent.example;"} {
		if !strings.Contains(csp, part) {
			t.Errorf("the content security policy has no %q: %s", part, csp)
		}
	}
	if strings.Contains(csp, "script") || strings.Contains(csp, "unsafe") {
		t.Errorf("the content security policy lets scripts run: %s", csp)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(a.text)
	if sum := sha256.Sum256([]byte(style[1])); !strings.Contains(csp, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Error("the content security policy does not let the style be used")
	}
	for header, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	for _, s := range ops.Scopes() {
		if got := strings.Contains(a.text, s.Sentence[:20]); got != s.Usual {
			t.Errorf("the page shows %s: %v", s.Name, got)
		}
	}
	for _, part := range []string{"Nobody vouches for that", "sent to agent.example", "after each restart", "May read and search memories where namespace is &#34;shared&#34;"} {
		if !strings.Contains(a.text, part) {
			t.Errorf("the page does not say %q:\n%s", part, a.text)
		}
	}
	if strings.Contains(a.text, `name="pod"`) {
		t.Error("the page of a server with one pod asks for a pod")
	}
	if external := regexp.MustCompile(`(?i)(src|href)=|url\(|@import`).FindString(a.text); external != "" {
		t.Errorf("the page refers to something else: %s", external)
	}
	for redirect, want := range map[string][2]string{
		"http://[::1]:5000/cb":     {"form-action 'self' http:;", "a program on this computer"},
		"http://127.0.0.1:5000/cb": {"form-action 'self' http://127.0.0.1:5000;", "a program on this computer"},
		"com.example.agent:/cb":    {"form-action 'self' com.example.agent:;", "opens com.example.agent: links"},
	} {
		a := w.authorize(t, with(w.query(client), "redirect_uri="+redirect))
		if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, want[0]) || !strings.Contains(a.text, want[1]) {
			t.Errorf("%s: %s\n%s", redirect, csp, a.text)
		}
	}
}

// TestConsentIsOfThisPage: a form that does not come from the page that was made for the
// request does nothing, even with the passphrase.
func TestConsentIsOfThisPage(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	action, form := fill(t, w.authorize(t, w.query(client)))
	elsewhere := "/oauth/authorize?" + with(w.query(client), "state=another").Encode()
	for name, a := range map[string]answer{
		"from another site":              w.post(t, action, form, "Sec-Fetch-Site: cross-site"),
		"from another origin":            w.post(t, action, form, "Origin: https://evil.example"),
		"from nowhere":                   w.post(t, action, form),
		"without the page's token":       w.post(t, action, with(form, "csrf"), sameOrigin),
		"for another request":            w.post(t, elsewhere, form, sameOrigin),
		"as JSON":                        do(t, "POST", w.URL+action, "application/json", form.Encode(), sameOrigin),
		"with a wrong passphrase":        w.post(t, action, with(form, "secret=wrong"), sameOrigin),
		"with another's key":             w.post(t, action, with(form, "secret="+flip(w.key, 60)), sameOrigin),
		"with a huge passphrase":         w.post(t, action, with(form, "secret="+strings.Repeat("x", 2000)), sameOrigin),
		"with a huge form":               w.post(t, action, with(form, "secret="+strings.Repeat("x", 20000)), sameOrigin),
		"with another method":            do(t, "PUT", w.URL+action, formType, form.Encode(), sameOrigin),
		"with the passphrase in the URL": do(t, "GET", w.URL+action+"&"+url.Values{"secret": {passphrase}, "decision": {"allow"}}.Encode(), "", ""),
	} {
		if a.Header.Get("Location") != "" || a.StatusCode < 400 && name != "with the passphrase in the URL" {
			t.Errorf("%s: %d %q", name, a.StatusCode, a.Header.Get("Location"))
		}
	}
	if s := w.state(t); s.agents != 0 || s.grants != 0 {
		t.Errorf("something has changed: %+v", s)
	}
	w.ahead.Store(int64(11 * time.Minute))
	if a := w.post(t, action, form, sameOrigin); a.StatusCode != 400 || !strings.Contains(a.text, "open for too long") {
		t.Errorf("an old page: %d %s", a.StatusCode, a.text)
	}
	w.ahead.Store(0)
	if a := w.post(t, action, form, "Origin: "+w.URL); a.StatusCode != 303 {
		t.Errorf("from a browser that sends Origin only: %d %s", a.StatusCode, a.text)
	}
}

// TestGuessingIsSlow: passphrases can't be guessed here faster than at the login.
func TestGuessingIsSlow(t *testing.T) {
	w := newWorld(t)
	client := w.register(t, clientName, callback)
	var codes []int
	for range 5 {
		codes = append(codes, w.consent(t, w.query(client), "secret=wrong").StatusCode)
	}
	if last := codes[len(codes)-1]; codes[0] != 403 || last != 429 {
		t.Errorf("answers to wrong passphrases: %v", codes)
	}
	for range 20 {
		w.post(t, "/oauth/token", w.exchange(client, "lo_x"))
	}
	if a := w.post(t, "/oauth/token", w.exchange(client, "lo_x")); a.StatusCode != 429 {
		t.Errorf("after 25 wrong credentials: %d", a.StatusCode)
	}
}

func TestRegister(t *testing.T) {
	w := newWorld(t)
	a := do(t, "POST", w.URL+"/oauth/register", "application/json",
		`{"client_name":" An agent ","redirect_uris":["https://a.example/cb"],"token_endpoint_auth_method":"client_secret_post","logo_uri":"https://a.example/x.png","extra":1}`)
	if a.StatusCode != 201 || a.str("client_name") != "An agent" || a.str("token_endpoint_auth_method") != "none" || a.json["client_secret"] != nil {
		t.Errorf("%d %s", a.StatusCode, a.text)
	}
	if again := w.register(t, "An agent", "https://a.example/cb"); again != a.str("client_id") || !strings.HasPrefix(again, "lc_") {
		t.Errorf("registered again as %s, first as %s", again, a.str("client_id"))
	}
	long := "https://a.example/" + strings.Repeat("x", 490)
	for _, tt := range []struct{ name, body, want string }{
		{"no JSON", `x`, "invalid_client_metadata"},
		{"a list", `[]`, "invalid_client_metadata"},
		{"no redirect URIs", `{"client_name":"x"}`, "invalid_client_metadata"},
		{"too many", `{"redirect_uris":["` + strings.Repeat(`https://a.example/","`, 10) + `https://a.example/"]}`, "invalid_client_metadata"},
		{"too long together", `{"redirect_uris":["` + strings.Repeat(long+`","`, 7) + long + `"]}`, "invalid_client_metadata"},
		{"plain HTTP", `{"redirect_uris":["http://a.example/"]}`, "invalid_redirect_uri"},
		{"a script", `{"redirect_uris":["javascript:alert(1)"]}`, "invalid_redirect_uri"},
		{"data", `{"redirect_uris":["data:text/html,x"]}`, "invalid_redirect_uri"},
		{"a scheme without a dot", `{"redirect_uris":["agent:/cb"]}`, "invalid_redirect_uri"},
		{"a fragment", `{"redirect_uris":["https://a.example/#x"]}`, "invalid_redirect_uri"},
		{"a user", `{"redirect_uris":["https://u@a.example/"]}`, "invalid_redirect_uri"},
		{"no host", `{"redirect_uris":["https:///cb"]}`, "invalid_redirect_uri"},
		{"relative", `{"redirect_uris":["/cb"]}`, "invalid_redirect_uri"},
		{"a quote", `{"redirect_uris":["https://a.example/'"]}`, "invalid_redirect_uri"},
		{"a name that turns round", `{"client_name":"a\u202eb","redirect_uris":["https://a.example/"]}`, "invalid_client_metadata"},
		{"a long name", `{"client_name":"` + strings.Repeat("x", 101) + `","redirect_uris":["https://a.example/"]}`, "invalid_client_metadata"},
		{"another grant", `{"grant_types":["client_credentials"],"redirect_uris":["https://a.example/"]}`, "invalid_client_metadata"},
	} {
		a := do(t, "POST", w.URL+"/oauth/register", "application/json", tt.body)
		if a.StatusCode != 400 || a.str("error") != tt.want {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.text)
		}
	}
	if _, err := oauth.New(oauth.Config{Clients: []oauth.Client{{ID: "x", Name: "x", Redirects: []string{"agent:/cb"}}}}); err == nil {
		t.Error("a configured client with a bad redirect URI is taken")
	}
}
