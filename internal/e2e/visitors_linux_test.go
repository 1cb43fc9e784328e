package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// visitors are those who come beside the owner's key: an agent with a key of its own
// and a browser with a session.
type visitors struct {
	agentKey string
	session  string // value of the session cookie
}

// visit lets an agent in, logs a browser in, and has both ask. What they brought with
// them is what the server must not keep.
func (s *server) visit(t *testing.T, h *home, row, blob string) visitors {
	t.Helper()
	var made struct{ Key string }
	name := fmt.Sprint("agent ", time.Now().UnixNano())
	policy := `{"rules":[{"actions":["read","search","create"],"types":["Note"]}]}`
	s.ask(t, "POST", "/v1/principals", `{"kind":"agent","name":"`+name+`","policy":`+policy+`,"key":true}`, "Bearer "+s.key, "", &made)
	var logged struct{ Grant any }
	res := s.ask(t, "POST", "/v1/session", `{"pod":"`+string(h.pod)+`","passphrase":"`+passphrase+`"}`, "", "", &logged)
	v := visitors{agentKey: made.Key}
	for _, c := range res.Cookies() {
		v.session = c.Value
	}
	if v.agentKey == "" || v.session == "" {
		t.Fatalf("no key or no session: %+v", v)
	}
	agent := *s
	agent.key = v.agentKey
	if err := requests(t, agent.client(t), 99, row, blob); err != nil {
		t.Fatalf("agent: %v", err)
	}
	for range 20 {
		agent.tool(t, "search", row)
	}
	for range 20 {
		var found struct{ Items []any }
		s.ask(t, "GET", "/v1/search?q="+url.QueryEscape(row), "", "", v.session, &found)
		if len(found.Items) == 0 {
			t.Fatal("the session finds nothing")
		}
	}
	return v
}

// tool has an agent look for something over the Model Context Protocol.
func (s *server) tool(t *testing.T, name, query string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"jsonrpc": "2.0", "id": 1, "method": "tools/call",
		"params": map[string]any{"name": name, "arguments": map[string]any{"query": query}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Result struct {
			StructuredContent struct{ Results []any }
		}
	}
	s.ask(t, "POST", "/mcp", string(body), "Bearer "+s.key, "", &found)
	if len(found.Result.StructuredContent.Results) == 0 {
		t.Fatal("the agent finds nothing")
	}
}

// ask sends one request with a credential or a session, which must succeed.
func (s *server) ask(t *testing.T, method, target, body, authorization, session string, out any) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if session != "" {
		r.Header.Set("Cookie", "__Host-locket="+session)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	transport := s.transport()
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, target, res.Status, answer, err)
	}
	if err := json.NewDecoder(bytes.NewReader(answer)).Decode(out); err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return res
}
