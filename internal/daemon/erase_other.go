//go:build !unix

package daemon

// EraseFreedMemory does nothing on this system, where a program cannot be
// replaced in place: start it with GODEBUG=clobberfree=1 in its environment.
func EraseFreedMemory() error { return nil }
