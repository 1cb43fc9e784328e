package e2e_test

import (
	"net/http"
	"syscall"
	"testing"
)

// TestStart starts a server, asks whether it is well, and stops it with Ctrl-C.
func TestStart(t *testing.T) {
	h := newHome(t)
	s := h.serve(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", "/v1/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	var health struct{ Status string }
	if err := s.client(t).Do(r, &health); err != nil || health.Status != "ok" {
		t.Errorf("health: %q, %v", health.Status, err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C the server ended with %v", err)
	}
	h.must(t, "doctor")
}
