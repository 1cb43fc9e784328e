package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/client"
)

// A visitor writes and reads over HTTP while the pod's key is being changed.
type visitor struct {
	c       *client.Client
	ledger  *ledger
	turning *atomic.Bool // a rotation runs
	reads   int          // answered while one ran
	busy    int          // answers that told to come again
}

// TestRotateIsKilled changes the key of a pod, again and again, in a process that is
// killed at some moment, while two clients of a server write and read. What was
// acknowledged is there, reads were answered meanwhile, and all ways in lead to all of it.
func TestRotateIsKilled(t *testing.T) {
	h := newHome(t)
	h.addDoors(t)
	for n := range 8 { // so that a rotation takes a while
		h.must(t, "add", "Note", fmt.Sprintf("name=large %d", n), "text="+strings.Repeat("some text ", 12_000))
	}
	l := &ledger{acked: make(map[locket.ItemID]string), tried: make(map[string]bool)}
	for n := range 8 {
		l.tried[fmt.Sprintf("large %d", n)] = true
	}
	began := time.Now()
	h.must(t, "key", "rotate", "--yes")
	usual := time.Since(began)

	s := h.serve(t)
	var turning atomic.Bool
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	visitors := []*visitor{{c: s.client(t)}, {c: s.client(t)}}
	for n, v := range visitors {
		v.ledger, v.turning = l, &turning
		clients.Go(func() { v.stay(ctx, t, fmt.Sprintf("client %d", n)) })
	}
	killed := 0
	for round := range rounds(30, 10, 3) {
		cmd := h.command(t, nil, "key", "rotate", "--yes", "--json")
		turning.Store(true)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		latest := []time.Duration{usual / 2, 3 * usual}[round%2]                   // some end by themselves
		timer := time.AfterFunc(rand.N(latest), func() { _ = cmd.Process.Kill() }) // it may have ended
		if err := cmd.Wait(); err != nil {
			killed++
		}
		timer.Stop()
		turning.Store(false)
	}
	turning.Store(true)
	h.must(t, "key", "rotate", "--yes") // nothing that was killed is in its way
	turning.Store(false)
	stop()
	clients.Wait()

	reads, busy := 0, 0
	for _, v := range visitors {
		reads, busy = reads+v.reads, busy+v.busy
	}
	t.Logf("%d of %d rotations were killed; %d writes were acknowledged; %d reads were answered meanwhile; %d requests were told to come again",
		killed, rounds(30, 10, 3), len(l.acked), reads, busy)
	if killed == 0 || reads == 0 || len(l.acked) == 0 {
		t.Error("nothing was killed, or nothing was read or written meanwhile")
	}
	items := l.check(t, h)
	s.kill()
	if err := h.enters(t, min(items, 1000)); err != nil {
		t.Error(err)
	}
	if err := h.usable(t); err != nil {
		t.Error(err)
	}
}

// stay writes a note, reads it and lists some, until ctx ends.
func (v *visitor) stay(ctx context.Context, t *testing.T, who string) {
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%s note %d", who, i)
		v.ledger.mu.Lock()
		v.ledger.tried[name] = true
		v.ledger.mu.Unlock()
		it, err := v.c.Create(t.Context(), "Note", map[string]any{"name": name})
		if v.fails(t, "write", err) {
			continue
		}
		v.ledger.mu.Lock()
		v.ledger.acked[it.ID] = name
		v.ledger.mu.Unlock()
		running := v.turning.Load()
		read, err := v.c.Get(t.Context(), it.ID)
		if v.fails(t, "read", err) {
			continue
		}
		if read.Text("name") != name {
			t.Errorf("%q was acknowledged, and %q is read", name, read.Text("name"))
		}
		if running {
			v.reads++
		}
	}
}

// fails tells whether a request came to nothing, which may be only because the key was
// changed at that moment.
func (v *visitor) fails(t *testing.T, what string, err error) bool {
	switch locket.CodeOf(err) {
	case "":
		return false
	case locket.CodeBusy, locket.CodeExpired:
		v.busy++
	default:
		t.Errorf("%s: %s: %v", what, locket.CodeOf(err), err)
	}
	return true
}
