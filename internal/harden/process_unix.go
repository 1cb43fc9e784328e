//go:build unix

package harden

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func maskFiles() { unix.Umask(0o077) }

// filesMasked reads the mask in the only way that all systems have: by setting it.
func filesMasked() Protection {
	mask := unix.Umask(0o077)
	unix.Umask(mask)
	if mask&0o077 != 0o077 {
		return Protection{umask, Off, fmt.Sprintf("the umask is %03o: others may read new files", mask), "run 'umask 077' before"}
	}
	return Protection{umask, On, "new files and folders are for their owner alone", ""}
}

func forbidCoreFiles() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }

func coreFilesForbidden() Protection {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 {
		return Protection{coreFiles, Off, "a crash may write the memory to a disk", "run 'ulimit -c 0' before"}
	}
	return Protection{coreFiles, On, "a crash writes no memory to a disk", ""}
}
