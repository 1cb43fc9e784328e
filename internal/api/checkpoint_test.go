package api_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/journal"
)

// checkpointOf reads what an answer tells of the journal.
func checkpointOf(t *testing.T, h http.Header) (journal.Checkpoint, []journal.Hash) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(h.Get("Locket-Checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString(h.Get("Locket-Pod-Key"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := journal.OpenCheckpoint(text, key)
	if err != nil {
		t.Fatal(err)
	}
	var proof []journal.Hash
	for p := range strings.SplitSeq(h.Get("Locket-Growth"), ",") {
		if b, err := base64.RawURLEncoding.DecodeString(p); err != nil {
			t.Fatal(err)
		} else if len(b) > 0 {
			proof = append(proof, journal.Hash(b))
		}
	}
	return c, proof
}

func TestCheckpoints(t *testing.T) {
	h := newHome(t)
	add := func(header ...string) *http.Response {
		t.Helper()
		resp, _ := h.send(t, 201, "POST", "/v1/items", `{"type":"Note","props":{"name":"Tea"}}`, header...)
		return resp
	}
	if resp := add(); resp.Header.Get("Locket-Checkpoint") != "" {
		t.Error("a client that does not ask is told of checkpoints")
	}
	resp := add("Locket-Checkpoint: *")
	first, proof := checkpointOf(t, resp.Header)
	if first.Pod != h.pod || first.Size == 0 || len(proof) != 0 {
		t.Errorf("got the checkpoint %+v with %d hashes, want one of the pod without a proof", first, len(proof))
	}
	saw := "Locket-Checkpoint: " + resp.Header.Get("Locket-Checkpoint")
	for range 5 {
		add()
	}
	resp = add(saw)
	now, proof := checkpointOf(t, resp.Header)
	if err := journal.CheckGrowth(proof, first, now); now.Size != first.Size+6 || err != nil {
		t.Errorf("from %d to %d entries: %v", first.Size, now.Size, err)
	}
	_, out := h.send(t, 201, "POST", "/v1/principals", `{"kind":"agent","name":"Bob","policy":{"rules":[{"actions":["read"],"types":["Note"]}]},"key":true}`)
	bob := "Authorization: Bearer " + out["key"].(string)
	for name, tt := range map[string]struct {
		method, target string
		header         []string
		status         int
	}{
		"agent":           {"GET", "/v1/items", []string{bob, "Locket-Checkpoint: *"}, 200},
		"agent with one":  {"GET", "/v1/items", []string{bob, saw}, 200},
		"failure":         {"GET", "/v1/items/" + idNone, []string{saw}, 404},
		"refusal":         {"DELETE", "/v1/session", nil, 412},
		"nobody":          {"GET", "/v1/stats", []string{noToken}, 401},
		"no base64":       {"GET", "/v1/stats", []string{"Locket-Checkpoint: a=b"}, 400},
		"no checkpoint":   {"GET", "/v1/stats", []string{"Locket-Checkpoint: aGVsbG8"}, 400},
		"agent, nonsense": {"GET", "/v1/items", []string{bob, "Locket-Checkpoint: aGVsbG8"}, 400},
	} {
		resp, _ := h.send(t, tt.status, tt.method, tt.target, "", tt.header...)
		for _, header := range []string{"Locket-Checkpoint", "Locket-Growth", "Locket-Pod-Key"} {
			if got := resp.Header.Get(header); got != "" {
				t.Errorf("%s: got %s %s, want none", name, header, got)
			}
		}
	}
}

// A pod that is put back from a copy is refused to a client that saw it later: at once
// when it is shorter, and by its contents when it has grown again.
func TestRolledBackPodIsRefused(t *testing.T) {
	h := newHome(t)
	add := func(status int, header ...string) {
		t.Helper()
		h.send(t, status, "POST", "/v1/items", `{"type":"Note","props":{"name":"Tea"}}`, header...)
	}
	add(201)
	_, out := h.send(t, 201, "POST", "/v1/principals", `{"kind":"agent","name":"Bob","policy":{"rules":[{"actions":["read"],"types":["Note"]}]},"key":true}`)
	bob := "Authorization: Bearer " + out["key"].(string)
	pod, copied := filepath.Join(h.dir, string(h.pod)), filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(pod)); err != nil {
		t.Fatal(err)
	}
	add(201)
	add(201)
	_, growth := h.send(t, 200, "GET", "/v1/journal/checkpoint", "")
	saw := "Locket-Checkpoint: " + base64.RawURLEncoding.EncodeToString([]byte(growth["checkpoint"].(string)))
	add(201, saw)
	if err := os.RemoveAll(pod); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(pod, os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
	refused := func(when string) {
		t.Helper()
		for _, who := range []string{"Authorization: Bearer " + h.key, bob} {
			resp, out := h.send(t, 409, "GET", "/v1/items", "", who, saw)
			if get(out, "error", "code") != "rolled_back" || resp.Header.Get("Locket-Checkpoint") != "" {
				t.Errorf("%s: got %v, want rolled_back", when, out)
			}
		}
	}
	refused("shorter")
	_, before := h.send(t, 200, "GET", "/v1/stats", "")
	add(409, saw)
	if _, after := h.send(t, 200, "GET", "/v1/stats", ""); get(after, "items") != get(before, "items") {
		t.Error("a refused request has added an item")
	}
	for range 4 {
		add(201)
	}
	refused("grown again")
}

func TestSources(t *testing.T) {
	h := newHome(t)
	_, item := h.send(t, 201, "POST", "/v1/items", `{"type":"Note","props":{"name":"Tea"}}`)
	from, _ := item["id"].(string)
	source := func(header ...string) any {
		t.Helper()
		_, made := h.send(t, 201, "POST", "/v1/items", `{"type":"Note","props":{"name":"Mint"}}`, header...)
		_, found := h.send(t, 200, "GET", "/v1/items/"+made["id"].(string)+"/provenance", "")
		return get(found, "name", "source")
	}
	got := source("Locket-Session: chat:2026-11.21_A", "Locket-From: "+from)
	if get(got, "session") != "chat:2026-11.21_A" || get(got, "item") != from {
		t.Errorf("got the source %v, want the session and the item", got)
	}
	if got := source(); got != nil {
		t.Errorf("got the source %v, want none", got)
	}
	id, cookie := h.login(t)
	if got := source(noToken, cookie, "Sec-Fetch-Site: same-origin", "Locket-Session: other"); get(got, "session") != id {
		t.Errorf("got the source %v, want the session %s whatever its client says", got, id)
	}
	for _, header := range []string{
		"Locket-Session: a b", "Locket-Session: é", "Locket-Session: " + strings.Repeat("x", 65), "Locket-From: tea", "Locket-From: " + from + "x",
	} {
		_, out := h.send(t, 400, "POST", "/v1/items", `{"type":"Note","props":{"name":"Lost"}}`, header)
		if get(out, "error", "code") != "invalid" {
			t.Errorf("%s: got %v, want invalid", header, out)
		}
	}
	for _, name := range []string{"Locket-Session", "Locket-From", "Locket-Checkpoint"} {
		for _, values := range [][]string{{from, from}, {""}} {
			r := h.request(t, "GET", "/v1/stats", "")
			r.Header[name] = values
			if resp, body := h.do(t, r); resp.StatusCode != 400 || !strings.Contains(body, name) {
				t.Errorf("%s %q: got status %d and %s, want 400 that names it", name, values, resp.StatusCode, body)
			}
		}
	}
	if _, out := h.send(t, 200, "GET", "/v1/search?q=Lost", ""); len(out["items"].([]any)) != 0 {
		t.Error("a refused request has added an item")
	}
}
