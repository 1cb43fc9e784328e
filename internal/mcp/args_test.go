package mcp

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// TestBadInput gives tools what they don't take. Each says what is wrong, and no
// operation runs.
func TestBadInput(t *testing.T) {
	huge := strings.Repeat("x", maxArgs)
	for _, tt := range []struct {
		name, tool string
		arguments  any
		want       string
	}{
		{"missing", "recall", map[string]any{}, "invalid: query is missing"},
		{"no arguments", "recall", nil, "invalid: query is missing"},
		{"null", "recall", map[string]any{"query": nil}, "invalid: query is missing"},
		{"unknown name", "recall", map[string]any{"query": "x", "quary": "y"}, `invalid: there is no parameter "quary"; parameters are: query`},
		{"unknown name that is long", "recall", map[string]any{"query": "x", huge[:70000]: "y"}, `invalid: there is no parameter "xxx`},
		{"number for a text", "recall", map[string]any{"query": 7}, "invalid: query: expected a text"},
		{"list for a text", "recall", map[string]any{"query": []string{"x"}}, "invalid: query: expected a text"},
		{"text for a number", "recall", map[string]any{"query": "x", "limit": "5"}, "invalid: limit: expected a whole number"},
		{"fraction", "recall", map[string]any{"query": "x", "limit": 1.5}, "invalid: limit: expected a whole number"},
		{"too small", "recall", map[string]any{"query": "x", "limit": 0}, "invalid: limit: expected a number from 1 to 50"},
		{"too large", "recall", map[string]any{"query": "x", "limit": 51}, "invalid: limit: expected a number from 1 to 50"},
		{"far too large", "recall", map[string]any{"query": "x", "limit": 1e30}, "invalid: limit: expected a whole number"},
		{"text for a list", "recall", map[string]any{"query": "x", "tags": "y"}, "invalid: tags: expected a list of texts"},
		{"numbers in a list", "recall", map[string]any{"query": "x", "tags": []int{1}}, "invalid: tags: expected a list of texts"},
		{"text for a flag", "recall", map[string]any{"query": "x", "all": "true"}, "invalid: all: expected a true or false"},
		{"no time", "recall", map[string]any{"query": "x", "after": "yesterday"}, "invalid: after: expected a time such as"},
		{"twice", "recall", map[string]any{"query": "x", "q": "y"}, "invalid: query is given twice, as query and as q"},
		{"no such kind", "remember", map[string]any{"text": "x", "kind": "poem"}, "invalid: kind: expected one of fact"},
		{"importance", "remember", map[string]any{"text": "x", "importance": 2}, "invalid: importance: expected a number from 0 to 1"},
		{"huge", "remember", map[string]any{"text": huge}, "too_large: the arguments are larger than 1048576 bytes; nothing was done"},
		{"an answer of recall", "remember", map[string]any{"text": newFrame().enclose("Recalled 1 memory.", "tea")}, "invalid: text: this is an answer of recall or fetch"},
		{"an answer of recall as a change", "update_memory", map[string]any{"id": "1", "text": newFrame().end()}, "invalid: text: this is an answer"},
		{"no such type", "search", map[string]any{"query": "x", "types": []string{"a b"}}, "invalid: types:"},
		{"no such command", "memory", map[string]any{"command": "chmod"}, "invalid: command: expected one of view"},
		{"lines that are texts", "memory", map[string]any{"command": "view", "view_range": []string{"1"}}, "invalid: view_range: expected a list of whole numbers"},
		{"an argument where there is none", "status", map[string]any{"x": 1}, `invalid: there is no parameter "x"; parameters are: none`},
		{"a list of arguments", "recall", []string{"x"}, "invalid: the arguments must be one JSON object"},
		{"a text of arguments", "recall", "x", "invalid: the arguments must be one JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			text, _, failed := use(t, connect(t, f, "2025-11-25"), tt.tool, tt.arguments)
			if !failed || !strings.HasPrefix(text, tt.want) || len(text) > 1100 {
				t.Errorf("failed %t: %.1200s\nwant %s", failed, text, tt.want)
			}
			if calls := f.called(); calls != nil {
				t.Errorf("ran %v", calls)
			}
		})
	}
}

