package keystore_test

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keystore"
)

const kernelName = "test:kernel"

// realKernel skips where the kernel has no keyrings, or a sandbox refuses them: that is
// no fault of the tree, in CI either.
func realKernel(t *testing.T) keystore.Store {
	t.Helper()
	s := keystore.Kernel()
	if _, err := s.Get(kernelName); errors.Is(err, keystore.ErrUnavailable) {
		t.Skipf("NOT TESTED: the kernel's keyring: %v", errors.Unwrap(err))
	}
	t.Cleanup(func() { _ = s.Delete(kernelName) })
	return s
}

func TestKernel(t *testing.T) { testStore(t, realKernel(t)) }

// describe returns type, user, group, permissions and description of a key, and how
// many seconds it has left (-1: no end).
func describe(t *testing.T) (parts []string, left int) {
	t.Helper()
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "locket:"+kernelName, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, id)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	left = -1
	for line := range strings.SplitSeq(string(keys), "\n") {
		fields := strings.Fields(line)
		if n, err := strconv.ParseInt(append(fields, "x")[0], 16, 64); err == nil && n == int64(id) && fields[3] != "perm" {
			left = seconds(t, fields[3])
		}
	}
	return strings.Split(text, ";"), left
}

// seconds reads a time of /proc/keys, such as "59s" or "2h".
func seconds(t *testing.T, text string) int {
	t.Helper()
	unit := map[string]int{"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}[text[len(text)-1:]]
	n, err := strconv.Atoi(text[:len(text)-1])
	if err != nil || unit == 0 {
		t.Fatalf("/proc/keys has the time %q", text)
	}
	return n * unit
}

func TestKernelPermissions(t *testing.T) {
	s := realKernel(t)
	if err := s.Set(kernelName, key("lk_one")); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		if d, _ := describe(t); d[0] != "user" || d[1] != strconv.Itoa(os.Getuid()) || d[3] != "3f010000" {
			t.Errorf("the key is %v, want one of this user that nobody else may use", d)
		}
	}
	check()
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "locket:"+kernelName, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody was careless with it. Root may change what it does not reach.
	if err := unix.KeyctlSetperm(id, 0x3f3f3f3f); err != nil {
		t.Skipf("NOT TESTED: permissions that are mended: %v", err)
	}
	if err := s.Set(kernelName, key("lk_two")); err != nil {
		t.Fatal(err)
	}
	check()
}

func TestKernelForgets(t *testing.T) {
	s := realKernel(t)
	if err := keystore.KernelFor(90*time.Minute).Set(kernelName, key("lk_one")); err != nil {
		t.Fatal(err)
	}
	if _, left := describe(t); left != 3600 { // /proc/keys rounds down to its unit
		t.Errorf("it ends in about %d s, want an hour", left)
	}
	if err := s.Set(kernelName, key("lk_one")); err != nil {
		t.Fatal(err)
	}
	if _, left := describe(t); left != -1 {
		t.Errorf("set again without an end, it ends in about %d s", left)
	}
}

// TestKernelWithoutLink has a session keyring that does not lead to the user's, as
// services of systemd have.
func TestKernelWithoutLink(t *testing.T) {
	realKernel(t)
	runtime.LockOSThread() // never unlocked: thread and session keyring end with the test
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	testStore(t, keystore.Kernel())
}

// TestKernelForeignKey finds a key of our name that is no secret of ours.
func TestKernelForeignKey(t *testing.T) {
	s := realKernel(t)
	for _, text := range []string{"not one word", strings.Repeat("k", keystore.MaxSecret+1)} {
		if _, err := unix.AddKey("user", "locket:"+kernelName, []byte(text), unix.KEY_SPEC_USER_KEYRING); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(kernelName); locket.CodeOf(err) != locket.CodeInvalid || got != nil || strings.Contains(err.Error(), text) {
			t.Errorf("%.20q: got %v, want invalid", text, err)
		}
	}
}
