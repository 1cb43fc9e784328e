package daemon

import (
	"context"
	"net/http"

	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/mcp"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// mcp is the way in for AI agents: the Model Context Protocol.
func (c Config) mcp(embedder memory.Embedder) api.Mount {
	return api.Mount{
		Path: mcp.Path, Name: "mcp", Audience: ops.AudienceMCP, MaxBody: mcp.MaxMessage,
		Challenge: func(r *http.Request) string { return mcp.Challenge(mcp.Base(c.PublicURL, r)) },
		Serve: func(v *pods.Visit, w http.ResponseWriter, r *http.Request) {
			mcp.ServeHTTP(mcp.Config{Version: c.Version, Log: c.Log}, func(ctx context.Context, o ops.Op, in any) (any, error) {
				return o.Run(ctx, &ops.Call{Visit: v, Embedder: embedder}, in)
			}, w, r)
		},
	}
}
