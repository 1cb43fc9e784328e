//go:build unix

package daemon

import (
	"os"
	"slices"
	"strings"
)

const hintErasing = "take the settings clobberfree, asyncpreemptoff and gcshrinkstackoff out of GODEBUG"

// erasesFreedMemory tells whether all of the erasing settings are in force.
func erasesFreedMemory() bool {
	set := strings.Split(os.Getenv("GODEBUG"), ",")
	return !slices.ContainsFunc(erasing, func(e string) bool { return !slices.Contains(set, e) })
}
