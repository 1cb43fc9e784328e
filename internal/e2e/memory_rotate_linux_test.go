package e2e_test

import (
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/locketpod/locket"
)

// TestMemoryAfterRotation looks for the keys from before and after a rotation in the
// memory of a server that was answering requests while another process rotated.
func TestMemoryAfterRotation(t *testing.T) {
	h := newHome(t)
	s := h.serve(t)
	for round := range rounds(3, 2, 1) {
		patterns := h.burst(t, s) // with the old keys
		row, blob := newMarker(t, 64), newMarker(t, 64)
		n := h.rotateUnderLoad(t, s, row, blob)
		patterns["later row"], patterns["later blob"] = []byte(row[8:56]), []byte(blob[8:56])
		maps.Copy(patterns, h.secrets(t).patterns("new "))
		before := scanMemory(t, s.cmd.Process.Pid, patterns)
		hits := untilClean(t, s.cmd.Process.Pid, patterns)
		t.Logf("round %d: %d bursts; before the sweep %v, after %v", round, n, before.counts(), hits.counts())
		for _, place := range hits.places {
			t.Error(place)
		}
	}
}

// rotateUnderLoad rotates while clients of a server make requests, and returns how many
// times all of them succeeded. A client may be told that the pod is busy.
func (h *home) rotateUnderLoad(t *testing.T, s *server, row, blob string) int64 {
	t.Helper()
	var rotated atomic.Bool
	var answered atomic.Int64
	var wg sync.WaitGroup
	begun := make(chan struct{}, burstClients)
	for n := range burstClients {
		c := s.client(t)
		wg.Go(func() {
			defer func() { begun <- struct{}{} }() // if nothing ever succeeded
			for last := false; !last; {
				last = rotated.Load()
				err := requests(t, c, n, row, blob)
				if locket.CodeOf(err) == locket.CodeBusy {
					last = false
				} else if err != nil {
					t.Errorf("client %d: %v", n, err)
					return
				} else if answered.Add(1) == 1 {
					begun <- struct{}{}
				}
			}
		})
	}
	<-begun
	h.must(t, "key", "rotate", "--yes")
	rotated.Store(true)
	wg.Wait()
	return answered.Load()
}
