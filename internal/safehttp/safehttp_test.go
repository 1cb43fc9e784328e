package safehttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// A peer is a server that counts what connects to it.
type peer struct {
	*httptest.Server
	conns atomic.Int64
}

func serve(t *testing.T, secure bool, h http.HandlerFunc) *peer {
	t.Helper()
	p := &peer{Server: httptest.NewUnstartedServer(h)}
	p.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			p.conns.Add(1)
		}
	}
	if secure {
		p.StartTLS()
	} else {
		p.Start()
	}
	t.Cleanup(p.Close)
	return p
}

func (p *peer) host() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.URL, "http://"), "https://")
}

func (p *peer) port(t *testing.T) string {
	_, port, err := net.SplitHostPort(p.host())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }

// get asks with a client that trusts the certificates of the peers.
func get(t *testing.T, c Config, method, at string, trusted ...*peer) (*http.Response, error) {
	t.Helper()
	c.RootCAs = x509.NewCertPool()
	for _, p := range trusted {
		c.RootCAs.AddCert(p.Certificate())
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), method, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", "hidden")
	res, err := client.Do(req)
	if err == nil {
		t.Cleanup(func() { _ = res.Body.Close() })
	}
	return res, err
}

func TestReaches(t *testing.T) {
	plain, secure := serve(t, false, ok), serve(t, true, ok)
	asLocalhost := "http://localhost:" + plain.port(t)
	for name, tt := range map[string]struct {
		url   string
		allow []string
		want  error
	}{
		"plain, listed":                 {plain.URL, []string{plain.host()}, nil},
		"plain, not listed":             {plain.URL, nil, ErrPlain},
		"plain, another port is listed": {plain.URL, []string{"127.0.0.1:1"}, ErrPlain},
		"plain, another name of it":     {asLocalhost, []string{plain.host()}, ErrPlain},
		"plain, case of the list":       {asLocalhost, []string{"LocalHost:" + plain.port(t)}, nil},
		"secure, listed":                {secure.URL, []string{secure.host()}, nil},
		"secure, not listed":            {secure.URL, nil, ErrAddress},
		"secure, mapped":                {"https://[::ffff:127.0.0.1]:" + secure.port(t), nil, ErrAddress},
		"secure, unspecified":           {"https://0.0.0.0:" + secure.port(t), nil, ErrAddress},
		"unspecified, though listed":    {"http://0.0.0.0:" + plain.port(t), []string{"0.0.0.0:" + plain.port(t)}, ErrAddress},
		"metadata, though listed":       {"http://169.254.169.254/latest/", []string{"169.254.169.254:80"}, ErrAddress},
		"another scheme":                {"file:///etc/passwd", nil, ErrPlain},
	} {
		t.Run(name, func(t *testing.T) {
			before := plain.conns.Load() + secure.conns.Load()
			_, err := get(t, Config{Allow: tt.allow}, http.MethodGet, tt.url, secure)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want != nil && plain.conns.Load()+secure.conns.Load() != before {
				t.Error("it connected all the same")
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	goal := serve(t, true, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Seen", r.Header.Get("X-Api-Key"))
	})
	insecure := serve(t, false, ok)
	var self *peer
	self = serve(t, true, func(w http.ResponseWriter, r *http.Request) {
		to := r.FormValue("to")
		if to == "self" {
			to = self.URL + "/?to=self"
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	})
	for name, tt := range map[string]struct {
		to        string
		method    string
		redirects int
		allow     []string
		want      error
	}{
		"none by default":       {goal.URL, "GET", 0, nil, ErrRedirect},
		"to a private address":  {goal.URL, "GET", 3, nil, ErrAddress},
		"to plain http":         {insecure.URL, "GET", 3, nil, ErrRedirect},
		"to a listed host":      {goal.URL, "GET", 3, []string{goal.host()}, ErrRedirect},
		"to listed, plain":      {insecure.URL, "GET", 3, []string{insecure.host()}, ErrRedirect},
		"with a body":           {goal.URL, "POST", 3, nil, ErrRedirect},
		"to metadata":           {"https://169.254.169.254/", "GET", 3, nil, ErrAddress},
		"to what is no network": {"file:///etc/passwd", "GET", 3, nil, ErrRedirect},
		"to itself, being one":  {"self", "GET", 3, nil, ErrRedirect},
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Allow: append(tt.allow, self.host()), Redirects: tt.redirects}
			_, err := get(t, c, tt.method, self.URL+"/?to="+url.QueryEscape(tt.to), self, goal)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if goal.conns.Load()+insecure.conns.Load() != 0 {
				t.Error("it connected all the same")
			}
		})
	}
}

// A redirect between public hosts cannot be had here, so the rule is asked itself.
func TestRedirectRule(t *testing.T) {
	g := &guard{allowed: map[string]bool{"127.0.0.1:1": true}}
	first := httptest.NewRequest(http.MethodGet, "https://a.example/", nil)
	for _, tt := range []struct {
		to   string
		via  int
		want error
		sees string
	}{
		{"https://a.example/b", 1, nil, "hidden"},
		{"https://b.example/", 1, nil, ""},
		{"https://a.example:8443/", 1, nil, ""},
		{"https://a.example/", 2, nil, "hidden"},
		{"https://a.example/", 3, ErrRedirect, ""},
		{"http://a.example/", 1, ErrRedirect, ""},
	} {
		req := httptest.NewRequest(http.MethodGet, tt.to, nil)
		req.Header.Set("X-Api-Key", "hidden")
		via := make([]*http.Request, tt.via)
		for i := range via {
			via[i] = first
		}
		err := g.redirect(req, via, 2)
		if !errors.Is(err, tt.want) || err == nil && req.Header.Get("X-Api-Key") != tt.sees {
			t.Errorf("%s after %d: %v, key %q", tt.to, tt.via, err, req.Header.Get("X-Api-Key"))
		}
	}
}

// names returns a resolver whose server gives the addresses one after the other.
func names(t *testing.T, answers ...[4]byte) (*net.Resolver, *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(answers)) - 1
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: answers[i]},
				}}
			}
			if b, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(b, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, asked
}

