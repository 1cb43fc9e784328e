package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

// An exchange is one request and its answer, and what the log will say of it.
type exchange struct {
	http.ResponseWriter
	r *http.Request

	op        string // "" if the path or method is none of ours
	id        string // of the request, for the client to quote
	pod       locket.PodID
	cookie    bool      // the credential came as the session cookie
	shown     [32]byte  // fingerprint of the credential, to tell sessions apart
	status    int       // 0 until the header is written
	events    bool      // the client wants progress, as a stream of events
	last      time.Time // when progress was sent
	challenge string    // WWW-Authenticate, if not "Bearer"
	cut       bool      // the answer failed after its beginning; only cutting it short can tell
}

// handler serves fn with everything that all requests have in common.
func (a *api) handler(op string, fn func(*exchange) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{ResponseWriter: w, r: r, op: op, id: rand.Text()[:16]}
		secret.OnCleanStack(func() { a.serve(x, fn) })
		if x.cut {
			panic(http.ErrAbortHandler) // net/http's way to end an answer so that the client sees it is incomplete
		}
	})
}

func (a *api) serve(x *exchange, fn func(*exchange) error) {
	began := time.Now()
	x.secureHeaders()
	err := a.guarded(x, fn)
	if err != nil {
		err = errors.Join(err, x.fail(err))
	}
	a.log(x, err, time.Since(began))
}

// guarded runs fn if the guard admits the request, and turns a panic into an error.
func (a *api) guarded(x *exchange, fn func(*exchange) error) (err error) {
	release, err := a.guard.admit(x.r)
	if err != nil {
		return err
	}
	defer release()
	defer func() {
		if p := recover(); p != nil {
			err = &locket.Error{Code: locket.CodeInternal, Op: x.op, Err: panicked(p)}
		}
	}()
	return fn(x)
}

// panicked describes a panic by its type and place. Its value could hold contents.
func panicked(p any) error {
	pc := make([]uintptr, 8)
	frames := runtime.CallersFrames(pc[:runtime.Callers(4, pc)])
	where := ""
	for {
		f, more := frames.Next()
		where += fmt.Sprintf(" %s:%d", f.Function, f.Line)
		if !more {
			return fmt.Errorf("panic with a %T at%s", p, where)
		}
	}
}

// secureHeaders sets what every answer carries: personal data is not to be kept
// by caches, nor be run, framed, embedded or guessed at by browsers.
func (x *exchange) secureHeaders() {
	h := x.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", x.id)
}

// log writes one line: ids and codes, never a path, a query or contents. The
// cause is told only of faults of Locket's own or of its files.
func (a *api) log(x *exchange, err error, took time.Duration) {
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("request", x.id), slog.String("op", x.op), slog.Int("status", x.status), slog.Duration("took", took),
	}
	if x.pod != "" {
		attrs = append(attrs, slog.String("pod", string(x.pod)))
	}
	if err != nil {
		code := locket.CodeOf(err)
		attrs = append(attrs, slog.String("code", string(code)))
		if code == locket.CodeInternal || code == locket.CodeTampered || code == locket.CodeRolledBack {
			level = slog.LevelError
			attrs = append(attrs, slog.String("cause", cause(err)))
		}
	}
	a.Log.LogAttrs(context.WithoutCancel(x.r.Context()), level, "request", attrs...)
}

func cause(err error) string {
	if e, ok := errors.AsType[*locket.Error](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the body, which may not stand still for longer than stall.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	if err := x.control().SetWriteDeadline(time.Now().Add(stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return x.ResponseWriter.Write(p)
}

func (x *exchange) control() *http.ResponseController {
	return http.NewResponseController(x.ResponseWriter)
}

// Unwrap serves http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }
