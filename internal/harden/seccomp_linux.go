package harden

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// refused are the calls that fail with EPERM. Landlock knows neither UDP nor
// Multipath TCP everywhere, so no sockets are made at all; connections are accepted.
var refused = []string{
	"socket", "connect", "bind", "listen", // no network
	"execve", "execveat", // no programs
	"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", // no other processes
	"mount", "umount2", "pivot_root", "chroot", "fsopen", "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr", // no other file systems
	"open_by_handle_at", "setns", "unshare", // no way round Landlock
	"keyctl", "add_key", "request_key",
	"bpf", "userfaultfd", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", // where kernels break
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module",
}

// connecting are those of refused that making connections takes.
var connecting = []string{"socket", "connect"}

// policy permits all calls that are known and not refused. It is not a list of what
// is refused with the rest permitted, since go-seccomp-bpf then permits every call of
// another architecture, such as the 32-bit ones of amd64.
func policy(connects bool) (seccomp.Policy, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, err
	}
	var permitted []string
	for name := range info.SyscallNames {
		if !slices.Contains(refused, name) || connects && slices.Contains(connecting, name) {
			permitted = append(permitted, name)
		}
	}
	slices.Sort(permitted)
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionAllow, Names: permitted}},
	}, nil
}

// confineCalls loads the filter into all threads.
func confineCalls(connects bool) error {
	runtime.LockOSThread() // the first step, no_new_privs, is the thread's that loads
	defer runtime.UnlockOSThread()
	p, err := policy(connects)
	if err == nil {
		err = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: p})
	}
	// LoadFilter does not see that the kernel could not reach a thread, and loaded nothing.
	if err == nil && callsConfined().State != On {
		err = errors.New("the filter was not loaded into all threads")
	}
	if err != nil {
		return fmt.Errorf("harden: seccomp: %w", err)
	}
	return nil
}

// callsConfined tries to listen on no socket: that a filter is there says nothing, since
// containers have theirs.
func callsConfined() Protection {
	switch err := unix.Listen(-1, 0); {
	case errors.Is(err, unix.EPERM):
		return Protection{systemCalls, On, "new listeners, other programs and calls into other processes are refused (seccomp)", ""}
	case !seccomp.Supported():
		return unavailable(systemCalls, "the kernel has no seccomp filters")
	}
	return Protection{systemCalls, Off, "all system calls can be made", hintConfine}
}