func TestReadObject(t *testing.T) {
	for in, want := range map[string]bool{
		"": true, " ": true, "null": true, "{}": true, `{"a":1}`: true,
		`{"a":1,"a":2}`: false, `{"a":1}x`: false, `{"a":1}{}`: false, `[]`: false, `{"a":`: false, `{`: false, "{\"a\":\"\xff\"}": false,
	} {
		if _, err := readObject([]byte(in)); (err == nil) != want {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestUnknownTool(t *testing.T) {
	f := &fake{}
	for _, version := range versions() {
		_, err := connect(t, f, version).CallTool(t.Context(), &sdk.CallToolParams{Name: "no_such_tool"})
		if err == nil || !strings.Contains(err.Error(), "unknown tool") {
			t.Errorf("%s: %v", version, err)
		}
	}
	if calls := f.called(); calls != nil {
		t.Errorf("ran %v", calls)
	}
}

// TestGuessedNames gives parameters by the names that models guess.
func TestGuessedNames(t *testing.T) {
	none := map[string]any{"items": []any{}}
	answers := map[string]any{
		"items.search": none, "items.get": item("x", locket.TrustOwner), "memory.recall": hits(), "memory.timeline": none,
		"memory.remember": map[string]any{"item": item("x", locket.TrustOwner), "met": "created"},
		"memory.update":   item("x", locket.TrustOwner), "memory.forget": map[string]any{},
	}
	for _, tt := range []struct {
		tool      string
		arguments map[string]any
		want      map[string]any
	}{
		{"recall", map[string]any{"q": "tea", "top_k": 3, "since": "2026-01-01", "until": "2026-02"}, map[string]any{"query": "tea", "limit": "3", "after": "2026-01-01", "before": "2026-02"}},
		{"recall", map[string]any{"text": "tea", "n": 3}, map[string]any{"query": "tea", "limit": "3"}},
		{"search", map[string]any{"q": "tea", "kinds": []string{"Note"}, "after": "2026-01-01", "until": "2026-02-01", "n": 2}, map[string]any{"q": "tea type:Note after:2025-12-31T23:59:59Z before:2026-02-01T00:00:00Z", "limit": "2"}},
		{"remember", map[string]any{"content": "tea", "type": "fact", "title": nil}, map[string]any{"text": "tea", "kind": "fact"}},
		{"update_memory", map[string]any{"memory_id": "locket://item/1", "content": "tea", "if_version": 3}, map[string]any{"id": "1", "text": "tea", "version": "3"}},
		{"forget", map[string]any{"memory_id": "1"}, map[string]any{"id": "1"}},
		{"fetch", map[string]any{"item_id": "locket://item/1"}, map[string]any{"id": "1"}},
		{"timeline", map[string]any{"since": "2026-01-01T10:00:00+02:00"}, map[string]any{"from": "2026-01-01T10:00:00+02:00", "limit": "20"}},
	} {
		f := &fake{answers: answers}
		text, _, failed := use(t, connect(t, f, "2025-11-25"), tt.tool, tt.arguments)
		if failed {
			t.Errorf("%s %v: %s", tt.tool, tt.arguments, text)
			continue
		}
		got := map[string]any{}
		for k, v := range f.last {
			if list, ok := v.([]string); ok {
				v = strings.Join(list, ",")
			} else if _, ok := v.(string); !ok {
				v = valueText(v)
			}
			got[k] = v
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s %v: the operation got %v, want %v", tt.tool, tt.arguments, got, tt.want)
		}
	}
}

// TestParamsAreFields: what tools hand on as it is, the operations take.
func TestParamsAreFields(t *testing.T) {
	for name, op := range map[string]string{
		"recall": "memory.recall", "remember": "memory.remember", "update_memory": "memory.update", "forget": "memory.forget",
		"timeline": "memory.timeline", "memory": "memory.file",
	} {
		o, ok := ops.Find(op)
		if !ok {
			t.Errorf("there is no operation %s", op)
			continue
		}
		for _, tool := range coreTools() {
			for _, p := range tool.params {
				has := slices.ContainsFunc(o.Fields(), func(f ops.Field) bool { return f.Name == p.name && f.Required == p.required })
				if tool.name == name && !has {
					t.Errorf("%s: %s has no field %s, required: %t", name, op, p.name, p.required)
				}
			}
		}
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"2026": "2026", "2026-05": "2026-05", "2026-05-31": "2026-05-31", "2026-05-31T10:00:00+02:00": "2026-05-31T10:00:00+02:00",
		"2026-05-31 10:00": "2026-05-31T10:00:00Z", "7d": "2026-11-14T10:00:00Z", "12h": "2026-11-20T22:00:00Z", "2w": "2026-11-07T10:00:00Z",
		"": "", "d": "", "-7d": "", "9999d": "", "now": "", "31.5.2026": "",
	} {
		got, err := param{name: "from"}.when(in, now)
		if (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}
