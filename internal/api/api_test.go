package api_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/pods"
)

// A server is a whole API over a pod of its own.
type server struct {
	*httptest.Server
	key string // of the pod
	log *lockedBuffer
}

// A lockedBuffer takes log lines from handlers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newPod returns a folder with one pod, and the pod's API key.
func newPod(t *testing.T) (folder *pods.Folder, key string) {
	t.Helper()
	folder, err := pods.Open(t.TempDir(), pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := folder.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return folder, string(made.Token.Text().Bytes())
}

// newServer serves a new pod. edit, if not nil, changes the config.
func newServer(t *testing.T, edit func(*api.Config)) *server {
	t.Helper()
	folder, key := newPod(t)
	s := &server{key: key, log: &lockedBuffer{}}
	c := api.Config{Doer: folder, Log: slog.New(slog.NewTextHandler(s.log, nil)), Version: "v0.0.0-test"}
	if edit != nil {
		edit(&c)
	}
	s.Server = httptest.NewServer(api.New(c))
	t.Cleanup(func() {
		s.Close()
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// request makes a request with the pod's key. Header lines are "Name: value"; a
// value of "" removes the header.
func (s *server) request(t *testing.T, method, target, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		switch {
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header.Del(name)
		default:
			r.Header.Set(name, value)
		}
	}
	return r
}

// do sends a request and returns the answer with its body read.
func (s *server) do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

const (
	idTea   = "0192f3a4-0000-7000-8000-000000000001"
	idCup   = "0192f3a4-0000-7000-8000-000000000002"
	idNone  = "0192f3a4-0000-7000-8000-0000000000ff"
	noBlob  = "0192f3a4-0000-4000-8000-0000000000ff"
	noToken = "Authorization: "
)

// A scenario is one request and what the answer must be like.
type scenario struct {
	name           string
	method, target string
	header         []string
	body           string
	status         int
	want           []string // in header or body
	not            []string
}

func (s *server) play(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			resp, body := s.do(t, s.request(t, sc.method, sc.target, sc.body, sc.header...))
			var all strings.Builder
			if err := resp.Header.Write(&all); err != nil {
				t.Fatal(err)
			}
			all.WriteString(body)
			if resp.StatusCode != sc.status {
				t.Errorf("got status %d, want %d: %s", resp.StatusCode, sc.status, body)
			}
			for _, w := range sc.want {
				if !strings.Contains(all.String(), w) {
					t.Errorf("%q is missing in\n%s", w, all.String())
				}
			}
			for _, n := range append(sc.not, "goroutine", ".go:", s.key) {
				if strings.Contains(all.String(), n) {
					t.Errorf("%q is in\n%s", n, all.String())
				}
			}
		})
	}
}
