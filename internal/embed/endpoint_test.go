package embed

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// A server answers as the two kinds do, with vectors of the length of each text and its
// place among all. It fails the test where a request is not as documented.
type server struct {
	*httptest.Server
	t        *testing.T
	requests int
	texts    int
	statuses []int  // of the first answers
	auth     string // the last one
	answer   string // instead of vectors
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{t: t}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)
	return s
}

func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	s.requests++
	s.auth = r.Header.Get("Authorization")
	var in struct {
		Model string   `json:"model"`
		Input []string `json:"input"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Model != "tiny" || len(in.Input) == 0 || len(in.Input) > 64 || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("a request that no server takes: %v, %+v", err, in)
	}
	if len(s.statuses) > 0 {
		status := s.statuses[0]
		s.statuses = s.statuses[1:]
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":{"message":"cannot embed %s"}}`, in.Input[0])
		return
	}
	var vs []string
	for _, t := range in.Input {
		vs = append(vs, fmt.Sprintf("[%d, %d, 0]", len(t), s.texts))
		s.texts++
	}
	switch {
	case s.answer != "":
		_, _ = w.Write([]byte(s.answer))
	case r.Method == http.MethodPost && r.URL.Path == "/v1/embeddings":
		for i := range vs {
			vs[i] = fmt.Sprintf(`{"object": "embedding", "index": %d, "embedding": %s}`, i, vs[i])
		}
		vs[0], vs[len(vs)-1] = vs[len(vs)-1], vs[0] // the order is that of index
		_, _ = fmt.Fprintf(w, `{"object": "list", "data": [%s], "model": "tiny", "usage": {"prompt_tokens": 8, "total_tokens": 8}}`, strings.Join(vs, ", "))
	case r.Method == http.MethodPost && r.URL.Path == "/api/embed":
		_, _ = fmt.Fprintf(w, `{"model": "tiny", "embeddings": [%s], "total_duration": 14143917, "load_duration": 1019500, "prompt_eval_count": 8}`, strings.Join(vs, ", "))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *server) open(c Config) (*endpoint, error) {
	c.URL, c.Model = s.URL+c.URL, "tiny"
	e, err := Open(s.t.Context(), c)
	if err != nil {
		return nil, err
	}
	e.(*endpoint).pause = 0
	return e.(*endpoint), nil
}

func TestServers(t *testing.T) {
	for _, c := range []Config{{}, {URL: "/"}, {URL: "/v1"}, {URL: "/v1/"}, {URL: "/v1/embeddings"}, {URL: "/api"}, {URL: "/api/embed"}, {Kind: Ollama}, {Kind: OpenAI}} {
		t.Run(c.Kind+c.URL, func(t *testing.T) {
			s := serve(t)
			c.AllowLocal, c.Key = true, secret.Take([]byte("sk-1"))
			e, err := s.open(c)
			if err != nil {
				t.Fatal(err)
			}
			if e.Model() != "tiny/3" || s.requests != 1 {
				t.Errorf("%s after %d requests", e.Model(), s.requests)
			}
			texts := make([]string, 130)
			for i := range texts {
				texts[i] = strings.Repeat("x", i+1)
			}
			texts[7] = " \n"
			s.requests, s.texts = 0, 0
			vs, err := e.Embed(t.Context(), texts)
			if err != nil || len(vs) != len(texts) || s.requests != 3 || s.auth != "Bearer sk-1" {
				t.Fatalf("%d vectors, %v, %d requests, %q", len(vs), err, s.requests, s.auth)
			}
			at := 0.0
			for i, v := range vs {
				length := math.Hypot(float64(v[0]), float64(v[1]))
				if i == 7 {
					if length != 0 {
						t.Error("white space has a direction")
					}
					continue
				}
				if want := at / float64(i+1); math.Abs(float64(v[1]/v[0])-want) > 1e-4*(1+want) || math.Abs(length-1) > 1e-6 {
					t.Fatalf("vector %d is %v", i, v)
				}
				at++
			}
		})
	}
}

