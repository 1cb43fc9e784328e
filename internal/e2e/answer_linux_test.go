package e2e_test

import (
	"errors"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/locketpod/locket"
)

const kdfMemory = 64 << 10 // KiB that argon2id takes with the default parameters

// TestSameAnswer asks with a wrong passphrase for a pod that exists and for one that
// does not: answer and work are the same. The work is seen in the memory of the
// process, which does not depend on how fast the machine is.
func TestSameAnswer(t *testing.T) {
	h := newHome(t)
	wrong := h.file(t, "wrong", "not-the-passphrase\n")
	there, thereMemory := h.list(t, "--passphrase-file", wrong, "--pod", string(h.pod))
	missing, missingMemory := h.list(t, "--passphrase-file", wrong, "--pod", string(locket.NewPodID()))
	if there != missing {
		t.Errorf("the answers differ:\n%+v\n%+v", there, missing)
	}
	if there.status != 4 || there.code() != locket.CodeUnauthenticated {
		t.Errorf("exit status %d, code %s", there.status, there.code())
	}
	if thereMemory < kdfMemory || missingMemory < kdfMemory {
		t.Errorf("at most %d KiB of memory in use for the pod that exists, %d for the missing one: no argon2id was run", thereMemory, missingMemory)
	}
	// The control: an API key needs no argon2id.
	if right, memory := h.list(t); right.status != 0 || memory >= kdfMemory {
		t.Errorf("with an API key: exit status %d, %d KiB", right.status, memory)
	}
}

// list runs locket list and returns the most memory that it had in use, in KiB.
func (h *home) list(t *testing.T, flags ...string) (result, int64) {
	t.Helper()
	cmd := h.command(t, nil, append([]string{"list", "--json"}, flags...)...)
	// A child's peak begins with that of the process that starts it (setmax_mm_hiwater_rss
	// in the kernel's exec), so that is brought down first: proc(5), clear_refs.
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	r := finish(t, cmd)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("no resource usage")
	}
	return r, usage.Maxrss
}

// TestSameAnswerHTTP does the same over HTTP, with the key of a pod that is not
// there and with one that was revoked.
func TestSameAnswerHTTP(t *testing.T) {
	h, elsewhere := newHome(t), newHome(t)
	var revoked struct{ ID, Key string }
	h.mustJSON(t, &revoked, "key", "add", "--name", "to be revoked")
	h.must(t, "key", "revoke", revoked.ID)
	s := h.serve(t)
	var answers []string
	for _, key := range []string{elsewhere.key, revoked.Key, mistyped(h.key)} {
		s.key = key
		_, err := s.client(t).Query(t.Context(), locket.Query{})
		e, ok := errors.AsType[*locket.Error](err)
		if !ok || e.Code != locket.CodeUnauthenticated {
			t.Fatalf("a key that opens nothing is answered with %v", err)
		}
		answers = append(answers, e.Op+": "+e.Msg)
	}
	if answers[0] != answers[1] || answers[0] != answers[2] {
		t.Errorf("the answers differ: %q", answers)
	}
	s.key = h.key
	if _, err := s.client(t).Query(t.Context(), locket.Query{}); err != nil {
		t.Errorf("the right key: %v", err)
	}
}

// mistyped changes one character of a key.
func mistyped(key string) string {
	if strings.HasSuffix(key, "a") {
		return key[:len(key)-1] + "b"
	}
	return key[:len(key)-1] + "a"
}
