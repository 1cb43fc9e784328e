package main

import (
	"context"
	"encoding/json"
	"fmt"
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
	req.Header.Set("Accept", "application/x-ndjson")
	res, err := r.client.Open(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	err = events(json.NewDecoder(res.Body), out.Interface(), report)
	return out.Elem().Interface(), err
}

// events reads the lines of long work: progress, then the result or the error.
func events(d *json.Decoder, out any, report locket.Reporter) error {
	for {
		var e struct {
			Progress *locket.Progress `json:"progress"`
			Result   json.RawMessage  `json:"result"`
			Error    *errorBody       `json:"error"`
		}
		if err := d.Decode(&e); err != nil {
			return locket.Errorf(locket.CodeBusy, "the connection to the server broke; run the same command again to go on").Because(err)
		}
		switch {
		case e.Progress != nil:
			report.Report(*e.Progress)
		case e.Error != nil:
			return &locket.Error{Code: e.Error.Code, Op: e.Error.Op, Msg: e.Error.Message}
		default:
			if err := json.Unmarshal(e.Result, out); err != nil {
				return fmt.Errorf("result of the server: %w", err)
			}
			return nil
		}
	}
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
