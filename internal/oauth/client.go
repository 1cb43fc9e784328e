package oauth

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/locketpod/locket"
)

// Bounds on what clients say of themselves.
const (
	maxClientID  = 3 << 10 // bytes
	maxName      = 100     // characters
	maxRedirects = 10
	maxRedirect  = 512 // bytes
)

// A Client is a program that asks to be let in. All are public: they have no secret.
type Client struct {
	ID        string   `json:"client_id"`
	Name      string   `json:"client_name"`
	Redirects []string `json:"redirect_uris"`

	// Host has published the client, which a document at its ID shows; "": nobody
	// vouches for what it says of itself.
	Host string `json:"-"`
}

// check refuses a client that is not in order, with CodeInvalid.
func (c Client) check() error {
	switch {
	case c.ID == "" || len(c.ID) > maxClientID || strings.ContainsFunc(c.ID, notVisible):
		return locket.Errorf(locket.CodeInvalid, "client_id: a client needs an id of 1 to %d visible ASCII characters", maxClientID)
	case c.Name == "" || !isName(c.Name):
		return locket.Errorf(locket.CodeInvalid, "client_name: a client needs a name of 1 to %d characters that can be seen", maxName)
	case len(c.Redirects) == 0 || len(c.Redirects) > maxRedirects:
		return locket.Errorf(locket.CodeInvalid, "redirect_uris: a client has 1 to %d of them", maxRedirects)
	}
	for _, text := range c.Redirects {
		if _, err := parseRedirect(text); err != nil {
			return err
		}
	}
	return nil
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }

// isName refuses what can't be seen, such as marks that change the direction of text.
func isName(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxName && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// parseRedirect reads a redirect URI: https, http on the client's own machine, or a
// scheme that is a domain name backwards (RFC 8252 §7, OAuth 2.1 §2.3).
func parseRedirect(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxRedirect || strings.ContainsFunc(text, notVisible) || strings.ContainsAny(text, "\"'<>\\^`{|}") || u.User != nil ||
		strings.Contains(text, "#") {
		return nil, noRedirect()
	}
	switch {
	case u.Scheme == "https" && u.Hostname() != "":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case strings.Contains(u.Scheme, ".") && (u.Opaque != "" || u.Path != "" || u.Host != ""):
	default:
		return nil, noRedirect()
	}
	return u, nil
}

func noRedirect() error {
	return locket.Errorf(locket.CodeInvalid, "redirect_uris: each is https://…, http://127.0.0.1… or com.example.app:/…, at most %d visible ASCII characters, without a fragment", maxRedirect)
}

// redirect returns the URI to answer at: the one that is asked for if it is the
// client's, or the only one if none is asked for.
func (c Client) redirect(asked string) (*url.URL, error) {
	if asked == "" {
		if len(c.Redirects) != 1 {
			return nil, locket.Errorf(locket.CodeInvalid, "redirect_uri is missing")
		}
		return parseRedirect(c.Redirects[0])
	}
	u, err := parseRedirect(asked)
	if err != nil || !slices.ContainsFunc(c.Redirects, func(own string) bool { return sameRedirect(own, asked, u) }) {
		return nil, locket.Errorf(locket.CodeInvalid, "redirect_uri is none that this client has registered")
	}
	return u, nil
}

// sameRedirect compares byte for byte, but for the port of the client's own machine,
// which it takes as it is free (RFC 8252 §7.3).
func sameRedirect(own, asked string, u *url.URL) bool {
	if own == asked {
		return true
	}
	o, err := url.Parse(own)
	if err != nil || u.Scheme != "http" || !isLoopback(u.Hostname()) {
		return false
	}
	return o.Scheme == u.Scheme && o.Hostname() == u.Hostname() && o.EscapedPath() == u.EscapedPath() && o.RawQuery == u.RawQuery &&
		o.ForceQuery == u.ForceQuery
}

// client finds out who a client is by its id.
func (s *Server) client(ctx context.Context, id string) (Client, error) {
	if i := slices.IndexFunc(s.Clients, func(c Client) bool { return c.ID == id }); i >= 0 {
		return s.Clients[i], nil
	}
	switch {
	case strings.HasPrefix(id, dynamicPrefix):
		return parseDynamic(id)
	case strings.HasPrefix(id, "https://") && s.Fetch != nil:
		return s.documents.client(ctx, id)
	}
	return Client{}, unknownClient()
}

// registered tells whether a client is in the configuration.
func (s *Server) registered(id string) bool {
	return slices.ContainsFunc(s.Clients, func(c Client) bool { return c.ID == id })
}

func unknownClient() error { return invalidClient("there is no such client") }
