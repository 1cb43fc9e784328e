package backup

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/locketpod/locket"
)

const attemptTimeout = 5 * time.Minute

// A call is what one operation may take from the store, and what it did. It is in the
// context, for it is the library that makes requests, one after the other.
type call struct {
	limit    int64 // bytes of an object or a listing
	tags     int   // of a listing; 0: it is none
	requests int
}

type callKey struct{}

func begin(ctx context.Context, limit int64) (context.Context, *call) {
	c := &call{limit: limit}
	return context.WithValue(ctx, callKey{}, c), c
}

var errBarren = errors.New("backup: one answer after the other brings nothing")

// A transport makes attempts. It bounds them in time and size, and has read an answer before
// the library sees it: so one that is cut is a failed attempt, which the library repeats.
type transport struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper]. An answer beyond the limit is cut one byte
// after it, a listing of too many tags is dropped: in memory each takes up to a hundred times
// as much as in XML.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c, _ := req.Context().Value(callKey{}).(*call)
	if c == nil {
		return nil, errors.New("backup: a request of no operation")
	}
	if c.requests++; c.requests > maxBarren {
		return nil, errBarren
	}
	ctx, cancel := context.WithTimeout(req.Context(), attemptTimeout)
	defer cancel()
	req = req.WithContext(ctx)
	if req.Body != nil {
		b := &body{ReadCloser: req.Body}
		defer func() { _ = b.Close() }() // what is below has no error
		req.Body = b
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	limit := c.limit
	if res.StatusCode != http.StatusOK {
		limit = maxAnswer
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	if c.tags > 0 && bytes.Count(answer, []byte("<")) > c.tags {
		answer = nil
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	res.Header.Del("Set-Cookie") // the library would keep them
	return res, nil
}

// A body is what is sent in one attempt. A RoundTripper may read for a while after it
// returned; by then the next attempt has the memory, or whoever called Put.
type body struct {
	mu     sync.Mutex
	closed bool
	io.ReadCloser
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, fs.ErrClosed
	}
	return b.ReadCloser.Read(p)
}

func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.ReadCloser.Close()
}

var errNoCondition = errors.New("backup: the store has no conditional writes")

// failure makes an error for people of one of the library's. Of what the store says, only the
// code is kept.
func (s *S3) failure(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	res, answered := errors.AsType[minio.ErrorResponse](err)
	if !answered {
		return s.unanswered(doing, err)
	}
	because := fmt.Errorf("backup: %s: %d %.60q", doing, res.StatusCode, res.Code)
	switch status := res.StatusCode; {
	case res.Code == minio.NoSuchBucket:
		return locket.Errorf(locket.CodeNotFound, "the store has no bucket %s; make it, or check its name and region", s.config.Bucket).Because(because)
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", because, fs.ErrNotExist)
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", because, fs.ErrExist)
	case status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", because, errNoCondition)
	case res.Code == "RequestTimeTooSkewed":
		return locket.Errorf(locket.CodeDenied, "this machine's clock is wrong, so the store refuses its requests; set it").Because(because)
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return locket.Errorf(locket.CodeDenied, "the store refuses the access key (%.60q); check the keys and what they permit", res.Code).Because(because)
	case status < 300: // the library found something in a good answer
		return locket.Errorf(locket.CodeInternal, "the store answers in a way that is not S3; check the endpoint").Because(because)
	case status < 400:
		return locket.Errorf(locket.CodeInvalid, "the store sends requests elsewhere; check the endpoint and the region").Because(because)
	case status == http.StatusInsufficientStorage || res.Code == "QuotaExceeded":
		return locket.Errorf(locket.CodeDiskFull, "the store is full; make room and run it again").Because(because)
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || res.Code == "ConditionalRequestConflict":
		return locket.Errorf(locket.CodeBusy, "the store %s is overloaded or has a fault (%d %.60q); try again later", s.host, status, res.Code).Because(because)
	default:
		return locket.Errorf(locket.CodeInternal, "the store refuses a request (%d, %.60q)", status, res.Code).Because(because)
	}
}

// unanswered tells why there is no answer, or none that is S3.
func (s *S3) unanswered(doing string, err error) error {
	because := fmt.Errorf("backup: %s: %w", doing, err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, network := errors.AsType[*url.Error](err)
	switch {
	case errors.Is(err, errBarren):
		return locket.Errorf(locket.CodeInternal, "the store lists its objects without end").Because(because)
	case untrusted:
		return locket.Errorf(locket.CodeDenied, "the certificate of the store %s is not to be trusted; check the endpoint", s.host).Because(because)
	case network:
		return locket.Errorf(locket.CodeBusy, "the store %s does not answer; check the endpoint and the network, then run it again", s.host).Because(because)
	default:
		return locket.Errorf(locket.CodeInternal, "the store answers in a way that is not S3; check the endpoint").Because(because)
	}
}
