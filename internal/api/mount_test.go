package api_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// door is a mount that answers with who came, and echoes what they say. A body of "add"
// adds an item.
func door(t *testing.T) api.Mount {
	return api.Mount{
		Path: "/door", Name: "door", Audience: ops.AudienceMCP, MaxBody: 100,
		Challenge: func(r *http.Request) string { return `Bearer resource_metadata="https://` + r.Host + `"` },
		Serve: func(v *pods.Visit, w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
				return
			}
			if string(body) == "add" {
				_, err := v.View.Write(r.Context(), func(w *store.Writer) error {
					_, err := w.Create(store.Draft{Type: "Note", Props: map[string]any{"name": "x"}})
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
			self, err := v.View.Self(r.Context())
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Cache-Control", "public")
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, self.Name, " ", string(body))
		},
	}
}

func TestMount(t *testing.T) {
	sealer := keyring.NewProcessSealer(time.Now)
	t.Cleanup(func() { _ = sealer.Close() })
	folder, err := pods.Open(t.TempDir(), pods.Options{Sealer: sealer})
	if err != nil {
		t.Fatal(err)
	}
	made, err := folder.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	grant := func(audience string) string {
		var text string
		err := folder.Visit(t.Context(), pods.Call{Pod: made.Token.Pod, Credential: made.Token}, func(v *pods.Visit) error {
			_, token, err := v.Grant(t.Context(), pods.GrantRequest{Audience: audience, Life: time.Hour})
			if err == nil {
				text = "Authorization: Bearer " + string(token.Text().Bytes())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	s := newServer(t, func(c *api.Config) { c.Doer, c.Mounts = folder, []api.Mount{door(t)} })
	s.key = string(made.Token.Text().Bytes())
	t.Cleanup(func() { _ = folder.Close() })
	for _, tt := range []struct {
		name, method, body string
		header             []string
		status             int
		want               string
	}{
		{"API key", "POST", "hello", nil, 202, "Anna hello"},
		{"grant for here", "POST", "hello", []string{grant(ops.AudienceMCP)}, 202, "Anna hello"},
		{"grant for the API", "POST", "hello", []string{grant(ops.AudienceAPI)}, 401, "unauthenticated"},
		{"no credential", "POST", "hello", []string{"Authorization: "}, 401, "unauthenticated"},
		{"a wrong one", "POST", "hello", []string{"Authorization: Bearer lk_wrong"}, 401, "unauthenticated"},
		{"no credential, another method", "GET", "", []string{"Authorization: "}, 401, "unauthenticated"},
		{"session cookie", "POST", "hello", []string{"Authorization: ", "Sec-Fetch-Site: same-origin", "Cookie: __Host-locket=" + strings.TrimPrefix(grant("web"), "Authorization: Bearer ")}, 401, "unauthenticated"},
		{"another site", "POST", "hello", []string{"Origin: https://evil.example"}, 403, "denied"},
		{"another site that reads", "GET", "", []string{"Origin: https://evil.example"}, 403, "denied"},
		{"no site", "POST", "hello", []string{"Origin: null"}, 403, "denied"},
		{"this site", "POST", "hello", []string{"Origin: " + s.URL}, 202, "Anna hello"},
		{"another host", "POST", "hello", []string{"Host: evil.example"}, 403, "denied"},
		{"large body", "POST", strings.Repeat("x", 101), nil, 413, "too large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, body := s.do(t, s.request(t, tt.method, "/door", tt.body, tt.header...))
			if res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
				t.Errorf("%d %s, want %d %s", res.StatusCode, body, tt.status, tt.want)
			}
			challenge := res.Header.Get("WWW-Authenticate")
			if want := `Bearer resource_metadata="https://` + strings.TrimPrefix(s.URL, "http://") + `"`; tt.status == 401 && challenge != want {
				t.Errorf("WWW-Authenticate: %s, want %s", challenge, want)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control: %s", got)
			}
		})
	}
	t.Run("session", func(t *testing.T) {
		for _, header := range []string{"", "Locket-Session: mine"} {
			s.do(t, s.request(t, "POST", "/door", "add", header))
		}
		_, body := s.do(t, s.request(t, "GET", "/v1/journal?limit=2", ""))
		if !regexp.MustCompile(`"session":"mine"`).MatchString(body) || !regexp.MustCompile(`"session":"door-\d{8}-[0-9a-f]{8}"`).MatchString(body) {
			t.Errorf("journal: %s", body)
		}
	})
}