func TestServersThatFail(t *testing.T) {
	vectors := func(v string) string {
		return `{"data":[{"index":0,"embedding":` + v + `},{"index":1,"embedding":[1,2,3]}]}`
	}
	for name, tt := range map[string]struct {
		statuses []int
		answer   string
		want     locket.Code
		requests int
	}{
		"once":              {[]int{503}, "", "", 2},
		"busy once":         {[]int{429}, "", "", 2},
		"twice":             {[]int{500, 502}, "", locket.CodeBusy, 2},
		"busy twice":        {[]int{429, 429}, "", locket.CodeTooMany, 2},
		"no key":            {[]int{401}, "", locket.CodeDenied, 1},
		"no model":          {[]int{404}, "", locket.CodeNotFound, 1},
		"a bad request":     {[]int{400}, "", locket.CodeUnsupported, 1},
		"another status":    {[]int{204}, "", locket.CodeUnsupported, 1},
		"no JSON":           {nil, "<html>", locket.CodeUnsupported, 1},
		"too few":           {nil, `{"data":[{"index":0,"embedding":[1,2,3]}]}`, locket.CodeUnsupported, 1},
		"the same twice":    {nil, `{"data":[{"index":1,"embedding":[1,2,3]},{"index":1,"embedding":[1,2,3]}]}`, locket.CodeUnsupported, 1},
		"an index too high": {nil, `{"data":[{"index":2,"embedding":[1,2,3]},{"index":1,"embedding":[1,2,3]}]}`, locket.CodeUnsupported, 1},
		"a negative index":  {nil, `{"data":[{"index":-1,"embedding":[1,2,3]},{"index":1,"embedding":[1,2,3]}]}`, locket.CodeUnsupported, 1},
		"a shorter vector":  {nil, vectors("[1,2]"), locket.CodeUnsupported, 1},
		"no vector":         {nil, vectors("null"), locket.CodeUnsupported, 1},
		"too large numbers": {nil, vectors("[1e39,0,0]"), locket.CodeUnsupported, 1},
		"another kind":      {nil, `{"embeddings":[[1,2,3],[1,2,3]]}`, locket.CodeUnsupported, 1},
		"as it should":      {nil, vectors("[3,2,1]"), "", 1},
		"too much":          {nil, strings.Repeat(" ", maxAnswer+1), locket.CodeTooLarge, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			e, err := s.open(Config{Dims: 3, AllowLocal: true, Key: secret.Take([]byte("sk-1"))})
			if err != nil || s.requests != 0 {
				t.Fatal("asked though the dimensions are known:", err)
			}
			s.statuses, s.answer = tt.statuses, tt.answer
			_, err = e.Embed(t.Context(), []string{"private words", "b"})
			if locket.CodeOf(err) != tt.want || s.requests != tt.requests {
				t.Errorf("got %v (%s) after %d requests", err, locket.CodeOf(err), s.requests)
			}
			for _, e := range []error{err, unwrapped(err)} {
				if e != nil && (strings.Contains(e.Error(), "private") || strings.Contains(e.Error(), "sk-1")) {
					t.Error("the error tells the text or the key:", e)
				}
			}
		})
	}
}

