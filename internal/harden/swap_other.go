//go:build !linux

package harden

import "runtime"

// Swap finds out whether the system may write the memory of processes to a disk in
// the clear.
func Swap() Protection {
	if runtime.GOOS == "darwin" || runtime.GOOS == "openbsd" {
		return Protection{swap, On, "the system encrypts its swap", ""}
	}
	return unavailable(swap, "it cannot be seen whether swap is encrypted")
}
