package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/locketpod/locket"
)

// Create makes an item.
func (c *Client) Create(ctx context.Context, typ string, props map[string]any) (it locket.Item, err error) {
	return it, c.call(ctx, "POST", "/v1/items", map[string]any{"type": typ, "props": props}, &it)
}

// Get returns an item, also a deleted one.
func (c *Client) Get(ctx context.Context, id locket.ItemID) (it locket.Item, err error) {
	return it, c.call(ctx, "GET", itemPath(id, ""), nil, &it)
}

// Update sets properties; nil removes one. If the item's version is no longer the
// given one, nothing happens and the code is CodeConflict; 0 accepts any.
func (c *Client) Update(ctx context.Context, id locket.ItemID, version int64, props map[string]any) (it locket.Item, err error) {
	r, err := request(ctx, "PATCH", itemPath(id, ""), map[string]any{"props": props})
	if err != nil {
		return it, err
	}
	ifMatch(r, version)
	return it, c.Do(r, &it)
}

// Delete hides an item; see [Client.Update] for version.
func (c *Client) Delete(ctx context.Context, id locket.ItemID, version int64) error {
	return c.versioned(ctx, "DELETE", itemPath(id, ""), version)
}

// Restore brings a deleted item back; see [Client.Update] for version.
func (c *Client) Restore(ctx context.Context, id locket.ItemID, version int64) error {
	return c.versioned(ctx, "POST", itemPath(id, "/restore"), version)
}

// Erase removes an item and its history for good; see [Client.Update] for version.
func (c *Client) Erase(ctx context.Context, id locket.ItemID, version int64) error {
	return c.versioned(ctx, "POST", itemPath(id, "/erase"), version)
}

// History lists the changes of an item, newest first. limit 0 is the server's default.
func (c *Client) History(ctx context.Context, id locket.ItemID, limit int, cursor string) (p locket.Page[locket.Revision], err error) {
	return p, c.call(ctx, "GET", itemPath(id, "/history?"+page(url.Values{}, limit, cursor)), nil, &p)
}

// Query lists items by type and property.
func (c *Client) Query(ctx context.Context, q locket.Query) (p locket.Page[locket.Item], err error) {
	return p, c.call(ctx, "POST", "/v1/query", q, &p)
}

// Search finds items by words.
func (c *Client) Search(ctx context.Context, s locket.Search) (p locket.Page[locket.Hit], err error) {
	v := url.Values{"q": {s.Text}}
	if s.Order != "" {
		v.Set("order", s.Order)
	}
	return p, c.call(ctx, "GET", "/v1/search?"+page(v, s.Limit, s.Cursor), nil, &p)
}

// Edges lists the items linked with an item. direction is "out", "in" or "both",
// "" for "out"; name "" means all.
func (c *Client) Edges(ctx context.Context, id locket.ItemID, direction, name string, limit int, cursor string) (p locket.Page[locket.Linked], err error) {
	v := url.Values{}
	if direction != "" {
		v.Set("direction", direction)
	}
	if name != "" {
		v.Set("name", name)
	}
	return p, c.call(ctx, "GET", itemPath(id, "/edges?"+page(v, limit, cursor)), nil, &p)
}

// Link links two items. A link that is there stays.
func (c *Client) Link(ctx context.Context, e locket.Edge) error {
	return c.call(ctx, "PUT", edgePath(e), nil, nil)
}

// Unlink removes a link. Removing one that is not there does nothing.
func (c *Client) Unlink(ctx context.Context, e locket.Edge) error {
	return c.call(ctx, "DELETE", edgePath(e), nil, nil)
}

// Types lists the types of the pod.
func (c *Client) Types(ctx context.Context) ([]locket.Type, error) {
	var out struct {
		Types []locket.Type `json:"types"`
	}
	err := c.call(ctx, "GET", "/v1/schema", nil, &out)
	return out.Types, err
}

// Stats counts what is in the pod.
func (c *Client) Stats(ctx context.Context) (st locket.Stats, err error) {
	return st, c.call(ctx, "GET", "/v1/stats", nil, &st)
}

// call sends in as JSON, or nothing if it is nil, and decodes the answer.
func (c *Client) call(ctx context.Context, method, target string, in, out any) error {
	r, err := request(ctx, method, target, in)
	if err != nil {
		return err
	}
	return c.Do(r, out)
}

func (c *Client) versioned(ctx context.Context, method, target string, version int64) error {
	r, err := request(ctx, method, target, nil)
	if err != nil {
		return err
	}
	ifMatch(r, version)
	return c.Do(r, nil)
}

func request(ctx context.Context, method, target string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, locket.Errorf(locket.CodeInvalid, "the input cannot be written as JSON").Because(err)
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "an id or name of the request cannot stand in a URL").Because(err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

func ifMatch(r *http.Request, version int64) {
	if version != 0 {
		r.Header.Set("If-Match", fmt.Sprintf("%q", strconv.FormatInt(version, 10)))
	}
}

func page(v url.Values, limit int, cursor string) string {
	if limit != 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
	return v.Encode()
}

func itemPath(id locket.ItemID, rest string) string {
	return "/v1/items/" + url.PathEscape(string(id)) + rest
}

func edgePath(e locket.Edge) string {
	return itemPath(e.Source, "/edges/"+url.PathEscape(e.Name)+"/"+url.PathEscape(string(e.Target)))
}
