package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"strings"
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

// TestMemoryOfKeyCommands reports what the memory of commands holds that are about to
// end. The kernel erases it then; there is no promise that Locket has before.
func TestMemoryOfKeyCommands(t *testing.T) {
	need(t, "strace")
	h := newHome(t)
	next := newMarker(t, 24)
	for _, args := range [][]string{
		{"key", "rotate", "--yes"},
		{"key", "add", "--name", "phone"},
		{"key", "add", "--new-passphrase-file", h.file(t, "next", next+"\n")},
		{"recovery", "create", "-o", filepath.Join(h.dir, "kit.pdf")},
	} {
		patterns := h.secrets(t).patterns("")
		patterns["token"], patterns["new passphrase"] = []byte(h.key[50:90]), []byte(next)
		hits := h.beforeExit(t, args, func() map[string][]byte {
			if args[1] == "rotate" {
				maps.Copy(patterns, h.secrets(t).patterns("new "))
			}
			return patterns
		})
		t.Logf("%s: %v", strings.Join(args[:2], " "), hits.counts())
	}
}

// beforeExit runs a command up to its last system call, and scans its memory there: the
// call is not made, and SIGSTOP is sent in its place. What is looked for is asked then.
func (h *home) beforeExit(t *testing.T, args []string, patterns func() map[string][]byte) hits {
	t.Helper()
	cmd := h.command(t, []string{
		"strace", "-D", "-f", "--seccomp-bpf", "-qq", "-e", "trace=exit_group", "-e", "signal=STOP",
		"-e", "inject=exit_group:error=ENOSYS:signal=STOP",
	}, append(args, "--json")...) // with -D the process is locket's, and strace is none of ours
	out, err := cmd.StderrPipe() // of both
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()          // it can't have ended
		_, _ = io.Copy(io.Discard, out) // strace ends after it
		_ = cmd.Wait()                  // says that it was killed
	}()
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "stopped by SIGSTOP") {
			if !strings.Contains(said.String(), "exit_group(0)") {
				break
			}
			return scanMemory(t, cmd.Process.Pid, patterns())
		}
		fmt.Fprintln(&said, lines.Text())
	}
	t.Fatalf("locket %q did not come to its end\n%s", args, said.String())
	return hits{}
}
