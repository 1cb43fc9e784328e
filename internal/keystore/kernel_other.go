//go:build !linux

package keystore

import (
	"time"

	"github.com/locketpod/locket/internal/secret"
)

// Kernel returns a store that is unavailable: only Linux has one.
func Kernel() Store { return noKernel{} }

// KernelFor is [Kernel].
func KernelFor(time.Duration) Store { return noKernel{} }

type noKernel struct{}

func (noKernel) Get(string) (*secret.Key, error) { return nil, onlyLinux() }
func (noKernel) Set(string, *secret.Key) error   { return onlyLinux() }
func (noKernel) Delete(string) error             { return onlyLinux() }

func onlyLinux() error {
	return unavailable(nil, "only Linux has a kernel keyring; use the desktop's keyring")
}
