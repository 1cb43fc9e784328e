package keystore

import (
	"errors"
	"math"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/secret"
)

const (
	keyType     = "user" // can be read back, unlike "logon"
	keyPrefix   = "locket:"
	kernelPlace = "the kernel's keyring"

	// Whoever reaches the key through a keyring may do all with it, its user may see
	// that it is there, nobody else may anything. keyctl_setperm(3)
	keyPerm = 0x3f000000 | 0x00010000
)

// Kernel returns the keyring that the Linux kernel has for this user. What is in it is
// shared by all processes of the user, is never written to a disk, and is gone when
// the machine restarts; before Linux 5.3, when the user's last process ends.
func Kernel() Store { return kernel{} }

// KernelFor is [Kernel], and the kernel forgets each secret so long after it was last
// set. It counts whole seconds.
func KernelFor(d time.Duration) Store {
	return kernel{seconds: int(min(max(math.Ceil(d.Seconds()), 1), math.MaxInt32))}
}

type kernel struct{ seconds int } // 0: no end

func (kernel) Get(name string) (key *secret.Key, err error) {
	err = withUserKeyring(name, func() error {
		id, err := findKey(name)
		if err != nil {
			return err
		}
		buf := make([]byte, MaxSecret)
		defer clear(buf)
		n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, buf, 0)
		if err != nil {
			return kernelError(name, err)
		}
		if n > len(buf) {
			n = 0 // the kernel tells the whole length; refused as empty
		}
		key, err = taken(buf[:n], kernelPlace, name)
		return err
	})
	return key, err
}

func (k kernel) Set(name string, s *secret.Key) error {
	if err := checkSecret(s.Bytes()); err != nil {
		return err
	}
	return withUserKeyring(name, func() error {
		id, err := unix.AddKey(keyType, keyPrefix+name, s.Bytes(), unix.KEY_SPEC_USER_KEYRING)
		if err != nil {
			return kernelError(name, err)
		}
		// A key that was there keeps its permissions and its end.
		if err := unix.KeyctlSetperm(id, keyPerm); err != nil {
			return kernelError(name, err)
		}
		if _, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, k.seconds, 0, 0); err != nil {
			return kernelError(name, err)
		}
		return nil
	})
}

func (kernel) Delete(name string) error {
	return withUserKeyring(name, func() error {
		id, err := findKey(name)
		if err != nil {
			return err
		}
		// Revoked first: what is in it goes at once, wherever else it is linked.
		if _, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0); err != nil {
			return kernelError(name, err)
		}
		if _, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0); err != nil {
			return kernelError(name, err)
		}
		return nil
	})
}

func findKey(name string) (int, error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, keyType, keyPrefix+name, 0)
	if err != nil {
		return 0, kernelError(name, err)
	}
	return id, nil
}

// withUserKeyring calls fn where the user's keyring is linked to the one of the thread.
// A service of systemd has a session keyring without that link (KeyringMode=private)
// and could neither read nor protect the keys that it finds there. user-keyring(7)
func withUserKeyring(name string, fn func() error) error {
	if err := checkName(name); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_THREAD_KEYRING, 0, 0); err != nil {
		return kernelError(name, err)
	}
	err := fn()
	if _, e := unix.KeyctlInt(unix.KEYCTL_UNLINK, unix.KEY_SPEC_USER_KEYRING, unix.KEY_SPEC_THREAD_KEYRING, 0, 0); err == nil && e != nil {
		err = kernelError(name, e)
	}
	return err
}

func kernelError(name string, cause error) error {
	switch {
	case errors.Is(cause, unix.ENOKEY), errors.Is(cause, unix.EKEYEXPIRED), errors.Is(cause, unix.EKEYREVOKED):
		return none(kernelPlace, name, cause)
	case errors.Is(cause, unix.EDQUOT):
		return locket.Errorf(locket.CodeUnsupported, "the kernel keeps no more keys for this user; remove some with keyctl, or raise kernel.keys.maxkeys and maxbytes").Because(cause)
	}
	return unavailable(cause, "the kernel's keyring cannot be used: the kernel has none, or a container or sandbox forbids it; "+
		"permit keyctl and add_key there, or use a systemd credential")
}
