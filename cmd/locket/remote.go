package main

import (
	"context"
	"io"
	"reflect"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
	"github.com/locketpod/locket/internal/ops"
)

// remote is a pod behind a server.
type remote struct {
	client *client.Client
}

func (c *cli) newRemote() (*remote, error) {
	if c.key.Len() == 0 {
		return nil, locket.Errorf(locket.CodeUnauthenticated, "a server needs an API key; put it in %s", envKey)
	}
	cl, err := client.New(c.server, c.key.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	return &remote{cl}, nil
}

func (r *remote) close() { r.client.Close() }

func (r *remote) do(ctx context.Context, o ops.Op, in any, body io.Reader, report locket.Reporter) (any, error) {
	if body != nil {
		body = io.NopCloser(body) // it is the caller's to close, not the request's
	}
	req, err := o.Encode(ctx, in, body)
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

func (r *remote) fetch(ctx context.Context, o ops.Op, in any, w io.Writer) error {
	req, err := o.Encode(ctx, in, nil)
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
