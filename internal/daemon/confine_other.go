//go:build !unix

package daemon

import (
	"os"
	"strings"
)

const hintErasing = "set GODEBUG=clobberfree=1,asyncpreemptoff=1,gcshrinkstackoff=1 in the environment of the server"

// erasesFreedMemory tells whether the user has set what a program cannot set for
// itself here.
func erasesFreedMemory() bool { return strings.Contains(os.Getenv("GODEBUG"), "clobberfree=1") }
