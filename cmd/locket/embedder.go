package main

import (
	"context"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/embed"
	"github.com/locketpod/locket/internal/memory"
	"github.com/locketpod/locket/internal/secret"
)

// The environment variables about the model for recall by meaning.
const (
	envEmbed      = "LOCKET_EMBED_URL"
	envEmbedModel = "LOCKET_EMBED_MODEL"
	envEmbedKey   = "LOCKET_EMBED_KEY"
)

// A modelChoice is what the command line and the environment say of a model.
type modelChoice struct {
	at, model string // address of a server, or path of a file; its name for the server
	local     bool
	key       *secret.Key // for the server
}

func (m *modelChoice) flags(f *pflag.FlagSet) {
	f.StringVar(&m.at, "embed", m.at, "model for recall by meaning: the address of a server, such as Ollama's, or a `MODEL` file; default: "+envEmbed)
	f.StringVar(&m.model, "embed-model", m.model, "what the server calls the model; default: "+envEmbedModel)
	f.BoolVar(&m.local, "embed-local", false, "the model's server is in this machine's network, and texts go there unencrypted")
}

// config is the choice for package embed; zero if there is none.
func (m *modelChoice) config() embed.Config {
	c := embed.Config{Model: m.model, AllowLocal: m.local}
	if m.at == "" {
		return c
	}
	if !strings.HasPrefix(m.at, "http://") && !strings.HasPrefix(m.at, "https://") {
		c.File = m.at
		return c
	}
	c.URL = m.at
	if m.key.Len() > 0 {
		c.Key = m.key
	}
	// Who names an address of this machine itself has allowed it by that.
	if u, err := url.Parse(m.at); err == nil {
		ip, err := netip.ParseAddr(u.Hostname())
		c.AllowLocal = c.AllowLocal || u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	}
	return c
}

// openModel opens the model that was named. Without it recall goes by words, so that it
// can't be opened is warned of here, and is an error only for what can't do without.
func (c *cli) openModel(ctx context.Context) (memory.Embedder, error) {
	config := c.model.config()
	if config.URL == "" && config.File == "" {
		return nil, nil
	}
	e, err := embed.Open(ctx, config)
	if err != nil {
		c.logger().Warn("the model for recall by meaning cannot be used; going by words", "why", locket.MessageOf(err))
		return nil, err
	}
	return e, nil
}
