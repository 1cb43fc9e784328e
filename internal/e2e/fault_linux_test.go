package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
)

// A fault is a way in which system calls of a command fail, or in which it is killed.
type fault struct {
	calls  string // as strace names them
	inject string // what strace does in their place
	stays  bool   // all further calls of the thread fail too
	rare   bool   // not every command makes such calls
	always bool   // slow commands meet it, too; the others only where LOCKET_CAMPAIGN asks for them
}

// name is that of the test.
func (f fault) name() string {
	if f.inject == killed {
		return "killed"
	}
	return f.calls + " " + f.inject
}

const killed = "signal=KILL"

var faults = []fault{
	{calls: "pwrite64", inject: "error=EIO"},
	{calls: "pwrite64", inject: "error=ENOSPC", stays: true, always: true},
	{calls: "pwrite64", inject: "retval=0"}, // nothing written, and no error
	{calls: "write", inject: "error=EIO", rare: true},
	{calls: "write", inject: "error=ENOSPC", rare: true},
	{calls: "fsync,fdatasync", inject: "error=EIO", always: true},
	{calls: "ftruncate", inject: "error=EIO", rare: true},
	{calls: "rename,renameat,renameat2", inject: "error=ENOSPC", rare: true},
	{calls: "rename,renameat,renameat2", inject: "error=EIO", rare: true, always: true},
	{calls: "renameat2", inject: "error=EINVAL", stays: true, rare: true}, // a file system that can't exchange names
	{calls: "linkat", inject: "error=ENOSPC", rare: true},
	{calls: "openat", inject: "error=EIO"},
	{calls: "pwrite64,write,fsync,fdatasync,ftruncate,openat,mkdirat,linkat,unlink,unlinkat,rename,renameat,renameat2,close", inject: killed, always: true},
}

// TestFaults makes the calls of commands fail, one after the other, or kills the
// command there. It says so with a code, or has done what it was to do; what is left is
// what the scenario allows, and the next command works.
func TestFaults(t *testing.T) {
	need(t, "strace")
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := newCampaign(t, s)
			for _, f := range faults {
				if c.slow && !f.always && !thorough() {
					continue
				}
				t.Run(f.name(), func(t *testing.T) { c.sweep(t, f) })
			}
		})
	}
}

// sweep lets the first call fail, then later ones, up to the last. Runs in which a call
// failed that is not for the home's files, but prints or is the Go runtime's, do not
// count.
func (c *campaign) sweep(t *testing.T, f fault) {
	hit, codes := 0, make(map[string]int)
	for n, step := 1, 1; ; n += step {
		h := c.fresh(t)
		r, injected := c.inject(t, h, f, n)
		if len(injected) == 0 {
			break
		}
		if !slices.ContainsFunc(injected, func(call string) bool { return !strings.Contains(call, h.dir) }) || f.inject == killed {
			hit++
			step = c.step()
			codes[fmt.Sprintf("%d %s", r.status, r.code())]++
			what := fmt.Sprintf("call %d: %s", n, strings.TrimSpace(injected[0]))
			if err := f.ended(r); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if err := c.verdict(t, h, outcome{r.out, r.code()}); err != nil {
				t.Errorf("%s: exit status %d %s: %v", what, r.status, r.code(), err)
			}
		}
		if err := os.RemoveAll(h.dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d calls failed: %v", hit, codes)
	if hit == 0 && !f.rare {
		t.Errorf("%s was never called for the pod: nothing has failed", f.calls)
	}
}

// inject runs the command while the nth call of each thread fails, and returns the calls
// that did.
func (c *campaign) inject(t *testing.T, h *home, f fault, n int) (result, []string) {
	t.Helper()
	when, log := fmt.Sprint(n), filepath.Join(t.TempDir(), "strace.txt")
	if f.stays {
		when += "+"
	}
	tool := []string{
		"strace", "-f", "-qq", "-y", "-s", "0", "-o", log, "-e", "signal=none",
		"-e", "trace=" + f.calls, "-e", "inject=" + f.calls + ":" + f.inject + ":when=" + when,
	}
	if f.calls == "openat" { // most files that a program opens are not the pod's
		tool = append(tool, "-P", h.pods)
		if h.pod != "" {
			dir := filepath.Dir(h.database())
			for _, name := range []string{
				"", "blobs", "pod.db", "pod.db-wal", "pod.db-shm", "pod.2.db.new", "pod.2.db.new-wal", "pod.2.db", "header",
			} {
				tool = append(tool, "-P", filepath.Join(dir, name))
			}
		}
	}
	r := finish(t, h.command(t, tool, append(c.args(h), "--json")...))
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var injected []string
	for line := range strings.Lines(string(trace)) {
		if strings.Contains(line, "INJECTED") || f.inject == killed && strings.HasSuffix(line, " = ?\n") {
			injected = append(injected, line)
		}
	}
	return r, injected
}

// ended says what is wrong with how a run ended that met a fault.
func (f fault) ended(r result) error {
	for _, trace := range []string{"panic", "goroutine ", "fatal error"} {
		if strings.Contains(r.err+r.out, trace) {
			return fmt.Errorf("a stack trace: %.2000s", r.err+r.out)
		}
	}
	code := r.code()
	switch {
	case r.status == 0 || f.inject == killed:
		return nil
	case code == "":
		return fmt.Errorf("exit status %d without a code: %s", r.status, r.err)
	case code == locket.CodeInvalid && (strings.Contains(r.err, "no space left on device") || strings.Contains(r.err, "input/output error")):
		return nil // the folder of the pods can't be used, and why
	case f.inject == "error=ENOSPC" && code != locket.CodeDiskFull:
		return fmt.Errorf("the disk is full, but the code is %s: %s", code, r.err)
	case code != locket.CodeDiskFull && code != locket.CodeInternal:
		return fmt.Errorf("the code is %s: %s", code, r.err)
	}
	return nil
}
