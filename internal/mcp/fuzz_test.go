package mcp

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzHTTP sends bodies of all sorts: none may end the server, or be its fault.
func FuzzHTTP(f *testing.F) {
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"recall","arguments":{"query":"x","limit":3,"tags":["a"]}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"fetch","arguments":{"id":null}},"_meta":{}}`,
		`[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"}]`,
		`{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"locket://item/1"}}`,
		`{"jsonrpc":"2.0","id":1.5,"method":"prompts/get","params":{"name":"context","arguments":{"topic":"x"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`, `{}`, `[]`, `null`, ``,
	} {
		f.Add(body, "2025-11-25")
		f.Add(body, "2026-07-28")
		f.Add(body, "")
	}
	f.Fuzz(func(t *testing.T, body, version string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", Path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("MCP-Protocol-Version", version)
		ServeHTTP(Config{Log: slog.New(slog.DiscardHandler)}, doNothing, w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
