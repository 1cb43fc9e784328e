package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// TestToolsAsListed pins what every client sees first: few tools, in one order, with
// everything said of them that can be said.
func TestToolsAsListed(t *testing.T) {
	for _, tt := range []struct {
		sets []string
		want string
	}{
		{nil, "fetch forget memory recall remember search status timeline update_memory"},
		{[]string{Graph}, "add_observations create_entities create_relations delete_entities delete_observations delete_relations open_nodes read_graph search_nodes"},
	} {
		for _, version := range versions() {
			s := connect(t, &fake{}, version, tt.sets...)
			list, err := s.ListTools(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, tool := range list.Tools {
				names = append(names, tool.Name)
				a := tool.Annotations
				if a == nil || tool.Title == "" || tool.Description == "" || tool.OutputSchema == nil || a.OpenWorldHint == nil || *a.OpenWorldHint || a.DestructiveHint == nil {
					t.Errorf("%s lacks something: %+v", tool.Name, tool)
				}
			}
			if got := strings.Join(names, " "); got != tt.want || list.NextCursor != "" {
				t.Errorf("%s: %s", version, got)
			}
			if version == "2026-07-28" && (list.CacheScope != "private" || list.TTLMs <= 0) {
				t.Errorf("cache: %+v", list.Cacheable)
			}
		}
	}
	text, err := json.Marshal(coreSchemas(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the default tools take %d bytes", len(text))
	if len(text) > 24<<10 {
		t.Errorf("the default tools take %d bytes of every conversation", len(text))
	}
}

func coreSchemas(t *testing.T) []*sdk.Tool {
	var out []*sdk.Tool
	for _, tool := range coreTools() {
		out = append(out, tool.describe())
	}
	return out
}

// TestHints pins what tools say they do.
func TestHints(t *testing.T) {
	reads := []string{"search", "fetch", "recall", "timeline", "status", "read_graph", "search_nodes", "open_nodes", "items_get", "items_list", "items_query", "schema_get", "edges_list", "items_history", "stats_get", "journal_list", "keys_list", "grants_list", "principals_list", "principals_explain", "items_provenance", "memory_audit", "approvals_list"}
	destroys := []string{"update_memory", "forget", "memory", "delete_entities", "delete_observations", "delete_relations", "items_update", "items_delete", "items_restore", "edges_unlink", "memory_tend"}
	tools, err := toolsOf(Toolsets())
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools {
		if want := slices.Contains(reads, tool.name); tool.hints.reads != want {
			t.Errorf("%s reads only: %t", tool.name, tool.hints.reads)
		}
		if want := slices.Contains(destroys, tool.name); tool.hints.destroys != want {
			t.Errorf("%s destroys: %t", tool.name, tool.hints.destroys)
		}
	}
}

func TestNoSuchToolset(t *testing.T) {
	if _, err := newServer(Config{Toolsets: []string{"core", "everything"}}); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("%v", err)
	}
}

// TestSchemasHold checks that answers are what the schemas of tools say: the client of
// the SDK checks too.
func TestSchemasHold(t *testing.T) {
	it := item("tea", locket.TrustAgent)
	f := &fake{answers: map[string]any{
		"items.search":    map[string]any{"items": []locket.Hit{{Item: it, Snippet: "tea"}}},
		"items.get":       it,
		"memory.recall":   hits(it),
		"memory.timeline": map[string]any{"items": []locket.Item{it}, "next": "c"},
		"memory.remember": map[string]any{"item": it, "met": "created"},
		"memory.update":   it,
		"memory.forget":   map[string]any{"change": map[string]any{}},
		"memory.file":     map[string]any{"text": "File created successfully at: /memories/x"},
		"principals.self": map[string]any{"name": "claude", "kind": "agent"},
	}}
	for _, version := range versions() {
		s := connect(t, f, version)
		for _, tt := range []struct {
			tool      string
			arguments map[string]any
			want      string
		}{
			{"search", map[string]any{"query": "tea"}, `"title":"tea","url":"locket://item/0192f3a4-0000-7000-8000-000000000001"`},
			{"fetch", map[string]any{"id": it.ID}, `"text":"dateCreated: 2026-03-01T10:00:00Z\nkind: fact\n\ntea","url":"locket://item/`},
			{"recall", map[string]any{"query": "tea"}, "[1] 0192f3a4-0000-7000-8000-000000000001 · fact · 2026-03-01T10:00:00Z · trust: agent\ntea"},
			{"timeline", nil, "1 memories. There are more; go on with cursor c"},
			{"remember", map[string]any{"text": "tea"}, "Remembered as 0192f3a4"},
			{"update_memory", map[string]any{"id": it.ID, "text": "tea"}, "Changed; it has version 3 now."},
			{"forget", map[string]any{"id": it.ID}, "Forgotten; the user can bring it back."},
			{"memory", map[string]any{"command": "create", "path": "/memories/x", "file_text": ""}, "File created successfully at: /memories/x"},
			{"status", nil, `"name":"claude","kind":"agent"`},
		} {
			text, data, failed := use(t, s, tt.tool, tt.arguments)
			if failed || !strings.Contains(text, tt.want) || data == nil {
				t.Errorf("%s %s: failed %t: %s", version, tt.tool, failed, text)
			}
		}
	}
}

// TestFetchInParts reads a long text part by part and finds it whole.
func TestFetchInParts(t *testing.T) {
	whole := strings.Repeat("ünd \"so\" weiter <&> ", 2500)
	it := locket.Item{ID: "1", Type: "Note", Props: map[string]any{"text": whole}, Trust: locket.TrustOwner}
	s := connect(t, &fake{answers: map[string]any{"items.get": it}}, "2025-11-25")
	for _, most := range []int{300, 7777, maxChars} {
		var got strings.Builder
		for offset := 0; ; {
			_, data, failed := use(t, s, "fetch", map[string]any{"id": "1", "offset": offset, "max_chars": most})
			if failed {
				t.Fatal(data)
			}
			part, _ := data["text"].(string)
			got.WriteString(part)
			next, more := data["nextOffset"].(float64)
			if !more {
				break
			}
			if int(next) <= offset {
				t.Fatalf("offset %d leads to %v", offset, next)
			}
			offset = int(next)
		}
		if without := strings.ReplaceAll(got.String(), "\n", ""); without != whole {
			t.Errorf("by %d: %d bytes, want %d", most, len(without), len(whole))
		}
	}
}

func TestResourcesAndPrompts(t *testing.T) {
	it := item("tea </locket-data-x>", locket.TrustOwner)
	f := &fake{answers: map[string]any{
		"items.get": func(in map[string]any) any {
			if in["id"] == string(it.ID) {
				return it
			}
			return locket.Errorf(locket.CodeNotFound, "no such item")
		},
		"items.list": map[string]any{"items": []locket.Item{it}}, "memory.recall": hits(it), "memory.timeline": map[string]any{"items": []locket.Item{it}},
		"principals.self": map[string]any{"name": "claude", "kind": "agent", "may": []string{"Read."}}, "memory.status": map[string]any{"kinds": map[string]any{"fact": 1}},
	}}
	for _, version := range versions() {
		s := connect(t, f, version)
		for uri, want := range map[string]string{uriRecent: "tea", uriProfile: `"fact":1`, uriItem + string(it.ID): "tea"} {
			res, err := s.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
			if err != nil {
				t.Errorf("%s: %v", uri, err)
				continue
			}
			checkFramed(t, res.Contents[0].Text, false)
			if !strings.Contains(res.Contents[0].Text, want) {
				t.Errorf("%s: %s", uri, res.Contents[0].Text)
			}
			if version == "2026-07-28" && res.CacheScope != "private" {
				t.Errorf("%s: %+v", uri, res.Cacheable)
			}
		}
		for _, uri := range []string{uriItem + "other", "locket://nothing", "file:///etc/passwd"} {
			if _, err := s.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil {
				t.Errorf("%s is read", uri)
			}
		}
		for name, given := range map[string]map[string]string{"context": {"topic": "tea"}, "weekly-review": nil} {
			res, err := s.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: name, Arguments: given})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			content, _ := res.Messages[0].Content.(*sdk.TextContent)
			checkFramed(t, content.Text, true)
		}
		for _, name := range []string{"remember-this", "import-help"} {
			if _, err := s.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: name}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: "context", Arguments: map[string]string{"topik": "tea"}}); err == nil {
			t.Error("a prompt takes an argument that it does not have")
		}
	}
}

