//go:build linux || darwin || freebsd

package durable

import "golang.org/x/sys/unix"

// FreeSpace returns how many bytes the user may still write to the disk of a folder;
// ok is false if that cannot be known.
func FreeSpace(dir string) (free int64, ok bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
