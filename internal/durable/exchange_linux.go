package durable

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Exchange gives two files or folders in root's own folder each other's name, in one
// step and durably: at no moment is a name without a file. Where the system or its disk
// cannot, the error is errors.ErrUnsupported and nothing has changed.
func Exchange(root *os.Root, a, b string) error {
	dir, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("durable: %w", err)
	}
	fd := int(dir.Fd())
	switch err = unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE); {
	case errors.Is(err, unix.EINVAL): // a file system that does not know the flag
		err = errors.ErrUnsupported
	case err == nil:
		err = dir.Sync()
	}
	if err := errors.Join(err, dir.Close()); err != nil {
		return fmt.Errorf("durable: exchanging %s and %s: %w", a, b, err)
	}
	return nil
}
