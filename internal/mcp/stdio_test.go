package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// TestPiped: who pipes requests in and closes the input gets all answers.
func TestPiped(t *testing.T) {
	f := &fake{answers: map[string]any{"memory.recall": hits(item("tea", "agent"))}}
	lines := []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
	}
	const requests = 20
	for i := range requests {
		lines = append(lines, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"recall","arguments":{"query":"tea"}}}`, 2+i))
	}
	var out buffer
	err := ServeStdio(t.Context(), Config{Caller: f, Version: "v0", Log: slog.New(slog.DiscardHandler)}, io.NopCloser(strings.NewReader(strings.Join(lines, "\n")+"\n")), &out)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(map[string]bool)
	for line := range bytes.Lines(out.Bytes()) {
		var m struct {
			ID     json.RawMessage
			Result json.RawMessage
		}
		if err := json.Unmarshal(line, &m); err != nil || m.Result == nil {
			t.Errorf("%v: %s", err, line)
		}
		answered[string(m.ID)] = true
	}
	if len(answered) != requests+1 {
		t.Errorf("%d answers to %d requests", len(answered), requests+1)
	}
}

// TestSplitter: requests and answers are counted however the stream is cut.
func TestSplitter(t *testing.T) {
	long := strings.Repeat("x", MaxMessage)
	stream := `{"id":1,"method":"a"}` + "\n" + `{"method":"b"}` + "\n\n" + `{"id":"` + long + `","method":"c"}` + "\n" + `no JSON` + "\n" + `{"id":2}` + "\n" + `{"id":3`
	for _, size := range []int{1 << 10, 65_521, len(stream)} {
		var s splitter
		got := ""
		for rest := []byte(stream); len(rest) > 0; {
			n := min(size, len(rest))
			s.add(rest[:n], func(m message) { got += fmt.Sprintf("%t%q ", m.ID != nil, m.Method) })
			rest = rest[n:]
		}
		if want := `true"a" false"b" true"" `; got != want {
			t.Errorf("in parts of %d: %s", size, got)
		}
	}
}