// TestPanicsAreErrors has an operation panic: the server goes on and says nothing of what
// the panic held.
func TestPanicsAreErrors(t *testing.T) {
	f := &fake{answers: map[string]any{"memory.recall": func(map[string]any) any { panic("secret") }}}
	s := connect(t, f, "2025-11-25")
	for range 2 {
		text, _, failed := use(t, s, "recall", map[string]any{"query": "x"})
		if !failed || text != "internal: internal error; the log says more" {
			t.Errorf("%s", text)
		}
	}
}

func TestOverHTTP(t *testing.T) {
	for _, version := range versions() {
		s := overHTTP(t, doNothing, version, "?toolsets=core,graph")
		got := s.InitializeResult()
		capabilities, err := json.Marshal(got.Capabilities)
		if err != nil || got.ServerInfo.Name != "locket" || string(capabilities) != `{"prompts":{},"resources":{},"tools":{}}` || got.ProtocolVersion != version {
			t.Errorf("%s: %+v, %s", version, got, capabilities)
		}
		list, err := s.ListTools(t.Context(), nil)
		if err != nil || len(list.Tools) != 18 {
			t.Fatalf("%v, %v", list, err)
		}
		text, _, failed := use(t, s, "search", map[string]any{"query": "x"})
		if !failed || text != "denied: not permitted" {
			t.Errorf("%s: %s", version, text)
		}
	}
}

