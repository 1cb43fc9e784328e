package api

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// gzipFrom is the size from which JSON is compressed.
const gzipFrom = 1 << 10

// answer writes the output of op.
func (x *exchange) answer(op ops.Op, out any) error {
	if x.events {
		return x.event(jobEvent{Result: out})
	}
	status := http.StatusOK
	if op.Creates {
		status = http.StatusCreated
	}
	if it, ok := out.(locket.Item); ok {
		tag, _ := ops.Version(it.Version).MarshalText() // never fails
		x.Header().Set("ETag", string(tag))
		if op.Method == http.MethodGet && noneMatch(x.r.Header.Get("If-None-Match"), string(tag)) {
			x.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	return x.json(status, out)
}

// noneMatch reports whether an If-None-Match header names the tag (RFC 9110 §13.1.2).
func noneMatch(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

// json writes v, compressed if that helps and the client can take it. Lengths
// show nothing to other sites: they cannot ask, for want of the credential.
func (x *exchange) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	defer clear(body)
	h := x.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Vary", "Accept-Encoding")
	if len(body) < gzipFrom || !acceptsGzip(x.r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		x.WriteHeader(status)
		_, err := x.Write(body)
		return gone(err)
	}
	h.Set("Content-Encoding", "gzip")
	x.WriteHeader(status)
	// Not pooled: a pooled writer would keep its window of plaintext.
	z, err := gzip.NewWriterLevel(x, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := z.Write(body); err != nil {
		return gone(err)
	}
	return gone(z.Close())
}

// gone marks a failure to write to the client: it went away.
func gone(err error) error {
	if err == nil {
		return nil
	}
	return locket.Errorf(locket.CodeCancelled, "the client went away").Because(err)
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110 §12.5.3).
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.TrimSpace(params), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !ok || err == nil && weight > 0
	}
	return false
}

// A failure is the body of every answer that is not a success.
type failure struct {
	Error failureBody `json:"error"`
}

type failureBody struct {
	Code    locket.Code `json:"code"`
	Op      string      `json:"op,omitempty"`
	Message string      `json:"message"`
}

// fail answers with err. It is the only place where errors become answers.
func (x *exchange) fail(err error) error {
	body := failureBody{Code: locket.CodeOf(err), Op: x.op, Message: message(err)}
	if x.status != 0 && x.events {
		return x.event(jobEvent{Error: &body})
	}
	if x.status != 0 {
		x.cut = true
		return nil
	}
	h := x.Header()
	for _, name := range []string{"Content-Length", "Content-Disposition", "Accept-Ranges", "ETag", headerCheckpoint, headerGrowth, headerPodKey, headerPodKeys} {
		h.Del(name)
	}
	switch body.Code {
	case locket.CodeUnauthenticated:
		h.Set("WWW-Authenticate", cmp.Or(x.challenge, "Bearer"))
	case locket.CodeExpired:
		h.Set("WWW-Authenticate", cmp.Or(x.challenge, "Bearer"))
		if x.cookie {
			x.setCookie("", -1)
		}
	case locket.CodeBusy, locket.CodeTooMany:
		h.Set("Retry-After", strconv.FormatInt(retryAfter(err), 10))
	}
	return x.json(status(body.Code), failure{body})
}

// retryAfter is how many seconds to wait before trying again: what err says, or one.
func retryAfter(err error) int64 {
	w, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err)
	if !ok {
		return 1
	}
	return max(1, int64((w.RetryAfter()+time.Second-1)/time.Second))
}

// message is the message of err without the operation, which stands beside it.
func message(err error) string {
	if e, ok := errors.AsType[*locket.Error](err); ok {
		return (&locket.Error{Msg: e.Msg}).Error()
	}
	return locket.MessageOf(err)
}

// status is the HTTP status of a code.
func status(code locket.Code) int {
	switch code {
	case locket.CodeInvalid:
		return http.StatusBadRequest
	case locket.CodeUnauthenticated, locket.CodeExpired:
		return http.StatusUnauthorized
	case locket.CodeDenied:
		return http.StatusForbidden
	case locket.CodePending:
		return http.StatusAccepted // taken note of, and not done (RFC 9110 §15.3.3)
	case locket.CodeNotFound:
		return http.StatusNotFound
	case locket.CodeExists, locket.CodeRolledBack:
		return http.StatusConflict
	case locket.CodeConflict:
		return http.StatusPreconditionFailed
	case locket.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case locket.CodeTooMany:
		return http.StatusTooManyRequests
	case locket.CodeCancelled:
		return 499 // as nginx says it; nobody is there to read it
	case locket.CodeUnsupported, locket.CodeNewer:
		return http.StatusNotImplemented
	case locket.CodeBusy:
		return http.StatusServiceUnavailable
	case locket.CodeDiskFull:
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}
