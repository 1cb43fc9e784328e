// Package oauth lets agents on other machines in, with the owner's consent: it is the
// OAuth 2.1 authorization server of /mcp, and stores nothing. See docs/design/oauth.md.
//
// What stands for a permission is a grant: sealed with the key of this process, held by
// the client, and with a row in the pod. Beside it the process remembers of each
// authorization what ties its tokens together, and no secret of any of them.
package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
)

// Lifetimes.
const (
	codeUse     = time.Minute         // of a code until it must have been exchanged
	codeLife    = 10 * time.Minute    // of its grant: until then a second use of the code ends what the first gave
	accessLife  = time.Hour           // of an access token
	refreshLife = 30 * 24 * time.Hour // of an authorization, from the owner's consent on
	consentLife = 10 * time.Minute    // of a consent page
	visitTime   = time.Minute         // of a visit to a pod
)

// MaxBody bounds what any page takes, in bytes.
const MaxBody = 16 << 10

// A Doer opens a pod for the time of one function.
type Doer interface {
	Visit(ctx context.Context, c pods.Call, fn func(*pods.Visit) error) error
	List() ([]locket.PodID, error)
}

// A Config says who may ask, and by which name the server is known.
type Config struct {
	Doer      Doer
	PublicURL string           // of the server, without a path; "": each request's own, over TLS or the loopback
	Clients   []Client         // registered beforehand
	Fetch     Fetcher          // of client ID metadata documents; nil: they are not supported
	Now       func() time.Time // nil: time.Now
}

// A Server answers at the paths of Pages. Safe for concurrent use.
type Server struct {
	Config
	documents *documents
	families  *families
	csrf      [32]byte // key of what ties a consent page to its form
}

// A Page is something that the server answers. Serve calls failed when somebody has
// shown a wrong credential.
type Page struct {
	Path     string
	Name     string // what the log calls it
	Anywhere bool   // pages of other web sites may use it: it goes by nothing that a browser adds by itself
	Serve    func(w http.ResponseWriter, r *http.Request, failed func())
}

// New returns a server, or an error if a client or the URL of the configuration is not one.
func New(c Config) (*Server, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.PublicURL != "" {
		u, err := ParsePublicURL(c.PublicURL)
		if err != nil {
			return nil, err
		}
		c.PublicURL = u.String()
	}
	for _, client := range c.Clients {
		if err := client.check(); err != nil {
			return nil, err
		}
	}
	s := &Server{Config: c, families: newFamilies(c.Now), documents: newDocuments(c.Fetch, c.Now)}
	_, _ = rand.Read(s.csrf[:]) // never fails: crypto/rand aborts the program instead
	return s, nil
}

// ParsePublicURL reads the URL that a server is known by: https, or http on this machine,
// and a host.
func ParsePublicURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, locket.Errorf(locket.CodeInvalid, "the public URL of a server is https:// and its name, without a path")
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// Pages lists what the server answers.
func (s *Server) Pages() []Page {
	return []Page{
		{"/.well-known/oauth-protected-resource", "oauth.resource", true, s.document(s.resourceMetadata)},
		{"/.well-known/oauth-protected-resource/mcp", "oauth.resource", true, s.document(s.resourceMetadata)},
		{"/.well-known/oauth-authorization-server", "oauth.server", true, s.document(s.serverMetadata)},
		{"/oauth/authorize", "oauth.authorize", false, s.authorize},
		{"/oauth/register", "oauth.register", true, s.endpoint(s.register)},
		{"/oauth/token", "oauth.token", true, s.endpoint(s.token)},
		{"/oauth/revoke", "oauth.revoke", true, s.endpoint(s.revoke)},
	}
}

// errNoIssuer is for requests over plain HTTP to a name: they came through a proxy that
// does not say what it is called.
var errNoIssuer = errors.New("oauth: the server does not know its own URL")

// issuer is the URL of this server, as the client knows it (RFC 8414 §2).
func (s *Server) issuer(r *http.Request) (string, error) {
	host := strings.ToLower(r.Host)
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	switch {
	case s.PublicURL != "":
		return s.PublicURL, nil
	case r.TLS != nil:
		return "https://" + host, nil
	case isLoopback(strings.Trim(name, "[]")):
		return "http://" + host, nil
	}
	return "", errNoIssuer
}

// resource is what access tokens are for (RFC 8707).
func resource(issuer string) string { return issuer + "/mcp" }

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
