//go:build unix

package daemon

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// erasing is the runtime's settings: overwrite memory when it is freed; do not
// interrupt goroutines with signals, which makes the kernel and the runtime save
// registers, with plaintext on its way through them, where nothing overwrites it;
// do not move stacks, which secret.OnCleanStack relies on.
const erasing = "clobberfree=1,asyncpreemptoff=1,gcshrinkstackoff=1"

// EraseFreedMemory makes sure that this program runs with freed memory being
// overwritten. The runtime reads that from the environment at its start only, so
// the program may be started again in place: then this does not return. It does
// nothing where that is set already, at build time or by the environment.
func EraseFreedMemory() error {
	set := os.Getenv("GODEBUG")
	if strings.Contains(set, "clobberfree=") {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := make([]string, 0, len(os.Environ())+1)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GODEBUG=") {
			env = append(env, e)
		}
	}
	value := erasing
	if set != "" {
		value = set + "," + erasing
	}
	return fmt.Errorf("daemon: start again: %w", syscall.Exec(self, os.Args, append(env, "GODEBUG="+value)))
}
