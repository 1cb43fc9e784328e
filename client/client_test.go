package client_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// connect returns a client of a new pod on a server of its own.
func connect(t *testing.T) *client.Client {
	t.Helper()
	sealer := keyring.NewProcessSealer(time.Now)
	folder, err := pods.Open(t.TempDir(), pods.Options{Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	made, err := folder.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api.New(api.Config{Doer: folder, Log: slog.New(slog.DiscardHandler)}))
	c, err := client.New(s.URL, made.Token.Text().Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.Close()
		if err := errors.Join(folder.Close(), sealer.Close()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestItems(t *testing.T) {
	c, ctx := connect(t), t.Context()
	tea, err := c.Create(ctx, "Note", map[string]any{"name": "Tea"})
	if err != nil || tea.Version != 1 || tea.Text("name") != "Tea" {
		t.Fatalf("Create: got %+v, %v", tea, err)
	}
	cup, err := c.Create(ctx, "Photo", map[string]any{"name": "Cup", "width": 9007199254740993})
	if err != nil || cup.Props["width"] != json.Number("9007199254740993") {
		t.Fatalf("Create: got %+v, %v, want the exact number", cup, err)
	}
	mint, err := c.Update(ctx, tea.ID, 1, map[string]any{"name": "Mint"})
	if err != nil || mint.Version != 2 {
		t.Fatalf("Update: got %+v, %v", mint, err)
	}
	if _, err := c.Update(ctx, tea.ID, 1, map[string]any{"name": "x"}); locket.CodeOf(err) != locket.CodeConflict {
		t.Errorf("Update of an old version: got %v, want conflict", err)
	}
	e := locket.Edge{Source: tea.ID, Name: "photo", Target: cup.ID}
	if err := c.Link(ctx, e); err != nil {
		t.Fatal(err)
	}
	linked, err := c.Edges(ctx, cup.ID, "in", "photo", 10, "")
	if err != nil || len(linked.Items) != 1 || linked.Items[0].Item.ID != tea.ID {
		t.Errorf("Edges: got %+v, %v", linked, err)
	}
	if err := c.Unlink(ctx, e); err != nil {
		t.Error(err)
	}
	checkLists(t, c, tea.ID)
	if err := c.Delete(ctx, tea.ID, 2); err != nil {
		t.Error(err)
	}
	if it, err := c.Get(ctx, tea.ID); err != nil || !it.Deleted {
		t.Errorf("Get after Delete: got %+v, %v", it, err)
	}
	if err := c.Restore(ctx, tea.ID, 0); err != nil {
		t.Error(err)
	}
	if err := c.Erase(ctx, tea.ID, 0); err != nil {
		t.Error(err)
	}
	if _, err := c.Get(ctx, tea.ID); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("Get after Erase: got %v, want not_found", err)
	}
}

func checkLists(t *testing.T, c *client.Client, tea locket.ItemID) {
	t.Helper()
	ctx := t.Context()
	found, err := c.Query(ctx, locket.Query{Where: []locket.Condition{{Property: "name", Op: locket.OpPrefix, Value: "Mi"}}, Type: "Note"})
	if err != nil || len(found.Items) != 1 || found.Items[0].ID != tea {
		t.Errorf("Query: got %+v, %v", found, err)
	}
	hits, err := c.Search(ctx, locket.Search{Text: "mint & more?", Order: "newest", Limit: 1})
	if err != nil || len(hits.Items) != 0 {
		t.Errorf("Search for more: got %+v, %v, want nothing", hits, err)
	}
	hits, err = c.Search(ctx, locket.Search{Text: "mint"})
	if err != nil || len(hits.Items) != 1 {
		t.Errorf("Search: got %+v, %v", hits, err)
	}
	revisions, err := c.History(ctx, tea, 1, "")
	if err != nil || len(revisions.Items) != 1 || revisions.Next == "" {
		t.Errorf("History: got %+v, %v, want a first page of one", revisions, err)
	}
	types, err := c.Types(ctx)
	if err != nil || len(types) < 10 {
		t.Errorf("Types: got %d, %v", len(types), err)
	}
	stats, err := c.Stats(ctx)
	if err != nil || stats.Items != 2 {
		t.Errorf("Stats: got %+v, %v", stats, err)
	}
}

func TestBlobs(t *testing.T) {
	c, ctx := connect(t), t.Context()
	data := bytes.Repeat([]byte("0123456789"), 20_000)
	info, err := c.PutBlob(ctx, bytes.NewReader(data))
	if err != nil || info.Size != int64(len(data)) {
		t.Fatalf("PutBlob: got %+v, %v", info, err)
	}
	for _, offset := range []int64{0, 123_456} {
		r, err := c.Blob(ctx, info.ID, offset)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, data[offset:]) {
			t.Errorf("Blob from %d: got %d bytes, %v", offset, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestEveryOpCanBeSent sends every operation that needs no input through Encode
// and Do, as the command line does.
func TestEveryOpCanBeSent(t *testing.T) {
	c := connect(t)
	sent := 0
	for _, o := range ops.Table() {
		if o.Upload || o.Streams() {
			continue
		}
		r, err := o.Encode(t.Context(), o.New(), nil)
		if err != nil {
			continue // it needs input
		}
		want := map[string]locket.Code{
			"session.end":  locket.CodeConflict,    // a key asks
			"journal.undo": locket.CodeInvalid,     // it needs one input of several
			"memory.embed": locket.CodeUnsupported, // the server has no embedder
		}[o.Name]
		out := reflect.New(o.Out).Interface()
		if err := c.Do(r, out); locket.CodeOf(err) != want {
			t.Errorf("%s: got %v, want code %q", o.Name, err, want)
		}
		sent++
	}
	if sent < 5 {
		t.Errorf("sent %d operations, want at least 5", sent)
	}
}

func TestFollow(t *testing.T) {
	c := connect(t)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "note.md", Mode: 0o600, Size: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "# Tea"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o, _ := ops.Find("imports.run")
	in := o.New()
	if err := o.Fields()[0].Set(in, "vault.tar"); err != nil {
		t.Fatal(err)
	}
	follow := func() (progress int, run locket.Import, err error) {
		r, err := o.Encode(t.Context(), in, bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		err = c.Follow(r, func(locket.Progress) { progress++ }, &run)
		return progress, run, err
	}
	if progress, run, err := follow(); err != nil || run.Imported != 1 || progress == 0 {
		t.Errorf("got %+v after %d reports, %v, want 1 imported", run, progress, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, server := range []string{"", "pod.example.com", "http://pod.example.com", "ftp://127.0.0.1", "https://a:b@pod.example.com", "https://pod.example.com/x", "https://pod.example.com?x", "http://127.0.0.1.example.com", "https://"} {
		if _, err := client.New(server, []byte("lk_x"), nil); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("New(%q): got %v, want invalid", server, err)
		}
	}
	for _, server := range []string{"https://pod.example.com", "https://pod.example.com:8443/", "http://127.0.0.1:7117", "http://[::1]:7117", "http://localhost"} {
		if _, err := client.New(server, []byte("lk_x"), nil); err != nil {
			t.Errorf("New(%q): %v", server, err)
		}
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   locket.Code
		msg    string
	}{
		{"coded", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(409)
			_, _ = io.WriteString(w, `{"error":{"code":"exists","op":"items.create","message":"it is there"}}`)
		}, locket.CodeExists, "items.create: it is there"},
		{"page of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<h1>Bad gateway</h1>", http.StatusBadGateway)
		}, locket.CodeUnsupported, "502"},
		{"redirect elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com/", http.StatusFound)
		}, locket.CodeUnsupported, "302"},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, locket.CodeUnsupported, "not Locket's"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, locket.CodeBusy, "does not answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			c, err := client.New(s.URL, []byte("lk_x"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Stats(t.Context())
			if locket.CodeOf(err) != tt.want || !strings.Contains(locket.MessageOf(err), tt.msg) {
				t.Errorf("got code %q and message %q, want %q and %q", locket.CodeOf(err), locket.MessageOf(err), tt.want, tt.msg)
			}
		})
	}
}

func TestKeyStaysWithTheServer(t *testing.T) {
	var host, auth string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, auth = r.Host, r.Header.Get("Authorization")
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	c, err := client.New(s.URL, []byte("lk_x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://evil.example.com/v1/stats", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Do(r, nil); err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimPrefix(s.URL, "http://"); host != want || auth != "Bearer lk_x" {
		t.Errorf("got host %q and %q, want the client's server %q and the key", host, auth, want)
	}
}

func TestCancelled(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Stats(ctx); locket.CodeOf(err) != locket.CodeCancelled {
		t.Errorf("got %v, want cancelled", err)
	}
}
