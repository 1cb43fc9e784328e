package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

const (
	// stall is how long a body may stand still in either direction.
	stall = 30 * time.Second
	// pace is the least time between two reports of progress.
	pace = 200 * time.Millisecond
)

// upload returns the body, bounded in size, and in time by stall.
func (x *exchange) upload(most int64) io.Reader {
	return &patient{x: x, r: http.MaxBytesReader(x.ResponseWriter, x.r.Body, most)}
}

// A patient reader of a body waits for each part, but for no part longer than
// stall, and lets the answer take its time when the body is at its end.
type patient struct {
	x *exchange
	r io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.x.readBy(time.Now().Add(stall)); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	if errors.Is(err, io.EOF) {
		if e := p.x.readBy(time.Time{}); e != nil {
			return n, e
		}
	}
	return n, err
}

// readBy sets the deadline for reading from the connection.
func (x *exchange) readBy(t time.Time) error {
	if err := x.control().SetReadDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// file answers with f or the ranges of it that are asked for.
func (x *exchange) file(f *ops.File) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	x.attachment(f.MediaType, "")
	x.Header().Set("ETag", `"`+f.SHA256+`"`)
	w := &watched{ReadSeeker: f}
	http.ServeContent(x, x.r, "", time.Time{}, w)
	return w.err
}

// watched remembers why reading failed, which http.ServeContent does not tell.
type watched struct {
	io.ReadSeeker
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// stream answers with what s writes.
func (x *exchange) stream(ctx context.Context, s *ops.Stream) error {
	x.attachment(s.MediaType, s.Name)
	if x.r.Method == http.MethodHead {
		x.WriteHeader(http.StatusOK)
		return nil
	}
	return s.Write(ctx, x)
}

// attachment makes browsers save the answer instead of showing it.
func (x *exchange) attachment(mediaType, name string) {
	disposition := "attachment"
	if name != "" {
		disposition = mime.FormatMediaType(disposition, map[string]string{"filename": name})
	}
	x.Header().Set("Content-Type", mediaType)
	x.Header().Set("Content-Disposition", disposition)
}

// A jobEvent is one line of an answer that reports progress. The last one has the
// result or the error.
type jobEvent struct {
	Progress *locket.Progress `json:"progress,omitempty"`
	Result   any              `json:"result,omitempty"`
	Error    *failureBody     `json:"error,omitempty"`
}

// accepts reports whether the request names a media type in its Accept header.
func accepts(r *http.Request, mediaType string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if t, _, err := mime.ParseMediaType(part); err == nil && t == mediaType {
			return true
		}
	}
	return false
}

// report sends progress, at most every pace.
func (x *exchange) report(p locket.Progress) {
	if now := time.Now(); now.Sub(x.last) >= pace {
		x.last = now
		// If the client is gone, the context of the request has ended too.
		_ = x.event(jobEvent{Progress: &p})
	}
}

// event writes one line and sends it at once.
func (x *exchange) event(e jobEvent) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if x.status == 0 {
		x.Header().Set("Content-Type", "application/x-ndjson")
		x.WriteHeader(http.StatusOK)
	}
	if _, err := x.Write(append(line, '\n')); err != nil {
		return gone(err)
	}
	return gone(x.control().Flush())
}