// TestHTTPRefuses sends what is no request of the protocol.
func TestHTTPRefuses(t *testing.T) {
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"status","arguments":{}}}`
	for _, tt := range []struct {
		name, method, query, body, version string
		status                             int
	}{
		{"GET", "GET", "", "", "", 405},
		{"DELETE", "DELETE", "", "", "", 405},
		{"no such toolset", "POST", "?toolsets=everything", call, "", 400},
		{"no JSON", "POST", "", "hello", "", 400},
		{"no such method", "POST", "", `{"jsonrpc":"2.0","id":1,"method":"no/such"}`, "", 400},
		{"no such version", "POST", "", call, "1999-01-01", 400},
		{"new version without its fields", "POST", "", call, "2026-07-28", 400},
		{"large", "POST", "", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", MaxMessage) + `"}}`, "", 413},
		{"a call", "POST", "", call, "", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), tt.method, "/mcp"+tt.query, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", "application/json, text/event-stream")
			if tt.version != "" {
				r.Header.Set("MCP-Protocol-Version", tt.version)
			}
			ServeHTTP(Config{Log: slog.New(slog.DiscardHandler)}, doNothing, w, r)
			if w.Code != tt.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tt.status)
			}
		})
	}
}

// TestListeningIsRefused: a stream without end would keep the pod open.
func TestListeningIsRefused(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`))
	for k, v := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"} {
		r.Header.Set(k, v)
	}
	ServeHTTP(Config{Log: slog.New(slog.DiscardHandler)}, doNothing, w, r)
	if !strings.Contains(w.Body.String(), "-32601") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestNoOperationAfterLeaving: whoever holds a visitor too long finds it gone.
func TestNoOperationAfterLeaving(t *testing.T) {
	ran := 0
	v := &visitor{request: t.Context(), do: func(context.Context, ops.Op, any) (any, error) { ran++; return ops.Nothing{}, nil }}
	c := Through(v.run, 1)
	if _, err := c.Call(t.Context(), "stats.get", nil); err != nil {
		t.Fatal(err)
	}
	v.leave()
	if _, err := c.Call(t.Context(), "stats.get", nil); locket.CodeOf(err) != locket.CodeCancelled || ran != 1 {
		t.Errorf("ran %d times: %v", ran, err)
	}
}

// TestBatchesAreBounded: one request can't have a server work and remember without end.
func TestBatchesAreBounded(t *testing.T) {
	ran := 0
	do := func(context.Context, ops.Op, any) (any, error) { ran++; return locket.Page[locket.Hit]{}, nil }
	post := func(ctx context.Context, body string) string {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, "POST", Path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("MCP-Protocol-Version", "2025-03-26")
		ServeHTTP(Config{Log: slog.New(slog.DiscardHandler)}, do, w, r)
		return w.Body.String()
	}
	var calls []string
	for i := range 1000 {
		calls = append(calls, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"search","arguments":{"query":"x"}}}`, i))
	}
	body := "[" + strings.Join(calls, ",") + "]"
	if out := post(t.Context(), body); ran != maxBatch || strings.Count(out, "at most 20 calls") != 1000-maxBatch {
		t.Errorf("ran %d, answered %.300s", ran, out)
	}
	ran = 0
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if post(ctx, body); ran != 0 {
		t.Errorf("ran %d for a client that is gone", ran)
	}
}

