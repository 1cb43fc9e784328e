package mcp

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// A fake is a Caller with answers to operations by name.
type fake struct {
	answers map[string]any // an error fails; a func(map[string]any) any is called

	mu    sync.Mutex
	calls []string
	last  map[string]any
}

func (f *fake) Call(_ context.Context, op string, in map[string]any) (json.RawMessage, error) {
	f.mu.Lock()
	f.calls, f.last = append(f.calls, op), in
	f.mu.Unlock()
	out, ok := f.answers[op]
	if !ok {
		return nil, locket.Errorf(locket.CodeUnsupported, "this server has no operation %s", op)
	}
	if fn, ok := out.(func(map[string]any) any); ok {
		out = fn(in)
	}
	if err, ok := out.(error); ok {
		return nil, err
	}
	return json.Marshal(out)
}

func (f *fake) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// versions are those of the protocol that clients of today speak.
func versions() []string { return []string{"2025-06-18", "2025-11-25", "2026-07-28"} }

// connect connects the SDK's client with a server for a caller, in memory.
func connect(t *testing.T, c Caller, version string, toolsets ...string) *sdk.ClientSession {
	t.Helper()
	srv, err := newServer(Config{Caller: c, Toolsets: toolsets, Version: "v0.0.0-test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	here, there := sdk.NewInMemoryTransports()
	served, err := srv.Connect(t.Context(), there, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), here, &sdk.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.Close()
		_ = served.Wait()
	})
	return session
}

// overHTTP serves a doer over HTTP and connects the SDK's client with it.
func overHTTP(t *testing.T, do Doer, version, query string) *sdk.ClientSession {
	t.Helper()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ServeHTTP(Config{Version: "v0.0.0-test", Log: slog.New(slog.DiscardHandler)}, do, w, r)
	})
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: s.URL + query}, &sdk.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// use calls a tool and returns the text of its answer, its structured answer and whether
// it failed.
func use(t *testing.T, s *sdk.ClientSession, name string, arguments any) (text string, data map[string]any, failed bool) {
	t.Helper()
	res, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var texts []string
	for _, c := range res.Content {
		content, ok := c.(*sdk.TextContent)
		if !ok {
			t.Fatalf("%s answers with a %T", name, c)
		}
		texts = append(texts, content.Text)
	}
	if len(texts) != 1 && len(texts) != 3 {
		t.Fatalf("%s answers with %d texts", name, len(texts))
	}
	data, _ = res.StructuredContent.(map[string]any)
	return strings.Join(texts, "\n"), data, res.IsError
}

func item(text string, trust locket.Trust) locket.Item {
	return locket.Item{
		ID: "0192f3a4-0000-7000-8000-000000000001", Type: "Memory", Version: 3, Trust: trust,
		Props: map[string]any{"text": text, "kind": "fact", "dateCreated": "2026-03-01T10:00:00Z"},
	}
}

// hits is an answer of memory.recall.
func hits(items ...locket.Item) map[string]any {
	var list []map[string]any
	for _, it := range items {
		list = append(list, map[string]any{"item": it, "score": 0.5, "why": []string{"tea"}, "around": []locket.Item{it}})
	}
	return map[string]any{"hits": list, "tokens": 10, "mode": "words", "left": 2}
}

func doNothing(context.Context, ops.Op, any) (any, error) {
	return nil, locket.Errorf(locket.CodeDenied, "not permitted")
}
