package ops

import (
	"context"
	"errors"
	"io"

	"github.com/locketpod/locket"
)

func putBlob(ctx context.Context, c *Call, _ noIn) (locket.BlobInfo, error) {
	return spool(ctx, c)
}

type getBlobIn struct {
	ID locket.BlobID `path:"id" help:"id of the blob"`
}

func getBlob(ctx context.Context, c *Call, in getBlobIn) (*File, error) {
	b, err := c.View.OpenBlob(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &File{ReadSeekCloser: b, MediaType: "application/octet-stream", SHA256: b.Info().SHA256}, nil
}

// spool stores the upload as a blob.
func spool(ctx context.Context, c *Call) (locket.BlobInfo, error) {
	up := &upload{r: c.Body}
	info, err := c.View.PutBlob(ctx, up)
	if up.err != nil {
		return info, readFailure(up.err)
	}
	return info, err
}

// An upload remembers why reading it failed, so that the sender's failures are
// told from the store's.
type upload struct {
	r   io.Reader
	err error
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.err = err
	}
	return n, err
}
