// Package client speaks to a Locket server over HTTP.
//
//	c, err := client.New("https://pod.example.com", key, nil)
//	…
//	defer c.Close()
//	it, err := c.Create(ctx, "Note", map[string]any{"name": "Tea", "text": "three minutes"})
//
// Every error is a *locket.Error with the code and the message that the server
// gave. Property values of items are JSON: string, bool, json.Number, []any; times
// are RFC 3339 texts. For how HTTP carries all this see docs/design/http.md.
package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/locketpod/locket"
)

// maxAnswer bounds a JSON answer that is kept in memory.
const maxAnswer = 1 << 30

// A Client acts on one pod with one credential. Safe for concurrent use.
//
// It remembers the last checkpoint of the pod's journal that the server showed it, and
// refuses answers of a pod that has not grown from there with CodeRolledBack. See
// [Client.Checkpoint].
type Client struct {
	server *url.URL // scheme and host only
	key    []byte
	http   *http.Client
	seen   memory
}

// New returns a client of the server at an address such as
// "https://pod.example.com" or "http://127.0.0.1:7117". Plain HTTP is refused
// unless the server is on this machine. key is the text of an API key, lk_…, or of a
// grant, lg_…; it is copied, and [Client.Close] wipes the copy.
// transport nil is one that insists on TLS 1.3 and proxies nothing.
func New(server string, key []byte, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || (u.Path != "" && u.Path != "/") {
		return nil, locket.Errorf(locket.CodeInvalid, "the server's address must look like https://pod.example.com").Because(err)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, locket.Errorf(locket.CodeInvalid, "the server's address must begin with https://; plain http:// is for servers on this machine, such as http://127.0.0.1:7117")
	}
	if transport == nil {
		transport = &http.Transport{
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS13},
			TLSHandshakeTimeout:    10 * time.Second,
			IdleConnTimeout:        10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		}
	}
	c := &Client{server: &url.URL{Scheme: u.Scheme, Host: u.Host}, key: append([]byte(nil), key...)}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Server returns the server's address, without a slash at its end.
func (c *Client) Server() string { return c.server.String() }

// Close ends idle connections and wipes the key; the client is of no use afterwards.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	clear(c.key)
}

// Do sends a request and decodes the JSON answer into out; nil ignores it. The
// request goes to the client's server, whatever host its URL names.
func (c *Client) Do(r *http.Request, out any) error {
	resp, err := c.Open(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNotModified {
		return nil
	}
	return decode(resp.Body, out)
}

// Open sends a request as [Client.Do] does and returns the answer if it is a
// success. The caller closes its body.
func (c *Client) Open(r *http.Request) (*http.Response, error) {
	r.URL.Scheme, r.URL.Host, r.Host = c.server.Scheme, c.server.Host, c.server.Host
	r.Header.Set("Authorization", "Bearer "+string(c.key))
	told := c.seen.tell(r.Header)
	resp, err := c.http.Do(r)
	switch {
	case errors.Is(err, context.Canceled):
		return nil, locket.Errorf(locket.CodeCancelled, "cancelled").Because(err)
	case err != nil:
		return nil, locket.Errorf(locket.CodeBusy, "the server at %s does not answer; check that it runs and try again", c.server.Host).Because(err)
	case (resp.StatusCode >= 300 || resp.StatusCode == http.StatusAccepted) && resp.StatusCode != http.StatusNotModified:
		defer resp.Body.Close()
		return nil, c.failure(resp)
	}
	if err := c.seen.hear(resp.Header, told); err != nil {
		_ = resp.Body.Close() // nothing of it is wanted
		return nil, err
	}
	return resp, nil
}

// failureBody is the JSON of an answer that is not a success.
type failureBody struct {
	Code    locket.Code `json:"code"`
	Op      string      `json:"op"`
	Message string      `json:"message"`
}

func (f failureBody) err() error { return &locket.Error{Code: f.Code, Op: f.Op, Msg: f.Message} }

func (c *Client) failure(resp *http.Response) error {
	var body struct {
		Error failureBody `json:"error"`
	}
	if err := decode(io.LimitReader(resp.Body, 64<<10), &body); err != nil || body.Error.Code == "" {
		return locket.Errorf(locket.CodeUnsupported, "%s answers %s but not as a Locket server; check the address", c.server.Host, resp.Status)
	}
	return body.Error.err()
}

func decode(r io.Reader, out any) error {
	d := json.NewDecoder(io.LimitReader(r, maxAnswer))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return locket.Errorf(locket.CodeUnsupported, "the server's answer ended early or is not Locket's; try again").Because(err)
	}
	return nil
}
