package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/locketpod/locket"
)

// Bounds on client ID metadata documents (draft-ietf-oauth-client-id-metadata-document).
const (
	maxDocument     = 64 << 10 // bytes
	maxDocumentURL  = 512      // bytes
	documentTime    = 10 * time.Second
	documentLife    = 5 * time.Minute // of a document, or of a failure to get it
	maxDocuments    = 200             // that are remembered
	documentsAtOnce = 4
)

// A Fetcher gets a document from another server, at most maxDocument bytes of it. It must
// not reach addresses that are not public, nor follow redirects.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// NewFetcher returns a fetcher that uses a client, which is one that keeps off private
// addresses.
func NewFetcher(c *http.Client) Fetcher {
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return fetcher{&own}
}

type fetcher struct{ client *http.Client }

// Fetch implements [Fetcher].
func (f fetcher) Fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Close = true // documents are fetched so rarely that nobody need end idle connections
	resp, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New("oauth: a client's document is not there")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err == nil && len(body) > maxDocument {
		err = errors.New("oauth: a client's document is too large")
	}
	return body, err
}

// documents remembers for a while what clients publish of themselves.
type documents struct {
	fetch Fetcher
	now   func() time.Time
	slots chan struct{} // one token per running fetch

	mu    sync.Mutex
	known map[string]fetched // guarded by mu
}

type fetched struct {
	client Client
	err    error
	until  time.Time
}

func newDocuments(f Fetcher, now func() time.Time) *documents {
	return &documents{fetch: f, now: now, slots: make(chan struct{}, documentsAtOnce), known: make(map[string]fetched)}
}

// client returns the client whose document is at the URL that is its id.
func (d *documents) client(ctx context.Context, id string) (Client, error) {
	u, err := documentURL(id)
	if err != nil {
		return Client{}, err
	}
	if f, ok := d.recall(id); ok {
		return f.client, f.err
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	default: // waiting would let slow documents take the places of all other requests
		return Client{}, locket.Errorf(locket.CodeBusy, "too many clients are being looked up; try again")
	}
	ctx, cancel := context.WithTimeout(ctx, documentTime)
	defer cancel()
	body, err := d.fetch.Fetch(ctx, id)
	c := Client{}
	if err != nil {
		err = invalidClient("the document of this client could not be fetched")
	} else {
		c, err = readDocument(body, id, u.Hostname())
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // else it says nothing of the document
		d.remember(id, fetched{c, err, d.now().Add(documentLife)})
	}
	return c, err
}

// documentURL refuses what can't be a client's id (§3 of the draft).
func documentURL(id string) (*url.URL, error) {
	u, err := url.Parse(id)
	if err != nil || len(id) > maxDocumentURL || strings.ContainsFunc(id, notVisible) || u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		u.Path == "" || u.Path == "/" || strings.Contains(id, "#") || hasDots(u.EscapedPath()) {
		return nil, invalidClient("a client id that is a URL is https, with a path and without a fragment")
	}
	return u, nil
}

func hasDots(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if p := strings.ReplaceAll(strings.ToLower(part), "%2e", "."); p == "." || p == ".." {
			return true
		}
	}
	return false
}

// readDocument reads the client metadata that is published at the URL id.
func readDocument(body []byte, id, host string) (Client, error) {
	var in struct {
		Client
		AuthMethod string `json:"token_endpoint_auth_method"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Client{}, invalidClient("the document of this client is no JSON object")
	}
	c := Client{ID: in.ID, Name: strings.TrimSpace(in.Name), Redirects: in.Redirects, Host: host}
	if c.Name == "" {
		c.Name = host
	}
	switch {
	case c.ID != id:
		return Client{}, invalidClient("the document at the client id names another client_id")
	case in.AuthMethod != "" && in.AuthMethod != "none":
		return Client{}, invalidClient("only public clients are supported: token_endpoint_auth_method none")
	case c.check() != nil:
		return Client{}, invalidClient("the name or the redirect URIs in the client's document are not in order")
	}
	return c, nil
}

func (d *documents) recall(id string) (fetched, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, ok := d.known[id]
	return f, ok && d.now().Before(f.until)
}

func (d *documents) remember(id string, f fetched) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for old := range d.known { // an arbitrary one goes
		if len(d.known) < maxDocuments {
			break
		}
		delete(d.known, old)
	}
	d.known[strings.Clone(id)] = f // it may be a part of a form
}
