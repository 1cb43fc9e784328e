package graph_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/graph"
	"github.com/locketpod/locket/internal/podtest"
	"github.com/locketpod/locket/internal/store"
)

// A pod has a clock that stands still between calls.
type pod struct {
	*podtest.Pod
	t     testing.TB
	owner *store.View
	clock time.Time
}

func newPod(t testing.TB) *pod {
	t.Helper()
	p := &pod{t: t, clock: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	p.Pod = podtest.NewAt(t, func() time.Time { return p.clock })
	p.owner = p.View(p.Owner)
	return p
}

// everything is what a connected agent may do.
func everything() []locket.Permission {
	return []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayCreate, locket.MayUpdate, locket.MayDelete, locket.MayLink}
}

// call calls a tool, with arguments as JSON, a second after the call before.
func (p *pod) call(v *store.View, namespace, tool, arguments string) graph.Reply {
	p.t.Helper()
	p.clock = p.clock.Add(time.Second)
	var args map[string]any
	if err := json.Unmarshal([]byte(arguments), &args); err != nil {
		p.t.Fatal(err)
	}
	r, err := graph.Call(p.t.Context(), v, namespace, tool, args)
	if err != nil {
		p.t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	return r
}
