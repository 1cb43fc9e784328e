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

// A fault is a way in which system calls of a command fail.
type fault struct {
	calls string // as strace names them
	error string // what strace injects
	stays bool   // all further calls of the thread fail too
}

var faults = []fault{
	{"pwrite64", "error=EIO", false},
	{"pwrite64", "error=ENOSPC", true},
	{"pwrite64", "retval=0", false}, // nothing written, and no error
	{"write", "error=EIO", false},
	{"write", "error=ENOSPC", false},
	{"fsync,fdatasync", "error=EIO", false},
	{"ftruncate", "error=EIO", false},
	{"renameat", "error=ENOSPC", false},
	{"openat", "error=EIO", false},
}

// TestFaults makes the calls of locket add to the pod's files fail, one after the
// other. It says so with a code, or the item is there; what was acknowledged before
// stays, and the next command works.
func TestFaults(t *testing.T) {
	need(t, "strace")
	for _, f := range faults {
		t.Run(f.calls+" "+f.error, func(t *testing.T) {
			t.Parallel()
			newBroken(t, f).sweep(t)
		})
	}
}

// A broken is a home whose disk fails.
type broken struct {
	*home
	fault   fault
	content string          // path of a file to add
	acked   map[string]bool // names of the items that were acknowledged
}

func newBroken(t *testing.T, f fault) *broken {
	t.Helper()
	b := &broken{home: newHome(t), fault: f, acked: make(map[string]bool)}
	b.content = b.file(t, "content.bin", strings.Repeat("content of a file ", 10_000))
	b.add(t, "before")
	return b
}

func (b *broken) add(t *testing.T, name string) {
	t.Helper()
	b.must(t, "add", "Note", "name="+name)
	b.acked[name] = true
}

// sweep lets the first call fail, then the second, and so on to the last. Runs in
// which a call failed that is not for the pod's files, but prints or is the Go
// runtime's, do not count.
func (b *broken) sweep(t *testing.T) {
	hit, codes := 0, make(map[string]int)
	for n := 1; ; n += rounds(1, 2, 5) {
		name := fmt.Sprintf("item %d", n)
		r, injected := b.inject(t, n, name)
		if len(injected) == 0 {
			break
		}
		if !slices.ContainsFunc(injected, func(call string) bool { return !strings.Contains(call, b.pods) }) {
			hit++
			codes[fmt.Sprintf("%d %s", r.status, r.code())]++
			b.check(t, fmt.Sprintf("call %d failed: %s", n, injected[0]), name, r)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d calls failed: %v", hit, codes)
	if hit == 0 {
		t.Errorf("%s was never called for the pod: nothing has failed", b.fault.calls)
	}
}

// inject adds an item while the nth call of each thread fails, and returns the calls
// that did.
func (b *broken) inject(t *testing.T, n int, name string) (result, []string) {
	t.Helper()
	when, log := fmt.Sprint(n), filepath.Join(b.dir, "strace.txt")
	if b.fault.stays {
		when += "+"
	}
	tool := []string{
		"strace", "-f", "-qq", "-y", "-s", "0", "-o", log, "-e", "signal=none",
		"-e", "trace=" + b.fault.calls, "-e", "inject=" + b.fault.calls + ":" + b.fault.error + ":when=" + when,
	}
	if b.fault.calls == "openat" { // most files that a program opens are not the pod's
		dir := filepath.Dir(b.database())
		for _, path := range []string{dir, filepath.Join(dir, "blobs"), b.database(), b.database() + "-wal", b.database() + "-shm"} {
			tool = append(tool, "-P", path)
		}
	}
	r := finish(t, b.command(t, tool, "add", "File", "name="+name, "--file", b.content, "--json"))
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var injected []string
	for line := range strings.Lines(string(trace)) {
		if strings.Contains(line, "INJECTED") {
			injected = append(injected, line)
		}
	}
	return r, injected
}

// check says whether a run that met a fault ended as it may.
func (b *broken) check(t *testing.T, what, name string, r result) {
	t.Helper()
	there := b.names(t)
	code := r.code()
	switch {
	case r.status == 0:
		b.acked[name] = true
	case code == "":
		t.Errorf("%s: exit status %d without a code: %s", what, r.status, r.err)
	case b.fault.error == "error=ENOSPC" && code != locket.CodeDiskFull:
		t.Errorf("%s: the disk is full, but the code is %s: %s", what, code, r.err)
	case code == locket.CodeDiskFull && there[name]:
		t.Errorf("%s: the item is there, although the disk was full: %s", what, r.err)
	case code != locket.CodeDiskFull && code != locket.CodeInternal:
		t.Errorf("%s: the code is %s: %s", what, code, r.err)
	}
	for _, trace := range []string{"panic", "goroutine ", "fatal error"} {
		if strings.Contains(r.err+r.out, trace) {
			t.Errorf("%s: a stack trace: %.2000s", what, r.err+r.out)
		}
	}
	for acked := range b.acked {
		if !there[acked] {
			t.Errorf("%s: %q was acknowledged and is lost", what, acked)
		}
	}
	b.add(t, "after "+name)
	b.must(t, "doctor")
}

// names returns the names of all items.
func (b *broken) names(t *testing.T) map[string]bool {
	t.Helper()
	var p locket.Page[locket.Item]
	b.mustJSON(t, &p, "list", "--limit", "1000")
	names := make(map[string]bool)
	for _, it := range p.Items {
		names[it.Text("name")] = true
	}
	return names
}
