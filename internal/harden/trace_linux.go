package harden

import "golang.org/x/sys/unix"

// denyTracing also keeps crash handlers that /proc/sys/kernel/core_pattern names from
// getting the memory: for those the limit on core files does not count.
func denyTracing() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

func tracingDenied() Protection {
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable == 1 {
		return Protection{tracing, Off, "other processes of the same user may read the memory", "unset LOCKET_TRACEABLE"}
	}
	return Protection{tracing, On, "only root can read the memory or trace the process", ""}
}
