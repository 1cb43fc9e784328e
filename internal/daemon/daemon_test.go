package daemon_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/daemon"
	"github.com/locketpod/locket/internal/pods"
)

// serve runs a server until the test ends and returns its URL.
func serve(t *testing.T, c daemon.Config) string {
	t.Helper()
	ready, done := make(chan string, 1), make(chan error, 1)
	c.Log, c.Ready = slog.New(slog.DiscardHandler), func(url string) { ready <- url }
	ctx, stop := context.WithCancel(context.Background()) // t.Context ends before Cleanup, which waits
	go func() { done <- daemon.Serve(ctx, c) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v, want nil after its context ended", err)
		}
	})
	select {
	case url := <-ready:
		return url
	case err := <-done:
		done <- nil
		t.Fatalf("Serve = %v", err)
		return ""
	}
}

func get(t *testing.T, client *http.Client, url, key string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	f, err := pods.Open(dir, pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := f.Create(t.Context(), pods.New{KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	key := string(made.Token.Text().Bytes())

	url := serve(t, daemon.Config{Dir: dir, Addr: "127.0.0.1:0", KeepOpen: time.Minute, Version: "v1.2.3"})
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("url = %q", url)
	}
	if status, body := get(t, http.DefaultClient, url+"/v1/health", ""); status != 200 || !strings.Contains(body, "v1.2.3") {
		t.Errorf("health: %d %s", status, body)
	}
	if status, body := get(t, http.DefaultClient, url+"/v1/stats", key); status != 200 || !strings.Contains(body, `"items":0`) {
		t.Errorf("stats: %d %s", status, body)
	}
	if status, _ := get(t, http.DefaultClient, url+"/v1/stats", ""); status != 401 {
		t.Errorf("stats without a key: %d, want 401", status)
	}
}

func TestServeTLS(t *testing.T) {
	certFile, keyFile, roots := certificate(t)
	url := serve(t, daemon.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile})
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	if status, body := get(t, &http.Client{Transport: transport}, url+"/v1/health", ""); status != 200 {
		t.Errorf("health over TLS: %d %s", status, body)
	}
}

func TestServeRefuses(t *testing.T) {
	certFile, keyFile, _ := certificate(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name   string
		config daemon.Config
		want   locket.Code
	}{
		{"plain HTTP to the world", daemon.Config{Addr: "0.0.0.0:0"}, locket.CodeUnsupported},
		{"address in use", daemon.Config{Addr: taken.Addr().String()}, locket.CodeUnsupported},
		{"certificate without key", daemon.Config{Addr: "127.0.0.1:0", CertFile: certFile}, locket.CodeInvalid},
		{"key and certificate swapped", daemon.Config{Addr: "127.0.0.1:0", CertFile: keyFile, KeyFile: certFile}, locket.CodeInvalid},
	} {
		tt.config.Dir, tt.config.Log = t.TempDir(), slog.New(slog.DiscardHandler)
		tt.config.Ready = func(url string) { t.Errorf("%s: served at %s", tt.name, url) }
		if err := daemon.Serve(t.Context(), tt.config); locket.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want code %s", tt.name, err, tt.want)
		}
	}
}

// certificate makes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	for path, data := range map[string][]byte{
		certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, roots
}

// TestAgentsAreLedToTheServerThatLetsThemIn: what a client is told that has no credential.
func TestAgentsAreLedToTheServerThatLetsThemIn(t *testing.T) {
	url := serve(t, daemon.Config{Dir: t.TempDir(), Addr: "127.0.0.1:0"})
	res, err := http.Post(url+"/mcp", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	want := `Bearer resource_metadata="` + url + `/.well-known/oauth-protected-resource/mcp", scope="memory.read memory.write memory.delete"`
	if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != 401 || got != want {
		t.Errorf("%s, WWW-Authenticate: %s, want %s", res.Status, got, want)
	}
}
