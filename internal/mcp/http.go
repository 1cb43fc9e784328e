package mcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/ops"
)

// Path is where servers answer.
const Path = "/mcp"

// ServeHTTP answers one request of the streamable HTTP transport, in any version of the
// protocol. Who asks, from where and how much at once has been looked at before. No
// operation runs when it has returned. The query may choose toolsets.
func ServeHTTP(c Config, do Doer, w http.ResponseWriter, r *http.Request) {
	v := &visitor{do: do, request: r.Context()}
	defer v.leave()
	c.Caller = Through(v.run, 1)
	if chosen := r.URL.Query()["toolsets"]; chosen != nil {
		c.Toolsets = SplitToolsets(strings.Join(chosen, ","))
	}
	srv, err := newServer(c)
	if err != nil {
		http.Error(w, locket.MessageOf(err), http.StatusBadRequest)
		return
	}
	srv.AddReceivingMiddleware(atMost(maxBatch))
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return srv }, &sdk.StreamableHTTPOptions{
		Stateless:           true, // what 2026-07-28 takes; older clients don't mind
		JSONResponse:        true,
		MaxRequestBodyBytes: MaxMessage,
		// Done already, by names that the server is known to have.
		DisableLocalhostProtection:   true,
		PropagateRequestCancellation: true,
	})
	h.ServeHTTP(w, r)
}

// Challenge is the header WWW-Authenticate that leads a client without a credential to
// the authorization server, by way of the metadata of the resource (RFC 9728 §5.1). base
// is the address of this server without a slash at its end; "" if it is not known.
func Challenge(base string) string {
	if base == "" {
		return "Bearer"
	}
	return `Bearer resource_metadata="` + base + `/.well-known/oauth-protected-resource` + Path +
		`", scope="` + strings.Join(ops.UsualScopes(), " ") + `"`
}

// Base is the address under which a client has reached this server: public if that is
// set, else what the request says, over TLS or the loopback. "" if neither tells: behind a
// proxy, where only --public-url can.
func Base(public string, r *http.Request) string {
	u := url.URL{Scheme: "https", Host: r.Host}
	switch {
	case public != "":
		return strings.TrimSuffix(public, "/")
	case r.TLS != nil:
	case loopback(u.Hostname()):
		u.Scheme = "http"
	default:
		return ""
	}
	return u.String()
}

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// maxBatch is how many calls one request can bring: versions before 2025-06-18 have
// batches.
const maxBatch = 20

// atMost refuses what comes after most calls.
func atMost(most int64) sdk.Middleware {
	var calls atomic.Int64
	return func(next sdk.MethodHandler) sdk.MethodHandler {
		return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
			if calls.Add(1) > most {
				return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: fmt.Sprintf("a request has at most %d calls", most)}
			}
			return next(ctx, method, r)
		}
	}
}

// refuseListening refuses what would keep a pod open for as long as a client likes. There
// is nothing to listen to: no capability says so.
func refuseListening(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
		switch method {
		case "subscriptions/listen", "resources/subscribe", "resources/unsubscribe", "logging/setLevel", "completion/complete":
			return nil, methodNotFound(method)
		}
		return next(ctx, method, r)
	}
}

// ended is what the end of a connection means: the end of its input is none to tell of.
func ended(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, sdk.ErrConnectionClosed):
		return nil
	case ctx.Err() != nil:
		return locket.Errorf(locket.CodeCancelled, "stopped").Because(err)
	}
	return locket.Errorf(locket.CodeInvalid, "the client sent what is no message of the protocol, or one of more than %d bytes", MaxMessage).Because(err)
}