func unwrapped(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

func TestLocalOnlyIfAllowed(t *testing.T) {
	s := serve(t)
	if _, err := s.open(Config{}); locket.CodeOf(err) != locket.CodeDenied || s.requests != 0 {
		t.Errorf("got %v after %d requests", err, s.requests)
	}
	elsewhere := httptest.NewServer(http.RedirectHandler(s.URL+"/v1/embeddings", http.StatusTemporaryRedirect))
	t.Cleanup(elsewhere.Close)
	_, err := Open(t.Context(), Config{URL: elsewhere.URL, Model: "tiny", AllowLocal: true})
	if locket.CodeOf(err) != locket.CodeInvalid || s.requests != 0 {
		t.Errorf("sent elsewhere: %v after %d requests", err, s.requests)
	}
	s.Close()
	if _, err := s.open(Config{AllowLocal: true}); locket.CodeOf(err) != locket.CodeBusy {
		t.Errorf("nobody there: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	s := serve(t)
	e, err := s.open(Config{Dims: 3, AllowLocal: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Embed(ctx, []string{"a"}); locket.CodeOf(err) != locket.CodeCancelled {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsAsked(t *testing.T) {
	for _, tt := range []struct{ url, kind, want string }{
		{"https://api.openai.com/v1", "", "https://api.openai.com/v1/embeddings"},
		{"https://models.example/", "", "https://models.example/v1/embeddings"},
		{"https://models.example/proxy/v1", "", "https://models.example/proxy/v1/embeddings"},
		{"http://127.0.0.1:11434", "", "http://127.0.0.1:11434/api/embed"},
		{"http://127.0.0.1:11434/v1", "", "http://127.0.0.1:11434/v1/embeddings"},
		{"http://127.0.0.1:11434", OpenAI, "http://127.0.0.1:11434/v1/embeddings"},
		{"https://models.example", Ollama, "https://models.example/api/embed"},
		{"https://models.example/api", "", "https://models.example/api/embed"},
		{"http://[::1]:8080/v1/embeddings", "", "http://[::1]:8080/v1/embeddings"},
	} {
		e, err := Open(t.Context(), Config{URL: tt.url, Kind: tt.kind, Model: "m", Dims: 8, AllowLocal: true})
		if err != nil || e.(*endpoint).url != tt.want {
			t.Errorf("%s: %+v, %v", tt.url, e, err)
		}
	}
}

func TestRefusedConfigs(t *testing.T) {
	for name, c := range map[string]Config{
		"nothing":         {},
		"both":            {URL: "https://a.example", File: "f", Model: "m"},
		"a file's server": {URL: "https://a.example", Kind: File, Model: "m"},
		"a server's file": {File: "f", Kind: Ollama},
		"no model":        {URL: "https://a.example"},
		"a long model":    {URL: "https://a.example", Model: strings.Repeat("m", 300)},
		"lines in it":     {URL: "https://a.example", Model: "a\nb"},
		"another scheme":  {URL: "ftp://a.example", Model: "m"},
		"no host":         {URL: "https://", Model: "m"},
		"no scheme":       {URL: "127.0.0.1:11434", Model: "m"},
		"a password":      {URL: "https://a:b@a.example", Model: "m"},
		"a key in it":     {URL: "https://a.example/?key=k", Model: "m"},
		"another kind":    {URL: "https://a.example", Model: "m", Kind: "cohere"},
		"no dimensions":   {URL: "https://a.example", Model: "m", Dims: -1},
		"too many":        {URL: "https://a.example", Model: "m", Dims: maxDims + 1},
	} {
		if c.Dims == 0 {
			c.Dims = 8
		}
		if _, err := Open(t.Context(), c); locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHead(t *testing.T) {
	for in, want := range map[string]string{
		"short":                                "short",
		strings.Repeat("x", maxText+1):         strings.Repeat("x", maxText),
		strings.Repeat("x", maxText-1) + "é":   strings.Repeat("x", maxText-1),
		strings.Repeat("x", maxText-2) + "éé":  strings.Repeat("x", maxText-2) + "é",
		strings.Repeat("x", maxText-2) + "🎉":   strings.Repeat("x", maxText-2),
		strings.Repeat("x", maxText-4) + "🎉ab": strings.Repeat("x", maxText-4) + "🎉",
		"a\xffb": "a\uFFFDb",
	} {
		if got := head(in); got != want {
			t.Errorf("head of %d bytes has %d, want %d", len(in), len(got), len(want))
		}
	}
}
