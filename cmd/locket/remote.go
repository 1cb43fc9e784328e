package main

import (
	"context"
	"io"
	"net/http"
	"reflect"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
	"github.com/locketpod/locket/internal/ops"
)

// remote is a pod behind a server.
type remote struct {
	client  *client.Client
	session string // "" for none
}

func (c *cli) newRemote() (*remote, error) {
	if c.key.Len() == 0 {
		return nil, locket.Errorf(locket.CodeUnauthenticated, "a server needs an API key or a grant; put it in %s", envKey)
	}
	if c.signWith != "" {
		return nil, locket.Errorf(locket.CodeUnsupported, "your own key signs in a folder only: leave out --sign-with, or --server and %s", envServer)
	}
	if err := c.checkSession(); err != nil {
		return nil, err
	}
	cl, err := client.New(c.server, c.key.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	return &remote{cl, c.session}, nil
}

func (r *remote) close() { r.client.Close() }

func (r *remote) do(ctx context.Context, o ops.Op, in any, body io.Reader, report locket.Reporter) (any, error) {
	if body != nil {
		body = io.NopCloser(body) // it is the caller's to close, not the request's
	}
	req, err := r.request(ctx, o, in, body)
	if err != nil {
		return nil, err
	}
	out := reflect.New(o.Out)
	if !o.Reports || report == nil {
		err := r.client.Do(req, out.Interface())
		return out.Elem().Interface(), err
	}
	err = r.client.Follow(req, report, out.Interface())
	return out.Elem().Interface(), err
}

func (r *remote) request(ctx context.Context, o ops.Op, in any, body io.Reader) (*http.Request, error) {
	req, err := o.Encode(ctx, in, body)
	if err == nil && r.session != "" {
		req.Header.Set("Locket-Session", r.session)
	}
	return req, err
}

func (r *remote) fetch(ctx context.Context, o ops.Op, in any, w io.Writer) error {
	req, err := r.request(ctx, o, in, nil)
	if err != nil {
		return err
	}
	res, err := r.client.Open(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(w, res.Body)
	return err
}
