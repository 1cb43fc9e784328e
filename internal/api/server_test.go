package api_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
)

// A pipeListener hands out connections in memory, so that the server's time can
// be that of synctest.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (l *pipeListener) dial() net.Conn {
	client, srv := net.Pipe()
	l.conns <- srv
	return client
}

// inBubble serves h in fake time while fn runs, and checks that the server stops.
func inBubble(t *testing.T, h http.Handler, fn func(t *testing.T, l *pipeListener, stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- api.NewServer(h, nil, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
		fn(t, l, stop)
		stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// untilClosed returns what the server sends before it hangs up, and when it does.
func untilClosed(t *testing.T, c net.Conn) (answer string, took time.Duration) {
	t.Helper()
	began := time.Now()
	all, err := io.ReadAll(c)
	if err != nil {
		t.Errorf("read: %v", err)
	}
	return string(all), time.Since(began)
}

var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, "body", http.StatusBadRequest)
	}
})

func TestSlowClientsAreCutOff(t *testing.T) {
	tests := []struct {
		name, sent string
		within     time.Duration
	}{
		{"header never ends", "GET / HTTP/1.1\r\nHost: localhost\r\n", 10 * time.Second},
		{"nothing is sent", "", 10 * time.Second},
		{"body never ends", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc", time.Minute},
		{"idle after a request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 15 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, echo, func(t *testing.T, l *pipeListener, _ func()) {
				c := l.dial()
				if _, err := io.WriteString(c, tt.sent); err != nil {
					t.Fatal(err)
				}
				if _, took := untilClosed(t, c); took > tt.within+time.Second {
					t.Errorf("the connection was closed after %v, want at most %v", took, tt.within)
				}
			})
		})
	}
}

func TestHeaderIsBounded(t *testing.T) {
	inBubble(t, echo, func(t *testing.T, l *pipeListener, _ func()) {
		c := l.dial()
		go func() {
			// The server hangs up before all of it is sent.
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		}()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.Contains(line, "431") {
			t.Errorf("got %q (%v), want status 431", line, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestStopWaitsForRunningRequests(t *testing.T) {
	running, finish := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(running)
		<-finish
		_, _ = io.WriteString(w, "complete")
	})
	inBubble(t, h, func(t *testing.T, l *pipeListener, stop func()) {
		running, finish = make(chan struct{}), make(chan struct{})
		c := l.dial()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-running
		stop()
		synctest.Wait()
		close(finish)
		if answer, _ := untilClosed(t, c); !strings.HasSuffix(answer, "complete") {
			t.Errorf("got %q, want the answer of the request that ran", answer)
		}
	})
}

func TestListen(t *testing.T) {
	tests := []struct {
		addr      string
		encrypted bool
		want      locket.Code
	}{
		{"127.0.0.1:0", false, ""},
		{"localhost:0", false, ""},
		{"127.0.0.1:0", true, ""},
		{"0.0.0.0:0", true, ""},
		{"0.0.0.0:0", false, locket.CodeUnsupported},
		{":0", false, locket.CodeUnsupported},
		{"nonsense", false, locket.CodeUnsupported},
	}
	for _, tt := range tests {
		ln, err := api.Listen(t.Context(), tt.addr, tt.encrypted)
		if got := locket.CodeOf(err); got != tt.want {
			t.Errorf("Listen(%q, %v): got code %q, want %q", tt.addr, tt.encrypted, got, tt.want)
		}
		if tt.want != "" && tt.addr != "nonsense" && !strings.Contains(locket.MessageOf(err), "--tls-cert") {
			t.Errorf("Listen(%q): the message %q does not say what to do", tt.addr, locket.MessageOf(err))
		}
		if ln != nil {
			if err := ln.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTLS(t *testing.T) {
	cert, pool := selfSigned(t)
	ln, err := api.Listen(t.Context(), "127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- api.NewServer(echo, &cert, slog.New(slog.DiscardHandler)).Serve(ctx, ln) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	addr := ln.Addr().String()
	if c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}); err == nil {
		_ = c.Close()
		t.Error("a client of TLS 1.2 was let in")
	}
	client := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: pool, ClientSessionCache: tls.NewLRUClientSessionCache(4)},
	}}
	for i := range 2 {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		got := fmt.Sprintf("%s, %s, resumed: %v", resp.Proto, tls.VersionName(resp.TLS.Version), resp.TLS.DidResume)
		if want := "HTTP/2.0, TLS 1.3, resumed: false"; got != want {
			t.Errorf("request %d: got %q, want %q", i+1, got, want)
		}
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
