package tree_test

import (
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/tree"
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

// run does a command a second after the one before.
func (p *pod) run(v *store.View, namespace string, c tree.Command) tree.Reply {
	p.t.Helper()
	p.clock = p.clock.Add(time.Second)
	r, err := tree.Run(p.t.Context(), v, namespace, c)
	if err != nil {
		p.t.Fatalf("%+v: %v", c, err)
	}
	return r
}
