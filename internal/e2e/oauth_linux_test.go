package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
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
	shown := []string{s.consent(t, h, target, "agent"+keep, keep).Get("code")}
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
