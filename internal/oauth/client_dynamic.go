package oauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/locketpod/locket"
)

// dynamicPrefix begins the ids of clients that have registered themselves. The rest is
// what they registered: nothing is stored, and there is nothing to fill up.
const dynamicPrefix = "lc_"

// dynamic is what an id holds. The order of its members is part of the id's form.
type dynamic struct {
	Name      string   `json:"n"`
	Redirects []string `json:"r"`
}

func dynamicID(c Client) (string, error) {
	text, err := json.Marshal(dynamic{c.Name, c.Redirects})
	return dynamicPrefix + base64.RawURLEncoding.EncodeToString(text), err
}

// parseDynamic reads an id, strictly: there is one id for one client.
func parseDynamic(id string) (Client, error) {
	if len(id) > maxClientID {
		return Client{}, unknownClient()
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(id, dynamicPrefix))
	if err != nil {
		return Client{}, unknownClient()
	}
	var d dynamic
	if err := json.Unmarshal(text, &d); err != nil {
		return Client{}, unknownClient()
	}
	c := Client{ID: id, Name: d.Name, Redirects: d.Redirects}
	if again, err := dynamicID(c); err != nil || again != id || c.check() != nil {
		return Client{}, unknownClient()
	}
	return c, nil
}

// registration is the part of RFC 7591 §2 that means something here.
type registration struct {
	Name          string   `json:"client_name"`
	Redirects     []string `json:"redirect_uris"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
}

// registered is the answer of RFC 7591 §3.2.1.
type registered struct {
	ID            string   `json:"client_id"`
	Issued        int64    `json:"client_id_issued_at"`
	Name          string   `json:"client_name"`
	Redirects     []string `json:"redirect_uris"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
	AuthMethod    string   `json:"token_endpoint_auth_method"`
}

// register answers a client with an id that says what it has said of itself. What it
// asks for beyond that, such as a secret, it does not get (RFC 7591 §3.2.1).
func (s *Server) register(r *http.Request, _ func()) (any, int, error) {
	in, err := readRegistration(r)
	if err != nil {
		return nil, 0, err
	}
	c := Client{ID: dynamicPrefix, Name: strings.TrimSpace(in.Name), Redirects: in.Redirects}
	if c.Name == "" {
		c.Name = "An agent without a name"
	}
	for _, text := range c.Redirects {
		if _, err := parseRedirect(text); err != nil {
			return nil, 0, bad("invalid_redirect_uri", "a redirect URI is https, http on the loopback, or a private scheme with a dot")
		}
	}
	if err := c.check(); err != nil {
		return nil, 0, bad("invalid_client_metadata", "a client has a name of at most 100 characters and 1 to 10 redirect URIs")
	}
	if c.ID, err = dynamicID(c); err != nil {
		return nil, 0, err
	}
	if len(c.ID) > maxClientID {
		return nil, 0, bad("invalid_client_metadata", "name and redirect URIs are too long together")
	}
	return registered{
		ID: c.ID, Issued: s.Now().Unix(), Name: c.Name, Redirects: c.Redirects,
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"}, AuthMethod: "none",
	}, http.StatusCreated, nil
}

func readRegistration(r *http.Request) (in registration, err error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return in, invalidRequest("a registration is JSON, with Content-Type application/json")
	}
	body, err := readBody(r)
	if err != nil {
		return in, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&in); err != nil || d.More() {
		return in, bad("invalid_client_metadata", "this is no JSON object with client metadata")
	}
	if in.GrantTypes != nil && !slices.Contains(in.GrantTypes, "authorization_code") ||
		in.ResponseTypes != nil && !slices.Contains(in.ResponseTypes, "code") {
		return in, bad("invalid_client_metadata", "clients here use authorization_code and code")
	}
	return in, nil
}

// readBody reads a body of at most MaxBody bytes.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		clear(body)
		return nil, &failure{http.StatusRequestEntityTooLarge, "invalid_request", "the body is too large"}
	} else if err != nil {
		clear(body)
		return nil, locket.Errorf(locket.CodeCancelled, "the client went away").Because(err)
	}
	return body, nil
}
