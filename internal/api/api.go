// Package api serves the operations of package ops over HTTP; see
// docs/design/http.md.
//
// It decodes, limits and encodes, and owns no logic. A request is answered in
// this order: bounds on who may ask (host, origin, number of requests at once),
// credential, input, operation, answer. Every failure is a JSON object with a
// code and a message, made in one place.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// A Doer opens a pod for the time of one function. A credential that opens
// nothing, for whatever reason, is [locket.CodeUnauthenticated]; a grant that has
// ended is [locket.CodeExpired].
type Doer interface {
	Visit(ctx context.Context, c pods.Call, fn func(*pods.Visit) error) error
	List() ([]locket.PodID, error)
}

// A Config says what to serve.
type Config struct {
	Doer    Doer
	Log     *slog.Logger
	Version string // of the program, for /v1/health

	// Hosts are the server's names, such as those under which a reverse proxy on this
	// machine forwards. If there are some, and always at a loopback address, requests
	// must name one of them or the loopback itself, so that no web page can reach the
	// server through a domain that it points there (DNS rebinding).
	Hosts []string

	Mounts []Mount // other ways in

	Embedder memory.Embedder // for recall by meaning; nil: there is none

	MaxUpload   int64         // bytes of an upload; 0: 64 GiB
	MaxRequests int           // at once; 0: 64
	Timeout     time.Duration // of a request that is no stream; 0: one minute

	Pages []Page // what is answered beside the operations
}

type api struct {
	Config
	guard    guard
	throttle *throttle
}

// New returns the handler of the whole interface.
func New(c Config) http.Handler {
	if c.MaxUpload == 0 {
		c.MaxUpload = 64 << 30
	}
	if c.MaxRequests == 0 {
		c.MaxRequests = 64
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	a := &api{Config: c, guard: newGuard(c.Hosts, c.MaxRequests), throttle: newThrottle(time.Now)}
	return a.routes(ops.Table())
}

// routes registers every operation, and for each of its paths and for all other
// paths what refuses the rest.
func (a *api) routes(table []ops.Op) http.Handler {
	mux := http.NewServeMux()
	allow := map[string][]string{"/v1/health": {"GET"}, "/v1/openapi.json": {"GET"}, "/v1/session": {"POST"}}
	for _, op := range table {
		mux.Handle(op.Method+" "+op.Path, a.handler(op.Name, a.operation(op)))
		allow[op.Path] = append(allow[op.Path], op.Method)
	}
	mux.Handle("GET /v1/health", a.handler("health", a.health))
	mux.Handle("GET /v1/openapi.json", a.handler("openapi", serveDocument(Document(table, a.Version))))
	mux.Handle("POST /v1/session", a.handler("session.create", a.login))
	for _, m := range a.Mounts {
		mux.Handle(m.Path, a.handler(m.Name, a.mounted(m)))
	}
	for path, methods := range allow {
		mux.Handle(path, a.handler("", wrongMethod(methods)))
	}
	for _, p := range a.Pages {
		if p.Anywhere {
			a.guard.origin.AddInsecureBypassPattern(p.Path)
		}
		mux.Handle(p.Path, a.handler(p.Name, a.page(p)))
	}
	mux.Handle("/", a.handler("", func(*exchange) error {
		return locket.Errorf(locket.CodeNotFound, "there is nothing at this path; see /v1/openapi.json")
	}))
	return mux
}

func (a *api) health(x *exchange) error {
	return x.json(http.StatusOK, map[string]string{"status": "ok", "version": a.Version})
}

// operation answers requests for op.
func (a *api) operation(op ops.Op) func(*exchange) error {
	return func(x *exchange) error {
		call, wipe, err := a.caller(x, ops.AudienceAPI)
		if err != nil {
			return err
		}
		defer wipe()
		seen, err := noted(x.r.Header)
		if err != nil {
			return err
		}
		ctx, cancel := a.bound(x.r.Context(), op)
		defer cancel()
		var answer any // nil if it has been streamed
		err = a.Doer.Visit(ctx, call, func(v *pods.Visit) (err error) {
			answer, err = a.run(ctx, x, op, v, seen)
			return err
		})
		if locket.CodeOf(err) == locket.CodeUnauthenticated {
			a.throttle.failed(x.r.RemoteAddr)
			return unauthenticated()
		}
		if err != nil || answer == nil {
			return err
		}
		if op.Name == "session.end" && x.cookie {
			x.setCookie("", -1)
		}
		return x.answer(op, answer)
	}
}

// run does the operation while the pod is open. Streams are written from here;
// other answers are returned, to be written when the pod has been released.
func (a *api) run(ctx context.Context, x *exchange, op ops.Op, v *pods.Visit, seen sighting) (any, error) {
	in, err := op.Decode(x.r)
	if err != nil {
		return nil, err
	}
	if err := checkGrown(ctx, v.View, seen); err != nil {
		return nil, err
	}
	call := &ops.Call{Visit: v, Embedder: a.Embedder}
	if op.Upload {
		call.Body = x.upload(a.MaxUpload)
	}
	if x.events = op.Reports && accepts(x.r, "application/x-ndjson"); x.events {
		call.Report = x.report
	}
	out, err := op.Run(ctx, call, in)
	if err != nil {
		return nil, err
	}
	switch out := out.(type) {
	case *ops.File:
		return nil, x.file(out)
	case *ops.Stream:
		return nil, x.stream(ctx, out)
	}
	if !x.events {
		a.tellGrowth(ctx, x, v.View, seen)
	}
	return out, nil
}

// bound gives the request its time: a fixed one, or for streams as much as they
// need as long as bytes keep moving.
func (a *api) bound(ctx context.Context, op ops.Op) (context.Context, context.CancelFunc) {
	if op.Upload || op.Streams() {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, a.Timeout)
}

// wrongMethod answers requests for a path that has other methods.
func wrongMethod(methods []string) func(*exchange) error {
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	return func(x *exchange) error {
		x.Header().Set("Allow", allow)
		return x.json(http.StatusMethodNotAllowed, failure{failureBody{
			Code: locket.CodeInvalid, Message: "this path takes only the methods " + allow,
		}})
	}
}
