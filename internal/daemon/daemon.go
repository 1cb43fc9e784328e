// Package daemon is the whole server: it opens everything in order and closes it
// in reverse. It is the only package that knows all others.
package daemon

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/embed"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/oauth"
	"github.com/locketpod/locket/internal/pods"
)

// A Config says what to serve, and where.
type Config struct {
	Dir       string         // folder of the pods
	State     string         // folder to remember in how far each pod had come; "": nothing is
	Addr      string         // "host:port"; port 0 takes a free one
	CertFile  string         // PEM files of a TLS certificate and its key; without them only a
	KeyFile   string         // loopback address is served
	Hosts     []string       // names under which a reverse proxy on this machine forwards; that in PublicURL is one
	KeepOpen  time.Duration  // how long a pod stays open after its last request
	PublicURL string         // that clients reach the server by; "": the one that they use, over TLS or the loopback
	Clients   []oauth.Client // agents' programs that are registered beforehand
	Documents bool           // take clients that are known by a document which they publish: the server fetches it
	Embed     embed.Config   // the model for recall by meaning; zero: none
	Confine   bool           // give up, for the whole process and for good, what serving does not need
	Version   string
	Log       *slog.Logger
	Ready     func(url string) // called once requests are accepted; may be nil
}

// Serve runs the server until ctx ends, then lets running requests finish and
// closes all pods.
func Serve(ctx context.Context, c Config) (err error) {
	cert, err := c.certificate()
	if err != nil {
		return err
	}
	sweep := newSweeper(c.Log)
	sealer := keyring.NewProcessSealer(time.Now)
	defer func() {
		if e := sealer.Close(); err == nil {
			err = e
		}
	}()
	folder, err := pods.Open(c.Dir, pods.Options{KeepOpen: c.KeepOpen, Server: true, State: c.State, Sealer: sealer, Shut: sweep.kick, Log: c.Log})
	if err != nil {
		return err
	}
	defer func() {
		if e := folder.Close(); err == nil {
			err = e
		}
	}()
	embedder, err := c.embedder(ctx)
	if err != nil {
		return err
	}
	agents, err := c.agents(folder)
	if err != nil {
		return err
	}
	ln, err := api.Listen(ctx, c.Addr, cert != nil)
	if err != nil {
		return err
	}
	c.confine()
	if c.Ready != nil {
		c.Ready(address(ln, cert != nil))
	}
	h := api.New(api.Config{
		Doer: folder, Log: c.Log, Version: c.Version, Hosts: c.hosts(), Embedder: embedder,
		Mounts: []api.Mount{c.mcp(embedder)}, Pages: pages(agents),
	})
	srv := api.NewServer(h, cert, c.Log)
	var sweeping sync.WaitGroup
	sweeping.Go(func() { sweep.run(ctx, srv.CloseIdle) })
	defer sweeping.Wait()
	return srv.Serve(ctx, ln)
}

// embedder opens the model, nil if none is named.
func (c Config) embedder(ctx context.Context) (memory.Embedder, error) {
	if c.Embed.URL == "" && c.Embed.File == "" {
		return nil, nil
	}
	return embed.Open(ctx, c.Embed)
}

// certificate loads the TLS certificate, nil if none is named.
func (c Config) certificate() (*tls.Certificate, error) {
	if c.CertFile == "" && c.KeyFile == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "the certificate cannot be loaded; --tls-cert and --tls-key each name a PEM file, and they must belong together").Because(err)
	}
	return &cert, nil
}

// address is the URL of a listener, with the name that clients can use.
func address(ln net.Listener, encrypted bool) string {
	scheme := "http"
	if encrypted {
		scheme = "https"
	}
	return scheme + "://" + ln.Addr().String()
}
