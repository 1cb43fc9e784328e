package durable

import (
	"errors"
	"fmt"
	"os"
)

// TryLock takes the lock of a name within root, for one holder on this machine at a
// time. It does not wait: ok is false if somebody has it. The lock is a file, which
// stays; the lock itself ends with unlock or with the process. On a system without
// such locks err is errors.ErrUnsupported.
func TryLock(root *os.Root, name string) (unlock func() error, ok bool, err error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, fmt.Errorf("durable: %w", err)
	}
	if ok, err = tryLock(f); err != nil || !ok {
		return nil, false, errors.Join(err, f.Close())
	}
	return f.Close, true, nil
}
