package secret

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

func allocate(n int) ([]byte, Memory) {
	if mem, err := mapSecret(n); err == nil {
		return mem, SecretMemory
	}
	if mem, err := mapLocked(n); err == nil {
		return mem, LockedMemory
	}
	return make([]byte, n), OrdinaryMemory
}

// mapSecret maps memory that the kernel takes out of its own map, memfd_secret(2).
// Older kernels have it only if told so at boot. While it is mapped the machine
// does not hibernate.
func mapSecret(n int) (mem []byte, err error) {
	fd, err := unix.MemfdSecret(unix.O_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("secret: memfd_secret: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }() // the mapping stays
	if err := unix.Ftruncate(fd, int64(n)); err != nil {
		return nil, fmt.Errorf("secret: ftruncate: %w", err)
	}
	mem, err = unix.Mmap(fd, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("secret: mmap: %w", err)
	}
	return mem, nil
}

// mapLocked maps ordinary pages, locks them and keeps them out of core dumps.
func mapLocked(n int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("secret: mmap: %w", err)
	}
	if err := errors.Join(unix.Mlock(mem), unix.Madvise(mem, unix.MADV_DONTDUMP)); err != nil {
		return nil, fmt.Errorf("secret: lock: %w", errors.Join(err, release(mem)))
	}
	return mem, nil
}

// release unmaps, which unlocks.
func release(mem []byte) error { return unix.Munmap(mem) }
