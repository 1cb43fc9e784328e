//go:build !linux

package durable

import (
	"errors"
	"os"
)

// Exchange gives two files or folders in root's own folder each other's name, in one
// step and durably. This system cannot: the error is errors.ErrUnsupported.
func Exchange(*os.Root, string, string) error { return errors.ErrUnsupported }