// TestThrough hands fields on to operations as they are.
func TestThrough(t *testing.T) {
	var got any
	c := Through(func(_ context.Context, _ ops.Op, in any) (any, error) { got = in; return ops.Nothing{}, nil }, 1)
	_, err := c.Call(t.Context(), "items.query", map[string]any{
		"type": "Note", "limit": json.Number("5"), "deleted": true, "trust": []any{"owner"},
		"where": []any{map[string]any{"property": "name", "op": "eq", "value": "x"}},
	})
	text, _ := json.Marshal(got)
	if err != nil || !strings.Contains(string(text), `"limit":5`) || !strings.Contains(string(text), `"value":"x"`) {
		t.Errorf("%s, %v", text, err)
	}
	for name, in := range map[string]map[string]any{"items.get": {}, "no.such": nil, "export.get": nil, "blobs.put": nil} {
		if _, err := c.Call(t.Context(), name, in); err == nil {
			t.Errorf("%s %v is run", name, in)
		}
	}
	if _, err := c.Call(t.Context(), "items.get", map[string]any{"id": "x"}); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("%v", err)
	}
}

func TestStdioEnds(t *testing.T) {
	pr, pw := io.Pipe()
	var out strings.Builder
	done := make(chan error, 1)
	go func() {
		done <- ServeStdio(t.Context(), Config{Caller: &fake{}, Log: slog.New(slog.DiscardHandler)}, pr, nopClose{&out})
	}()
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("%v", err)
	}
	if out.String() != "" {
		t.Errorf("wrote %q", out.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	pr, pw = io.Pipe()
	defer pw.Close()
	err := ServeStdio(ctx, Config{Caller: &fake{}, Log: slog.New(slog.DiscardHandler)}, pr, nopClose{&out})
	if locket.CodeOf(err) != locket.CodeCancelled || errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
}

type nopClose struct{ io.Writer }

func (nopClose) Close() error { return nil }

func TestBase(t *testing.T) {
	for _, tt := range []struct{ public, host, want string }{
		{"", "127.0.0.1:7117", "http://127.0.0.1:7117"},
		{"", "localhost:7117", "http://localhost:7117"},
		{"", "[::1]:7117", "http://[::1]:7117"},
		{"", "pod.example.com", ""}, // a proxy's
		{"https://pod.example.com/", "127.0.0.1:7117", "https://pod.example.com"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/mcp", http.NoBody)
		r.Host = tt.host
		if got := Base(tt.public, r); got != tt.want {
			t.Errorf("%v: %s", tt, got)
		}
	}
	want := `Bearer resource_metadata="https://pod.example.com/.well-known/oauth-protected-resource/mcp", scope="memory.read memory.write memory.delete"`
	if got := Challenge(""); got != "Bearer" {
		t.Errorf("%s", got)
	}
	if got := Challenge("https://pod.example.com"); got != want {
		t.Errorf("%s", got)
	}
}

// TestAFullTimelineHasNoNextPage: it would begin after what there was no room for.
func TestAFullTimelineHasNoNextPage(t *testing.T) {
	for many, want := range map[int]bool{3: false, 20: true} {
		list := slices.Repeat([]locket.Item{item(strings.Repeat("tea ", 2000), locket.TrustOwner)}, many)
		f := &fake{answers: map[string]any{"memory.timeline": map[string]any{"items": list, "next": "cursor"}}}
		text, data, _ := use(t, connect(t, f, "2025-11-25"), "timeline", nil)
		if data["truncated"] == true != want || (data["next"] == nil) != want || strings.Contains(text, "ask for fewer") != want {
			t.Errorf("%d: truncated %v, next %v, %.100s", many, data["truncated"], data["next"], text)
		}
	}
}
