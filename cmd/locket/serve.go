package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/daemon"
	"github.com/locketpod/locket/internal/oauth"
)

func (c *cli) serveCommand() *cobra.Command {
	cfg, free, clients := daemon.Config{}, false, ""
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the pods of a folder over HTTP",
		Long: `Serve the pods of a folder over HTTP until Ctrl-C. Requests carry an API key, which
'locket key add' makes; the server itself can open nothing. Without a certificate only
addresses of this machine are served. On Linux the server is confined: it can open no
files but the pods', make no connections but to a model that --embed names and what
--client-documents asks for, and run no programs.`,
		Example: `  locket serve
  locket serve --addr 0.0.0.0:7117 --tls-cert cert.pem --tls-key key.pem
  locket serve --host pod.example.com    # behind a reverse proxy on this machine
  locket serve --public-url https://pod.example.com    # and agents elsewhere may ask to be let in`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if cmd.Flags().Changed("server") {
				return locket.Errorf(locket.CodeInvalid, "--server is for clients; --addr says where to serve")
			}
			if cfg.Dir, err = c.podsDir(); err != nil {
				return err
			}
			cfg.Embed = c.model.config()
			if cfg.Clients, err = readClients(clients); err != nil {
				return err
			}
			cfg.Confine = !free
			cfg.State = stateDir()
			cfg.Log, cfg.Version = c.logger(), readVersion().Version
			cfg.Ready = func(url string) { fmt.Fprintf(c.out, "serving %s at %s\n", cfg.Dir, url) }
			if c.json {
				cfg.Ready = func(url string) { fmt.Fprintf(c.out, "{\"url\":%q}\n", url) }
			}
			if err := daemon.EraseFreedMemory(); err != nil {
				return err
			}
			return daemon.Serve(cmd.Context(), cfg)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Addr, "addr", "127.0.0.1:7117", "address and port to listen at; port 0 takes a free one")
	f.StringVar(&cfg.CertFile, "tls-cert", "", "PEM file with the certificate")
	f.StringVar(&cfg.KeyFile, "tls-key", "", "PEM file with the certificate's key")
	f.StringArrayVar(&cfg.Hosts, "host", nil, "a name of this server, e.g. behind a reverse proxy; once any is given, requests for other names are refused")
	f.StringVar(&cfg.PublicURL, "public-url", "", "the server's URL for agents elsewhere, which they are sent to for your consent; its name need not be given with --host")
	f.StringVar(&clients, "oauth-client", "", "JSON file with agents' programs that need not register: [{\"client_id\", \"client_name\", \"redirect_uris\"}]")
	f.BoolVar(&cfg.Documents, "client-documents", false, "take agents' programs that are known by a document which they publish; the server then connects to port 443 to fetch it")
	f.DurationVar(&cfg.KeepOpen, "keep-open", 0, "how long a pod's key stays in memory after its last request")
	c.model.flags(f)
	f.BoolVar(&free, "no-sandbox", false, "do not confine the server, where the confinement is in the way")
	return cmd
}

// maxClients bounds the file of --oauth-client, in bytes.
const maxClients = 1 << 20

// readClients reads the file of --oauth-client.
func readClients(path string) ([]oauth.Client, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "--oauth-client: the file %s can't be read", path).Because(err)
	}
	defer func() { _ = file.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(file, maxClients))
	if err != nil {
		return nil, locket.Errorf(locket.CodeInvalid, "--oauth-client: the file %s can't be read", path).Because(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var clients []oauth.Client
	if err := d.Decode(&clients); err != nil || d.More() {
		return nil, locket.Errorf(locket.CodeInvalid, "--oauth-client: %s is no JSON list of objects with client_id, client_name and redirect_uris", path).Because(err)
	}
	return clients, nil
}
