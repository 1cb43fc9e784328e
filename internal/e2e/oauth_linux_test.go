package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestMemoryOfAuthorizations lets agents in by OAuth, with and without a key of their
// own, and looks for what was shown and sent in the memory of the server.
func TestMemoryOfAuthorizations(t *testing.T) {
	h := newHome(t)
	s := h.serve(t)
	patterns := map[string][]byte{"passphrase": []byte(passphrase)}
	for _, keep := range []string{"", "yes"} {
		for _, token := range s.letIn(t, h, keep) {
			for i, part := range strings.Split(token, ".") {
				name := []string{"head", "grant", "key"}[i]
				if len(part) < 100 {
					patterns[keep+name+part[:8]] = []byte(part[10 : len(part)-6])
				} else {
					patterns[keep+name+part[len(part)-8:]] = []byte(part[50 : len(part)-20])
				}
			}
		}
	}
	maps.Copy(patterns, h.secrets(t).patterns(""))
	before := scanMemory(t, s.cmd.Process.Pid, patterns)
	hits := untilClean(t, s.cmd.Process.Pid, patterns)
	t.Logf("before the sweep %v, after %v", before.counts(), hits.counts())
	for _, place := range hits.places {
		t.Error(place)
	}
}

// letIn lets an agent in as a client and its owner do, refreshes twice, and returns
// all codes and tokens.
func (s *server) letIn(t *testing.T, h *home, keep string) []string {
	t.Helper()
	const callback, verifier = "https://agent.example/callback", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	var client struct {
		ID string `json:"client_id"`
	}
	s.ask(t, "POST", "/oauth/register", `{"client_name":"agent`+keep+`","redirect_uris":["`+callback+`"]}`, "", "", &client)
	sum := sha256.Sum256([]byte(verifier))
	target := "/oauth/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {client.ID}, "redirect_uri": {callback}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}.Encode()
	_, page := s.form(t, "GET", target, nil)
	csrf := regexp.MustCompile(`name="csrf" value="([^"]*)"`).FindStringSubmatch(page)
	if csrf == nil {
		t.Fatalf("no consent page: %s", page)
	}
	back, text := s.form(t, "POST", target, url.Values{
		"csrf": {html.UnescapeString(csrf[1])}, "decision": {"allow"}, "secret": {passphrase}, "pod": {string(h.pod)}, "agent": {"agent" + keep},
		"scope": {"memory.read", "memory.write"}, "keep": {keep},
	})
	u, err := url.Parse(back.Header.Get("Location"))
	if err != nil || u.Query().Get("code") == "" {
		t.Fatalf("no code: %s %s", back.Status, text)
	}
	shown := []string{u.Query().Get("code")}
	ask := url.Values{"grant_type": {"authorization_code"}, "client_id": {client.ID}, "code": shown, "code_verifier": {verifier}}
	for range 3 {
		resp, text := s.form(t, "POST", "/oauth/token", ask)
		var tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(text), &tokens); err != nil || tokens.Refresh == "" {
			t.Fatalf("no tokens: %s %s", resp.Status, text)
		}
		shown = append(shown, tokens.Access, tokens.Refresh)
		ask = url.Values{"grant_type": {"refresh_token"}, "client_id": {client.ID}, "refresh_token": {tokens.Refresh}}
	}
	return shown
}

// form sends a form as a browser does on the server's own page, and follows nothing.
func (s *server) form(t *testing.T, method, target string, form url.Values) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	transport := s.transport()
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}
