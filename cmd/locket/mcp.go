package main

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/mcp"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
)

// mcpVisits is how many tools of one agent work in a pod at once.
const mcpVisits = 4

func (c *cli) mcpCommand() *cobra.Command {
	toolsets := ""
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Let an AI agent use the pod, over standard input and output",
		Long: `Speak the Model Context Protocol with an AI agent over standard input and output, until
the agent ends it. Agents start this themselves; 'locket connect' tells them to. The pod
is opened for each request only. What the agent may do is what its key may do: give it one
of its own, with 'locket agents add'. All that one run changes is one session, which
'locket undo' can revert.`,
		Example: `  LOCKET_KEY=lk_… locket mcp
  locket mcp --toolsets core,graph
  locket mcp --server https://pod.example.com`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg := mcp.Config{Toolsets: mcp.SplitToolsets(toolsets), Version: readVersion().Version, Log: c.logger()}
			if c.session == "" {
				c.session = "mcp-" + strings.ToLower(rand.Text()[:16])
			}
			if c.server != "" {
				return c.mcpRemote(cmd.Context(), cfg)
			}
			return c.withFolder(cmd.Context(), func(f *pods.Folder, id locket.PodID, k *credential) error {
				// A credential that opens nothing is better told now than with every tool. An agent
				// that is paused may be let go on while this runs: each call tells it.
				err := c.visit(cmd.Context(), f, id, k, func(*pods.Visit) error { return nil })
				if err != nil && locket.CodeOf(err) != locket.CodeDenied {
					return err
				}
				embedder, _ := c.openModel(cmd.Context()) // has said why there is none
				cfg.Caller = mcp.Through(func(ctx context.Context, o ops.Op, in any) (out any, err error) {
					err = c.visit(ctx, f, id, k, func(v *pods.Visit) error {
						out, err = o.Run(ctx, &ops.Call{Visit: v, Embedder: embedder}, in)
						return err
					})
					return out, err
				}, mcpVisits)
				return c.serveMCP(cmd.Context(), cfg)
			})
		},
	}
	cmd.Flags().StringVar(&toolsets, "toolsets", "", "tools to offer, e.g. core,graph; there are "+strings.Join(mcp.Toolsets(), ", ")+"; default core")
	return cmd
}

// mcpRemote serves a pod behind a server.
func (c *cli) mcpRemote(ctx context.Context, cfg mcp.Config) error {
	r, err := c.newRemote()
	if err != nil {
		return err
	}
	var mu sync.Mutex // r is for one request at a time
	cfg.Caller = mcp.Through(func(ctx context.Context, o ops.Op, in any) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		return r.do(ctx, o, in, nil, nil)
	}, mcpVisits)
	err = c.serveMCP(ctx, cfg)
	if e := r.close(ctx); err == nil {
		err = e
	}
	return err
}

func (c *cli) serveMCP(ctx context.Context, cfg mcp.Config) error {
	return mcp.ServeStdio(ctx, cfg, c.in, unclosed{c.out})
}

// unclosed keeps standard output open for whatever is left to say.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
