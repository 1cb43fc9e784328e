package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
)

// doer makes a function a door.
type doer func(ctx context.Context, c pods.Call, fn func(*pods.Visit) error) error

func (d doer) Visit(ctx context.Context, c pods.Call, fn func(*pods.Visit) error) error {
	return d(ctx, c, fn)
}

func (d doer) List() ([]locket.PodID, error) { return nil, nil }

// doerFunc is a door that nothing is behind.
type doerFunc func(ctx context.Context) error

func (d doerFunc) Visit(ctx context.Context, _ pods.Call, _ func(*pods.Visit) error) error {
	return d(ctx)
}

func (d doerFunc) List() ([]locket.PodID, error) { return nil, nil }

// newHandler is an API over d. Its log is thrown away.
func newHandler(d doerFunc, edit func(*api.Config)) http.Handler {
	c := api.Config{Doer: d, Log: slog.New(slog.DiscardHandler)}
	if edit != nil {
		edit(&c)
	}
	return api.New(c)
}

// token is the text of an API key of a pod that does not exist.
func token(t *testing.T) string {
	t.Helper()
	h, podKey, err := keyring.New(locket.NewPodID())
	if err != nil {
		t.Fatal(err)
	}
	defer podKey.Wipe()
	_, tok, err := h.AddAPIKey(podKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(tok.Text().Bytes())
}

// ask sends a request straight to the handler.
func ask(ctx context.Context, h http.Handler, target, credential, remote string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, "GET", target, nil)
	r.Host, r.RemoteAddr = "localhost", remote
	r.Header.Set("Authorization", credential)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestUnauthenticatedIsOneAnswer(t *testing.T) {
	s := newServer(t, nil)
	var first string
	mistyped := []byte(s.key)
	mistyped[len(mistyped)-10] ^= 1
	for _, tt := range []struct{ name, credential string }{
		{"none", ""},
		{"other scheme", "Basic " + s.key},
		{"no scheme", s.key},
		{"no key", "Bearer hello"},
		{"mistyped", "Bearer " + string(mistyped)},
		{"two spaces", "Bearer  " + s.key},
		{"of an unknown pod", "Bearer " + token(t)},
	} {
		resp, body := s.do(t, s.request(t, "GET", "/v1/stats", "", "Authorization: "+tt.credential))
		if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: got status %d, want 401 with WWW-Authenticate", tt.name, resp.StatusCode)
		}
		if first == "" {
			first = body
		}
		if body != first {
			t.Errorf("%s: got %s, want the same as for no key at all: %s", tt.name, body, first)
		}
	}
}

func TestFailedKeysAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(func(context.Context) error {
			return locket.Errorf(locket.CodeUnauthenticated, "opens nothing")
		}, nil)
		key := "Bearer " + token(t)
		get := func(remote string) int { return ask(t.Context(), h, "/v1/stats", key, remote).Code }
		for i := range 20 {
			if got := get("192.0.2.1:1000"); got != 401 {
				t.Fatalf("failure %d: got status %d, want 401", i+1, got)
			}
		}
		if got := get("192.0.2.1:2000"); got != 429 {
			t.Errorf("failure 21: got status %d, want 429", got)
		}
		if got := get("192.0.2.2:1000"); got != 401 {
			t.Errorf("another address: got status %d, want 401", got)
		}
		time.Sleep(time.Second)
		if got := get("192.0.2.1:1000"); got != 401 {
			t.Errorf("a second later: got status %d, want 401", got)
		}
		if got := get("192.0.2.1:1000"); got != 429 {
			t.Errorf("a second later, twice: got status %d, want 429", got)
		}
		for i := range 21 {
			want := 401
			if i == 20 {
				want = 429
			}
			if got := get("[2001:db8::" + string(rune('a'+i%6)) + "]:1000"); got != want {
				t.Errorf("failure %d of an IPv6 network: got status %d, want %d", i+1, got, want)
			}
		}
	})
}

func TestRequestsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		h := newHandler(func(context.Context) error {
			<-block
			return locket.Errorf(locket.CodeNotFound, "done")
		}, func(c *api.Config) { c.MaxRequests = 1 })
		key := "Bearer " + token(t)
		done := make(chan int)
		go func() { done <- ask(t.Context(), h, "/v1/stats", key, "192.0.2.1:1").Code }()
		synctest.Wait()
		began := time.Now()
		w := ask(t.Context(), h, "/v1/stats", key, "192.0.2.1:1")
		if took := time.Since(began); w.Code != 503 || w.Header().Get("Retry-After") == "" || took != 5*time.Second {
			t.Errorf("got status %d after %v, want 503 with Retry-After after 5 s", w.Code, took)
		}
		close(block)
		if got := <-done; got != 404 {
			t.Errorf("the request that ran: got status %d, want 404", got)
		}
		if got := ask(t.Context(), h, "/v1/stats", key, "192.0.2.1:1").Code; got != 404 {
			t.Errorf("afterwards: got status %d, want 404", got)
		}
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(func(ctx context.Context) error {
			<-ctx.Done()
			return locket.Errorf(locket.CodeBusy, "this took too long").Because(ctx.Err())
		}, func(c *api.Config) { c.Timeout = 10 * time.Second })
		began := time.Now()
		w := ask(t.Context(), h, "/v1/stats", "Bearer "+token(t), "192.0.2.1:1")
		if took := time.Since(began); w.Code != 503 || took != 10*time.Second {
			t.Errorf("got status %d after %v, want 503 after 10 s", w.Code, took)
		}
	})
}

func TestFaultsAreNotShown(t *testing.T) {
	const secretText = "the diary says"
	tests := []struct {
		name string
		do   doerFunc
	}{
		{"panic", func(context.Context) error { panic(secretText) }},
		{"panic with an error", func(context.Context) error { panic(errors.New(secretText)) }},
		{"error without a code", func(context.Context) error { return errors.New(secretText) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log lockedBuffer
			h := newHandler(tt.do, func(c *api.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			w := ask(t.Context(), h, "/v1/search?q=privatequery", "Bearer "+token(t), "192.0.2.1:1")
			if body := w.Body.String(); w.Code != 500 || !strings.Contains(body, `"code":"internal"`) ||
				strings.Contains(body, secretText) || strings.Contains(body, "goroutine") || strings.Contains(body, ".go:") {
				t.Errorf("got status %d and %s, want 500, code internal and no details", w.Code, body)
			}
			line := log.String()
			for _, want := range []string{"level=ERROR", "op=items.search", "code=internal", "status=500", "request=" + w.Header().Get("X-Request-Id"), "pod="} {
				if !strings.Contains(line, want) {
					t.Errorf("%q is missing in the log line %q", want, line)
				}
			}
			if strings.Contains(line, "privatequery") || strings.HasPrefix(tt.name, "panic") && strings.Contains(line, secretText) {
				t.Errorf("contents are in the log line %q", line)
			}
			if strings.HasPrefix(tt.name, "panic") && !strings.Contains(line, "TestFaultsAreNotShown") {
				t.Errorf("the log line %q does not say where the panic was", line)
			}
		})
	}
}