// The name gives a public address to whoever looks first, and then a private one.
func TestRebinding(t *testing.T) {
	p := serve(t, false, ok)
	at := "rebind.example.com:" + p.port(t)
	resolver, asked := names(t, [4]byte{8, 8, 8, 8}, [4]byte{127, 0, 0, 1})
	ips, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example.com.")
	if err != nil || !Public(ips[0]) {
		t.Fatal("the look before:", ips, err)
	}
	if _, err := get(t, Config{Resolver: resolver}, http.MethodGet, "https://"+at); !errors.Is(err, ErrAddress) || p.conns.Load() != 0 {
		t.Errorf("after it: %v, %d connections", err, p.conns.Load())
	}
	if asked.Load() < 2 {
		t.Error("the name was not resolved again")
	}
	if _, err := get(t, Config{Resolver: resolver, Allow: []string{at}}, http.MethodGet, "http://"+at); err != nil {
		t.Error("listed:", err)
	}
}

func TestIgnoresProxies(t *testing.T) {
	proxy, p := serve(t, false, ok), serve(t, false, ok)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	client, err := New(Config{Allow: []string{p.host()}})
	if err != nil {
		t.Fatal(err)
	}
	if client.Transport.(*guard).next.Proxy != nil {
		t.Error("it asks for a proxy")
	}
}

func TestOldTLS(t *testing.T) {
	p := &peer{Server: httptest.NewUnstartedServer(http.HandlerFunc(ok))}
	p.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	p.StartTLS()
	t.Cleanup(p.Close)
	if _, err := get(t, Config{Allow: []string{p.host()}}, http.MethodGet, p.URL, p); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
}

func TestTimeout(t *testing.T) {
	p := serve(t, false, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	_, err := get(t, Config{Allow: []string{p.host()}, Timeout: 20 * time.Millisecond}, http.MethodGet, p.URL)
	if e, ok := errors.AsType[*url.Error](err); !ok || !e.Timeout() {
		t.Errorf("got %v", err)
	}
}

func TestRead(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		p := serve(t, false, func(w http.ResponseWriter, _ *http.Request) {
			if chunked {
				w.(http.Flusher).Flush()
			}
			_, _ = w.Write(bytes.Repeat([]byte{'x'}, 100))
		})
		for limit, want := range map[int64]error{99: ErrTooLarge, 100: nil} {
			res, err := get(t, Config{Allow: []string{p.host()}}, http.MethodGet, p.URL)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := Read(res, limit); !errors.Is(err, want) || err == nil && len(b) != 100 {
				t.Errorf("chunked %t, limit %d: %d bytes, %v", chunked, limit, len(b), err)
			}
		}
	}
}

func TestAllowIsExact(t *testing.T) {
	for _, a := range []string{"", "localhost", "localhost:", ":80", "localhost:http", "localhost:0", "localhost:65536", "http://localhost:80", "::1:80"} {
		if _, err := New(Config{Allow: []string{a}}); !errors.Is(err, ErrHost) {
			t.Errorf("%q: %v", a, err)
		}
	}
}
