//go:build unix

package daemon

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// erasing is the runtime's settings: overwrite memory when it is freed; do not
// interrupt goroutines with signals, which makes the kernel and the runtime save
// registers, with plaintext on its way through them, where nothing overwrites it;
// do not move stacks, which secret.OnCleanStack relies on.
var erasing = []string{"clobberfree=1", "asyncpreemptoff=1", "gcshrinkstackoff=1"}

// EraseFreedMemory makes sure that this program runs with freed memory being
// overwritten. The runtime reads that from the environment at its start only, so
// the program may be started again in place: then this does not return. It leaves
// alone what the environment sets already, whatever the value.
func EraseFreedMemory() error {
	had := os.Getenv("GODEBUG")
	set := withErasing(had)
	if set == had {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GODEBUG=") })
	return fmt.Errorf("daemon: start again: %w", syscall.Exec(self, os.Args, append(env, "GODEBUG="+set)))
}

// withErasing adds to GODEBUG the settings that it lacks.
func withErasing(godebug string) string {
	set := strings.FieldsFunc(godebug, func(r rune) bool { return r == ',' })
	for _, e := range erasing {
		name, _, _ := strings.Cut(e, "=")
		if !slices.ContainsFunc(set, func(s string) bool { return strings.HasPrefix(s, name+"=") }) {
			set = append(set, e)
		}
	}
	return strings.Join(set, ",")
}
