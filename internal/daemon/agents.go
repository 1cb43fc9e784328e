package daemon

import (
	"net/url"

	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/oauth"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/safehttp"
)

// agents returns what lets agents on other machines in.
func (c Config) agents(folder *pods.Folder) (*oauth.Server, error) {
	o := oauth.Config{Doer: folder, PublicURL: c.PublicURL, Clients: c.Clients}
	if c.Documents {
		client, err := safehttp.New(safehttp.Config{})
		if err != nil {
			return nil, err
		}
		o.Fetch = oauth.NewFetcher(client)
	}
	return oauth.New(o)
}

// pages are the pages of agents, for the interface to serve.
func pages(agents *oauth.Server) []api.Page {
	var out []api.Page
	for _, p := range agents.Pages() {
		out = append(out, api.Page(p))
	}
	return out
}

// hosts are the server's names.
func (c Config) hosts() []string {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Hostname() == "" {
		return c.Hosts
	}
	return append([]string{u.Hostname()}, c.Hosts...)
}
