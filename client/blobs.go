package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/locketpod/locket"
)

// PutBlob stores the content of r. Until an item refers to it, it may be collected
// after a day.
func (c *Client) PutBlob(ctx context.Context, r io.Reader) (info locket.BlobInfo, err error) {
	req, err := upload(ctx, "/v1/blobs", r)
	if err != nil {
		return info, err
	}
	return info, c.Do(req, &info)
}

// Blob returns the content of a blob from an offset on. The caller closes it.
func (c *Client) Blob(ctx context.Context, id locket.BlobID, offset int64) (io.ReadCloser, error) {
	r, err := request(ctx, "GET", "/v1/blobs/"+url.PathEscape(string(id)), nil)
	if err != nil {
		return nil, err
	}
	if offset > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := c.Open(r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

func upload(ctx context.Context, target string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the request cannot be made").Because(err)
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	return r, nil
}

// Follow sends a request for long work as [Client.Do] does, and reports its progress
// until the result is there.
func (c *Client) Follow(r *http.Request, report locket.Reporter, out any) error {
	r.Header.Set("Accept", "application/x-ndjson")
	resp, err := c.Open(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(io.LimitReader(resp.Body, maxAnswer))
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return locket.Errorf(locket.CodeBusy, "the connection to the server was lost; do it again to go on").Because(err)
		}
		done, err := followed(line, report, out)
		if done || err != nil {
			return err
		}
	}
}

// followed takes one line of progress; done means it was the last.
func followed(line []byte, report locket.Reporter, out any) (done bool, err error) {
	var e struct {
		Progress *locket.Progress `json:"progress"`
		Result   json.RawMessage  `json:"result"`
		Error    *failureBody     `json:"error"`
	}
	if err := decode(bytes.NewReader(line), &e); err != nil {
		return false, err
	}
	switch {
	case e.Error != nil:
		return true, e.Error.err()
	case e.Progress != nil:
		report.Report(*e.Progress)
		return false, nil
	}
	return true, decode(bytes.NewReader(e.Result), out)
}
