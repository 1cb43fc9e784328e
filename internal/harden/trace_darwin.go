package harden

import (
	"os"

	"golang.org/x/sys/unix"
)

const traced = 0x800 // P_TRACED, <sys/proc.h>

// denyTracing refuses debuggers. It leaves alone a process that has one: the system
// would end it.
func denyTracing() {
	if p, err := unix.SysctlKinfoProc("kern.proc.pid", os.Getpid()); err == nil && p.Proc.P_flag&traced == 0 {
		_ = unix.PtraceDenyAttach()
	}
}

// tracingDenied cannot say more: the system does not tell whether it refuses debuggers.
func tracingDenied() Protection {
	return unavailable(tracing, "debuggers are refused where the system allows it, which it does not report")
}
