package secret

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("LOCKET_CI") == "1" {
		t.Fatal(what)
	}
	t.Skip("NOT TESTED: " + what)
}

// readBack reads what lies at b through /proc, as a debugger or another process
// of the same user would.
func readBack(t *testing.T, b []byte) ([]byte, error) {
	t.Helper()
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		missing(t, err.Error())
	}
	defer func() { _ = f.Close() }()
	got := make([]byte, len(b))
	_, err = f.ReadAt(got, int64(uintptr(unsafe.Pointer(&b[0]))))
	return got, err
}

// The kernel reads locked memory for who asks, and secret memory for nobody.
func TestSecretMemoryIsNotRead(t *testing.T) {
	locked, err := mapLocked(32)
	if err != nil {
		missing(t, err.Error())
	}
	defer func() { _ = release(locked) }()
	copy(locked, "marker")
	if got, err := readBack(t, locked); err != nil || !bytes.HasPrefix(got, []byte("marker")) {
		t.Fatalf("locked memory is not read either: this test sees nothing: %q, %v", got, err)
	}
	l := NewLocked(32)
	defer func() { _ = l.Close() }()
	if l.How() != SecretMemory {
		missing(t, "the kernel gives no secret memory, but "+string(l.How()))
	}
	copy(l.Bytes(), "marker")
	if got, err := readBack(t, l.Bytes()); err == nil || bytes.Contains(got, []byte("marker")) {
		t.Errorf("read %q from secret memory, %v", got, err)
	}
}

// Neither kind is swapped (lo) or dumped (dd).
func TestLockedMemoryFlags(t *testing.T) {
	for name, m := range map[string]func(int) ([]byte, error){"secret": mapSecret, "locked": mapLocked} {
		t.Run(name, func(t *testing.T) {
			mem, err := m(32)
			if err != nil {
				missing(t, err.Error())
			}
			flags := vmFlags(t, uintptr(unsafe.Pointer(&mem[0])))
			if !slices.Contains(flags, "lo") || !slices.Contains(flags, "dd") {
				t.Errorf("got %v", flags)
			}
			at := uintptr(unsafe.Pointer(&mem[0]))
			if err := release(mem); err != nil || slices.Contains(vmFlags(t, at), "lo") {
				t.Errorf("still mapped, %v", err)
			}
		})
	}
}

// vmFlags returns the flags of the mapping at an address (proc_pid_smaps(5)), nil
// if there is none.
func vmFlags(t *testing.T, at uintptr) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		missing(t, err.Error())
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= at && at < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Fields(flags)
		}
	}
	return nil
}
