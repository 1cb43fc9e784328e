package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/oauth"
)

// documents are what there is to fetch, and how often it was.
type documents struct {
	texts map[string]string
	asked []string
}

func (d *documents) Fetch(_ context.Context, url string) ([]byte, error) {
	d.asked = append(d.asked, url)
	text, ok := d.texts[url]
	if !ok {
		return nil, errors.New("not found")
	}
	return []byte(text), nil
}

// TestClientDocuments: a client is known by the URL of what it publishes of itself.
func TestClientDocuments(t *testing.T) {
	const id = "https://agent.example/client.json"
	d := &documents{texts: map[string]string{
		id:                               `{"client_id":"` + id + `","client_name":"Claude","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"none"}`,
		"https://agent.example/other":    `{"client_id":"` + id + `","client_name":"Claude","redirect_uris":["` + callback + `"]}`,
		"https://agent.example/secret":   `{"client_id":"https://agent.example/secret","redirect_uris":["` + callback + `"],"token_endpoint_auth_method":"client_secret_post"}`,
		"https://agent.example/redirect": `{"client_id":"https://agent.example/redirect","redirect_uris":["javascript:alert(1)"]}`,
		"https://agent.example/text":     `hello`,
	}}
	w := newWorld(t)
	w.stop()
	w.config.Fetch = d
	w.start(t)
	if meta := do(t, "GET", w.URL+"/.well-known/oauth-authorization-server", "", ""); meta.json["client_id_metadata_document_supported"] != true {
		t.Errorf("metadata: %s", meta.text)
	}
	page := w.authorize(t, w.query(id))
	if page.StatusCode != 200 || !strings.Contains(page.text, "is published by <b>agent.example</b>") || strings.Contains(page.text, "Nobody vouches") {
		t.Fatalf("%d %s", page.StatusCode, page.text)
	}
	w.tokens(t, w.exchange(id, w.code(t, id)))
	if len(d.asked) != 1 {
		t.Errorf("fetched %d times, want once", len(d.asked))
	}
	w.ahead.Store(int64(6 * time.Minute))
	w.authorize(t, w.query(id))
	if len(d.asked) != 2 {
		t.Errorf("fetched %d times after five minutes, want twice", len(d.asked))
	}
	d.asked = nil
	for _, bad := range []string{
		"https://agent.example/other", "https://agent.example/secret", "https://agent.example/redirect", "https://agent.example/text", "https://agent.example/missing",
	} {
		if a := w.authorize(t, w.query(bad)); a.StatusCode != 400 || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d %s", bad, a.StatusCode, a.Header.Get("Location"))
		}
	}
	n := len(d.asked)
	for _, bad := range []string{
		"https://agent.example", "https://agent.example/", "https://agent.example/a/../b", "https://agent.example/%2e%2e/b", "https://u@agent.example/x",
		"https://agent.example/x#y", "https:///x", "http://agent.example/client.json", "https://agent.example/" + strings.Repeat("x", 500),
		"https://agent.example/missing", // is not tried again at once
	} {
		if a := w.authorize(t, w.query(bad)); a.StatusCode != 400 {
			t.Errorf("%s: %d %s", bad, a.StatusCode, a.text)
		}
	}
	if len(d.asked) != n {
		t.Errorf("fetched %v", d.asked[n:])
	}
}

// TestSlowDocumentsKeepNobodyWaiting, who would take the places of other requests.
func TestSlowDocumentsKeepNobodyWaiting(t *testing.T) {
	d := slow{started: make(chan bool), goOn: make(chan bool)}
	w := newWorld(t)
	w.stop()
	w.config.Fetch = d
	w.start(t)
	statuses := make(chan int, 4)
	for i := range 4 {
		query := w.query("https://agent.example/" + strconv.Itoa(i))
		go func() { statuses <- w.authorize(t, query).StatusCode }()
		<-d.started
	}
	if a := w.authorize(t, w.query("https://agent.example/fifth")); a.StatusCode != 503 {
		t.Errorf("the fifth at once: %d %s", a.StatusCode, a.text)
	}
	close(d.goOn)
	for range 4 {
		if status := <-statuses; status != 400 {
			t.Errorf("a client without a document: %d", status)
		}
	}
}

// slow fetches nothing, when it is told to.
type slow struct{ started, goOn chan bool }

func (s slow) Fetch(context.Context, string) ([]byte, error) {
	s.started <- true
	<-s.goOn
	return nil, errors.New("not found")
}

// TestFetcher has bounds: one answer of at most 64 KiB, which is not elsewhere.
func TestFetcher(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/good", http.StatusFound)
		case "/good":
			_, _ = w.Write([]byte("{}"))
		case "/large":
			_, _ = w.Write(make([]byte, 65<<10))
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	f := oauth.NewFetcher(srv.Client())
	if body, err := f.Fetch(t.Context(), srv.URL+"/good"); err != nil || string(body) != "{}" {
		t.Errorf("%s, %v", body, err)
	}
	for _, path := range []string{"/moved", "/large", "/missing"} {
		if body, err := f.Fetch(t.Context(), srv.URL+path); err == nil {
			t.Errorf("%s: %d bytes", path, len(body))
		}
	}
}
