package backup

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/locketpod/locket"
)

// A request is one operation.
type request struct {
	method string
	name   string // of the object; empty: the bucket
	query  url.Values
	header http.Header
	body   []byte
	limit  int64 // bytes of the answer
}

// An answer is what came of it.
type answer struct {
	status  int
	code    string // of an error, in S3's words
	body    []byte
	attempt int // counted from 1
}

// do sends a request until it is answered for good.
func (s *S3) do(ctx context.Context, r request) (answer, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		a, err := s.once(ctx, r)
		a.attempt = attempt
		switch {
		case ctx.Err() != nil:
			return a, context.Cause(ctx)
		case err == nil && !again(a):
			return a, s.judge(r, a)
		case errors.Is(err, ErrTooLong):
			return a, err
		case attempt == attempts && err != nil:
			return a, locket.Errorf(locket.CodeBusy, "the store %s does not answer; check the endpoint and the network, then run it again", s.base.Host).Because(err)
		case attempt == attempts:
			return a, locket.Errorf(locket.CodeBusy, "the store %s is overloaded or has a fault (%d %s); try again later", s.base.Host, a.status, a.code)
		}
		timer := time.NewTimer(pause + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return a, context.Cause(ctx)
		}
		pause *= 2
	}
}

// again tells whether the same request may get another answer later.
func again(a answer) bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusRequestTimeout || a.code == "ConditionalRequestConflict" ||
		a.status >= 500 && a.status != http.StatusNotImplemented && a.status != http.StatusInsufficientStorage
}

// once sends a request once.
func (s *S3) once(ctx context.Context, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	u := *s.base
	if r.name != "" {
		u.Path += s.config.Prefix + r.name
	}
	u.RawQuery = canonicalQuery(r.query)
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return answer{}, fmt.Errorf("backup: %w", err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	sign(req, r.body, s.config.Region, s.config.AccessKey, s.config.SecretKey, time.Now())
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("backup: %w", err)
	}
	limit := r.limit
	if res.StatusCode >= 300 || r.method != http.MethodGet {
		limit = maxAnswer
	}
	body, err := readAll(res.Body, limit)
	a := answer{status: res.StatusCode, body: body}
	if a.status >= 300 {
		var e struct{ Code string }
		if xml.Unmarshal(body, &e) == nil { // else it has no code
			a.code = e.Code
		}
	}
	return a, err
}

// judge makes an error of an answer that is none of success.
func (s *S3) judge(r request, a answer) error {
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	because := errors.New("backup: " + r.method + " " + r.name + ": " + strconv.Itoa(a.status) + " " + a.code)
	switch {
	case a.code == "NoSuchBucket":
		return locket.Errorf(locket.CodeNotFound, "the store has no bucket %s; make it, or check its name and region", s.config.Bucket).Because(because)
	case a.status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", because, fs.ErrNotExist)
	case a.code == "RequestTimeTooSkewed":
		return locket.Errorf(locket.CodeDenied, "this machine's clock is wrong, so the store refuses its requests; set it").Because(because)
	case a.status == http.StatusForbidden || a.status == http.StatusUnauthorized:
		return locket.Errorf(locket.CodeDenied, "the store refuses the access key (%.60q); check the keys and what they permit", a.code).Because(because)
	case a.status < 400:
		return locket.Errorf(locket.CodeInvalid, "the store sends requests elsewhere; check the endpoint and the region").Because(because)
	case a.status == http.StatusInsufficientStorage || a.code == "QuotaExceeded":
		return locket.Errorf(locket.CodeDiskFull, "the store is full; make room and run it again").Because(because)
	default:
		return locket.Errorf(locket.CodeInternal, "the store refuses a request (%d, %.60q)", a.status, a.code).Because(because)
	}
}
