package api

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/locketpod/locket"
)

// Limits of a server. Bodies and answers of streams have stall instead of the
// read and write times.
const (
	headerTime  = 10 * time.Second // to read the header of a request
	readTime    = time.Minute      // to read all of a request
	writeTime   = 2 * time.Minute  // to answer, from the end of the header
	idleTime    = 15 * time.Second // between requests: buffers of a connection hold the last one's plaintext
	graceTime   = 30 * time.Second // for running requests when the server stops
	headerBytes = 16 << 10
	connections = 256
)

// Listen opens the address "host:port". Without a certificate it must be a
// loopback address: others are refused with [locket.CodeUnsupported].
func Listen(ctx context.Context, addr string, encrypted bool) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, locket.Errorf(locket.CodeUnsupported, "cannot listen at %s; is another server running there?", addr).Because(err)
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); encrypted || ok && tcp.IP.IsLoopback() {
		return ln, nil
	}
	err = ln.Close()
	return nil, locket.Errorf(locket.CodeUnsupported,
		"%s can be reached from other machines, and plain HTTP would show them API keys and data; give --tls-cert and --tls-key, or listen at 127.0.0.1 behind a proxy that encrypts", addr).Because(err)
}

// A Server answers requests with every limit set.
type Server struct {
	http *http.Server
}

// NewServer returns a server for h. It speaks TLS 1.3 if cert is not nil.
func NewServer(h http.Handler, cert *tls.Certificate, log *slog.Logger) *Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if cert != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true}
	}
	return &Server{s}
}

// CloseIdle closes the connections on which no request runs.
func (s *Server) CloseIdle() {
	s.http.SetKeepAlivesEnabled(false) // this is what closes them
	s.http.SetKeepAlivesEnabled(true)
}

// Serve answers requests at ln until ctx ends, then waits for those that run. It
// closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ln = netutil.LimitListener(ln, connections)
	served := make(chan error, 1)
	go func() {
		if s.http.TLSConfig == nil {
			served <- s.http.Serve(ln)
			return
		}
		served <- s.http.ServeTLS(ln, "", "")
	}()
	select {
	case err := <-served:
		return locket.Errorf(locket.CodeInternal, "the server stopped").Because(err)
	case <-ctx.Done():
	}
	return stop(ctx, s.http, served)
}

// stop lets running requests end, for as long as graceTime.
func stop(ctx context.Context, srv *http.Server, served <-chan error) error {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
