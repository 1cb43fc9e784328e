package harden

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// TestFilter runs the filter on every call there is. A filter sees struct
// seccomp_data: the number of the call, the architecture, and more.
func TestFilter(t *testing.T) {
	p, err := policy(false)
	if err != nil {
		missing(t, err.Error())
	}
	program, err := p.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	run := func(id, call int) int {
		data := make([]byte, 64)
		binary.BigEndian.PutUint32(data, uint32(call)) // the order of the bytes of bpf.VM
		binary.BigEndian.PutUint32(data[4:], uint32(id))
		action, err := vm.Run(data)
		if err != nil {
			t.Fatal(err)
		}
		return action
	}
	info, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	const refuse = unix.SECCOMP_RET_ERRNO | int(unix.EPERM)
	for number, name := range info.SyscallNumbers {
		want := unix.SECCOMP_RET_ALLOW
		if slices.Contains(refused, name) {
			want = refuse
		}
		if got := run(int(info.ID), number); got != want {
			t.Errorf("%s: %#x, want %#x", name, got, want)
		}
	}
	for _, name := range refused {
		if _, ok := info.SyscallNames[name]; !ok {
			t.Errorf("there is no call %s", name)
		}
	}
	if got := run(int(info.ID), 5000); got != refuse {
		t.Errorf("a call that is not known: %#x", got)
	}
	for _, foreign := range []*arch.Info{arch.I386, arch.ARM} {
		if got := run(int(foreign.ID), foreign.SyscallNames["getpid"]); got != refuse {
			t.Errorf("a call of %s: %#x", foreign.Name, got)
		}
	}
	x32 := run(int(info.ID), arch.X32.SeccompMask|info.SyscallNames["getpid"])
	if x32&unix.SECCOMP_RET_ACTION_FULL != unix.SECCOMP_RET_ERRNO {
		t.Errorf("a call of x32: %#x", x32)
	}
}
