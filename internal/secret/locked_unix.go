//go:build unix && !linux

package secret

import "golang.org/x/sys/unix"

func allocate(n int) ([]byte, Memory) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return make([]byte, n), OrdinaryMemory
	}
	if err := unix.Mlock(mem); err != nil {
		_ = release(mem) // nothing was written to it
		return make([]byte, n), OrdinaryMemory
	}
	return mem, LockedMemory
}

// release unmaps, which unlocks.
func release(mem []byte) error { return unix.Munmap(mem) }
