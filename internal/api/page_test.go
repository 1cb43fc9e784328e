package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/api"
)

// TestPages: a page is asked for like an operation, but for the credential; one that is
// for anywhere may be asked for by other sites, and the others not.
func TestPages(t *testing.T) {
	page := func(path string, anywhere bool) api.Page {
		return api.Page{Path: path, Name: path, Anywhere: anywhere, Serve: func(w http.ResponseWriter, r *http.Request, failed func()) {
			if r.Header.Get("X-Wrong") != "" {
				failed()
			}
			if r.Header.Get("X-Panic") != "" {
				panic("with what nobody is to see")
			}
			w.WriteHeader(http.StatusAccepted)
		}}
	}
	s := newServer(t, func(c *api.Config) { c.Pages = []api.Page{page("/here", false), page("/anywhere", true)} })
	const foreign = "Origin: https://evil.example"
	for _, tt := range []struct {
		name, path string
		status     int
		header     []string
	}{
		{"without a credential", "/here", 202, nil},
		{"from another site", "/here", 403, []string{foreign}},
		{"from another site, for anywhere", "/anywhere", 202, []string{foreign}},
		{"by another host name", "/anywhere", 403, []string{"Host: evil.example"}},
		{"below the page", "/anywhere/x", 404, nil},
		{"which fails", "/anywhere", 500, []string{"X-Panic: x"}},
	} {
		r := s.request(t, "POST", tt.path, "", append(tt.header, noToken)...)
		for _, h := range tt.header {
			if host, ok := strings.CutPrefix(h, "Host: "); ok {
				r.Host = host
			}
		}
		if resp, text := s.do(t, r); resp.StatusCode != tt.status || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", tt.name, resp.StatusCode, text)
		}
	}
	for range 20 {
		s.do(t, s.request(t, "POST", "/here", "", noToken, "X-Wrong: x"))
	}
	if resp, _ := s.do(t, s.request(t, "POST", "/here", "", noToken)); resp.StatusCode != 429 {
		t.Errorf("after 20 wrong credentials: %d", resp.StatusCode)
	}
	if resp, _ := s.do(t, s.request(t, "GET", "/here", "", noToken)); resp.StatusCode != 202 {
		t.Errorf("a page without a credential, then: %d", resp.StatusCode)
	}
	if strings.Contains(s.log.String(), "nobody is to see") {
		t.Error("the log has the value of a panic")
	}
}
