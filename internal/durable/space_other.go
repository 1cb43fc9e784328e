//go:build !linux && !darwin && !freebsd

package durable

// FreeSpace is not known on this system.
func FreeSpace(string) (free int64, ok bool) { return 0, false }
