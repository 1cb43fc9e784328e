package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
)

// A scenario is a command that may be interrupted anywhere: by a power loss, by
// SIGKILL, by a disk that fails or is full.
type scenario struct {
	name string
	slow bool // it takes long, or others are much like it: fewer runs and faults
	all  bool // it makes so few calls that the power is cut at all of them
	// prepare makes what is there before, in a home without a pod.
	prepare func(h *home, t *testing.T)
	// tool, if any, runs the command, which is its last arguments.
	tool func(h *home) []string
	// args is the command.
	args func(h *home) []string
	// check says what is wrong with what is left. It may use the home as it likes.
	check func(t *testing.T, h *home, o outcome) error
}

// An outcome is what the user of a command knows about it.
type outcome struct {
	out  string      // what it had printed; the scenarios tell by it whether it was done
	code locket.Code // of the error that it ended with, if any
}

// reads reports whether the command had printed all its JSON, and decodes it into v.
func (o outcome) reads(v any) bool { return json.Unmarshal([]byte(o.out), v) == nil }

func (o outcome) done() bool { return json.Valid([]byte(o.out)) }

// A campaign is one scenario, run again and again from the same beginning.
type campaign struct {
	scenario
	before *home
}

func newCampaign(t *testing.T, s scenario) *campaign {
	t.Helper()
	c := &campaign{s, newAccount(t)}
	s.prepare(c.before, t)
	return c
}

// thorough tells whether campaigns try everything, which takes an hour.
func thorough() bool { return os.Getenv("LOCKET_CAMPAIGN") == "1" }

// step is how many calls a sweep goes on by.
func (c *campaign) step() int {
	if thorough() {
		return 1
	}
	if c.slow {
		return rounds(40, 50, 50)
	}
	return rounds(16, 25, 50)
}

// fresh returns a copy of the home as it was before.
func (c *campaign) fresh(t *testing.T) *home {
	t.Helper()
	h := c.before.at(filepath.Join(t.TempDir(), "home"))
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", c.before.dir, h.dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	return h
}

// at is the same home in another folder.
func (h *home) at(dir string) *home {
	moved := *h
	moved.dir, moved.pods, moved.tmp = dir, filepath.Join(dir, "pods"), filepath.Join(dir, "tmp")
	return &moved
}

// verdict is what is wrong with what is left: by the scenario's own check, or because
// the pod is not whole or cannot be used.
func (c *campaign) verdict(t *testing.T, h *home, o outcome) error {
	t.Helper()
	if err := os.MkdirAll(h.tmp, 0o700); err != nil { // /tmp is the system's to make
		t.Fatal(err)
	}
	if err := c.check(t, h, o); err != nil {
		return err
	}
	if h.key == "" {
		return nil // there is no pod
	}
	return h.usable(t)
}

// usable finds out whether the pod is whole and can be written to.
func (h *home) usable(t *testing.T) error {
	t.Helper()
	var v struct{ Fault string }
	if err := h.ask(t, &v, "verify"); err != nil {
		return err
	}
	if v.Fault != "" {
		return errors.New("verify: " + v.Fault)
	}
	if err := h.ask(t, nil, "add", "Note", "name=afterwards"); err != nil {
		return err
	}
	return h.ask(t, nil, "doctor")
}

// ask runs locket and decodes what it prints.
func (h *home) ask(t *testing.T, v any, args ...string) error {
	t.Helper()
	r := h.run(t, args...)
	if r.status != 0 {
		return fmt.Errorf("locket %q: exit status %d: %s%s", args, r.status, r.err, r.out)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal([]byte(r.out), v)
}

// names returns how many items have each name.
func (h *home) names(t *testing.T) (map[string]int, error) {
	t.Helper()
	var p locket.Page[locket.Item]
	err := h.ask(t, &p, "list", "--limit", "1000")
	names := make(map[string]int)
	for _, it := range p.Items {
		names[it.Text("name")]++
	}
	return names, err
}
