package e2e_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/locketpod/locket/client"
)

// A server is a running locket serve.
type server struct {
	url   string
	cmd   *exec.Cmd
	log   string // path of what it writes to standard error
	roots *x509.CertPool
	key   string
}

// serve starts a server on a free port. It gets Ctrl-C when the test ends.
func (h *home) serve(t *testing.T, flags ...string) *server {
	t.Helper()
	cmd := h.command(t, nil, append([]string{"serve", "--addr", "127.0.0.1:0", "--json"}, flags...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	s := &server{cmd: cmd, log: filepath.Join(h.dir, "serve.log"), key: h.key}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // how it ended matters to the tests that wait themselves
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ready struct{ URL string }
	if err != nil || json.Unmarshal(line, &ready) != nil {
		said, _ := os.ReadFile(s.log)
		t.Fatalf("the server did not start: %v\n%s%s", err, line, said)
	}
	s.url = ready.URL
	return s
}

// serveTLS starts a server with a certificate of its own.
func (h *home) serveTLS(t *testing.T, flags ...string) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	s := h.serve(t, append([]string{
		"--tls-cert", h.file(t, "cert.pem", string(cert)),
		"--tls-key", h.file(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))),
	}, flags...)...)
	s.roots = x509.NewCertPool()
	s.roots.AppendCertsFromPEM(cert)
	return s
}

// client returns a client with connections of its own.
func (s *server) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(s.url, []byte(s.key), s.transport())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (s *server) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.roots}}
}

// kill ends the server with SIGKILL.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // fails only if it has ended
	_ = s.cmd.Wait()         // says that it was killed
}
