package e2e_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// TestAgentByOAuth lets the SDK's client find out by itself how to get in, with the
// server's URL and its owner's consent and nothing else. Pausing the agent ends it.
func TestAgentByOAuth(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			h := newHome(t)
			h.must(t, "add", "Note", "name=Private", "text=only for the owner: saffron")
			server, asked := h.serve(t), 0
			handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
				DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{Metadata: &oauthex.ClientRegistrationMetadata{
					ClientName: "The SDK's client", RedirectURIs: []string{"http://127.0.0.1:7/callback"}, GrantTypes: []string{"authorization_code", "refresh_token"},
				}},
				RequestRefreshToken: true,
				AuthorizationCodeFetcher: func(_ context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
					asked++
					back := server.consent(t, h, strings.TrimPrefix(args.URL, server.url), "scribe", "")
					return &auth.AuthorizationResult{Code: back.Get("code"), State: back.Get("state"), Iss: back.Get("iss")}, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			s := agent(t, &sdk.StreamableClientTransport{Endpoint: server.url + "/mcp", OAuthHandler: handler, DisableStandaloneSSE: true}, version)
			defer func() { _ = s.Close() }()
			work(t, s, "oauth"+version)
			if asked != 1 {
				t.Errorf("the owner was asked %d times", asked)
			}
			if out := h.must(t, "agents", "log", "scribe"); !strings.Contains(out, "recall") {
				t.Errorf("what the agent did: %s", out)
			}
			h.must(t, "agents", "pause", "scribe")
			if res, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: "status"}); err == nil && !res.IsError {
				t.Error("a paused agent goes on")
			}
		})
	}
}

// consent answers the consent page at target as the owner in their browser, and returns
// what the client gets back.
func (s *server) consent(t *testing.T, h *home, target, agent, keep string) url.Values {
	t.Helper()
	_, page := s.form(t, "GET", target, nil)
	csrf := regexp.MustCompile(`name="csrf" value="([^"]*)"`).FindStringSubmatch(page)
	if csrf == nil {
		t.Fatalf("no consent page: %s", page)
	}
	resp, text := s.form(t, "POST", target, url.Values{
		"csrf": {html.UnescapeString(csrf[1])}, "decision": {"allow"}, "secret": {passphrase}, "pod": {string(h.pod)}, "agent": {agent},
		"scope": {"memory.read", "memory.write", "memory.delete"}, "keep": {keep},
	})
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("no code: %s %s", resp.Status, text)
	}
	return back.Query()
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
