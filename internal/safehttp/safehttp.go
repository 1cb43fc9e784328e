// Package safehttp makes HTTP clients that cannot be talked into reaching the machine
// they run on or the network around it.
//
// Addresses are checked when a connection is made, after names are resolved, so neither a
// name that changes its address nor a redirect gets around it. A host that is meant to be
// local, such as a model server, is listed by its exact name and port.
package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Why a request was refused. They are in the chain of what the client returns.
var (
	ErrAddress  = errors.New("safehttp: not a public address")
	ErrPlain    = errors.New("safehttp: not https, and not a listed host")
	ErrRedirect = errors.New("safehttp: a redirect that is not followed")
	ErrTooLarge = errors.New("safehttp: the answer is too large")
	ErrHost     = errors.New("safehttp: not a host and port")
)

const (
	defaultTimeout = 30 * time.Second
	dialTimeout    = 10 * time.Second
	maxHeader      = 64 << 10
	maxRedirects   = 10
)

// A Config says what a client may reach beyond https on the public internet.
type Config struct {
	Allow     []string       // "host:port" of hosts that may be local and plain http; where a cloud's credentials are stays refused
	Redirects int            // how many are followed, up to 10, for GET and HEAD, to https only, never to a listed host
	Timeout   time.Duration  // of a request with its answer; 0: 30 seconds
	Resolver  *net.Resolver  // nil: the system's
	RootCAs   *x509.CertPool // nil: the system's
}

// New returns a client that asks no proxy and keeps no cookies. The caller ends its
// idle connections with CloseIdleConnections.
func New(c Config) (*http.Client, error) {
	g := &guard{allowed: make(map[string]bool), resolver: c.Resolver}
	for _, a := range c.Allow {
		host, port, err := net.SplitHostPort(a)
		if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || n == 0 || host == "" {
			return nil, fmt.Errorf("%w: %q", ErrHost, a)
		}
		g.allowed[key(host, port)] = true
	}
	g.next = &http.Transport{
		DialContext:            g.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialTimeout,
		IdleConnTimeout:        defaultTimeout,
		MaxIdleConns:           8,
		MaxResponseHeaderBytes: maxHeader,
	}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	most := min(c.Redirects, maxRedirects)
	return &http.Client{
		Transport:     g,
		Timeout:       timeout,
		CheckRedirect: func(req *http.Request, via []*http.Request) error { return g.redirect(req, via, most) },
	}, nil
}

// A guard refuses what a client may not reach.
type guard struct {
	allowed  map[string]bool // of key
	resolver *net.Resolver
	next     *http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && (req.URL.Scheme != "http" || !g.lists(req.URL)) {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper closes it, whatever happens
		}
		return nil, ErrPlain
	}
	return g.next.RoundTrip(req)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (g *guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

// dial connects to an address that was checked as it is connected to.
func (g *guard) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHost, err)
	}
	may := Public
	if g.allowed[key(host, port)] {
		may = reachable
	}
	d := net.Dialer{
		Timeout:  dialTimeout,
		Resolver: g.resolver,
		Control: func(_, address string, _ syscall.RawConn) error {
			a, err := netip.ParseAddrPort(address)
			if err != nil || !may(a.Addr()) {
				return ErrAddress
			}
			return nil
		},
	}
	return d.DialContext(ctx, "tcp", addr)
}

// redirect lets nobody outside send the client to a listed host, nor carry a request's
// body or its credentials to another one.
func (g *guard) redirect(req *http.Request, via []*http.Request, most int) error {
	first := via[0]
	safe := first.Method == http.MethodGet || first.Method == http.MethodHead
	if len(via) > most || !safe || req.URL.Scheme != "https" || g.lists(req.URL) {
		return ErrRedirect
	}
	if req.URL.Host != first.URL.Host {
		for name := range req.Header {
			if name != "Accept" && name != "User-Agent" {
				req.Header.Del(name)
			}
		}
	}
	return nil
}

func (g *guard) lists(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return g.allowed[key(u.Hostname(), port)]
}

func key(host, port string) string { return net.JoinHostPort(strings.ToLower(host), port) }

// Read returns the body of an answer of at most limit bytes, and closes it.
func Read(res *http.Response, limit int64) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, errors.Join(ErrTooLarge, res.Body.Close())
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, ErrTooLarge
	}
	return b, nil
}
