package e2e_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/locketpod/locket/internal/powerloss"
)

// TestPowerLoss cuts the power in the middle of commands. What is left is what the
// scenario allows, whatever part of the pending changes reached the disk. The control
// is a disk on which no sync does anything: there must be losses.
func TestPowerLoss(t *testing.T) {
	need(t, "strace")
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			newCampaign(t, s).losePower(t)
		})
	}
}

// TestPowerLossAfterKill cuts the power while a command runs that comes after one that was
// killed: the new header was in its place, and the folder was not synced.
func TestPowerLossAfterKill(t *testing.T) {
	need(t, "strace")
	t.Parallel()
	newCampaign(t, followRotation()).losePower(t)
}

func (c *campaign) losePower(t *testing.T) {
	t.Helper()
	trace := c.record(t)
	o := powerloss.Options{Seed: 1, Points: rounds(14, 9, 4), States: rounds(6, 5, 5)}
	switch {
	case c.slow:
		o.Points = rounds(5, 3, 2)
	case c.all:
		o.Points, o.States = 0, 10
	}
	if thorough() {
		o.Points, o.States = 0, 24
	}
	states := 0
	for state := range trace.Crashes(o) {
		states++
		if err := c.survives(t, state); err != nil {
			t.Errorf("%s: %v", state, err)
		}
	}
	o.NoSync = true
	tried, lost := 0, false
	for state := range trace.Crashes(o) {
		tried++
		if lost = c.survives(t, state) != nil; lost {
			break
		}
	}
	t.Logf("%d states are good; if syncs do nothing, one of %d is not", states, tried)
	if !lost {
		t.Errorf("%d states without syncs, and no loss was found: the test is blind", tried)
	}
}

// record runs the command on a copy of the home.
func (c *campaign) record(t *testing.T) *powerloss.Trace {
	t.Helper()
	h := c.fresh(t)
	var tool []string
	if c.tool != nil {
		tool = c.tool(h)
	}
	trace, err := powerloss.Record(h.dir, h.command(t, tool, append(c.args(h), "--json")...))
	if err != nil {
		t.Fatal(err)
	}
	if trace.Err != nil {
		t.Fatalf("the command failed: %v\n%s", trace.Err, trace.Stdout)
	}
	return trace
}

// survives says what is wrong with a state.
func (c *campaign) survives(t *testing.T, state powerloss.State) error {
	t.Helper()
	dir, err := os.MkdirTemp("", "locket-powerloss-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := state.Materialize(dir); err != nil {
		return fmt.Errorf("materialize: %w", err)
	}
	return c.verdict(t, c.before.at(dir), outcome{out: string(state.Stdout)})
}
