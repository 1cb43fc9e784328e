package harden

import (
	"errors"
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Rights under the paths of a [Confinement]: nothing can be executed, and no devices,
// sockets or symbolic links can be made.
const (
	reading = ll.AccessFSReadFile | ll.AccessFSReadDir
	writing = reading | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSMakeDir |
		ll.AccessFSRemoveFile | ll.AccessFSRemoveDir
)

// zones is where the time package looks for rules of time zones, when it needs them.
var zones = []string{"/etc/localtime", "/usr/share/zoneinfo"}

// naming is what making connections by name reads: resolvers and certificates.
var naming = []string{
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/ssl", "/usr/share/ca-certificates", "/usr/lib/ssl", "/etc/pki",
}

const hintConfine = "serve without --no-sandbox; the log says what fails"

func confine(c Confinement) error {
	return errors.Join(confineFiles(c), confineCalls(len(c.Connect) > 0))
}

// confineFiles applies all that the kernel's Landlock can do: it also refuses TCP
// connections and listeners, and signals and abstract sockets to other processes.
func confineFiles(c Confinement) error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return fmt.Errorf("harden: the kernel has no Landlock, or it is not enabled: %w", err)
	}
	write := landlock.AccessFSSet(writing)
	if abi >= 2 { // older kernels never move files between folders under Landlock
		write |= ll.AccessFSRefer
	}
	var rules []landlock.Rule
	for _, path := range c.ReadWrite {
		if path == "" {
			continue
		}
		rules = append(rules, landlock.PathAccess(write, path))
	}
	also := present(zones)
	if len(c.Connect) > 0 {
		also = append(also, present(naming)...)
	}
	for _, port := range c.Connect {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	for _, path := range append(also, c.ReadOnly...) {
		if path == "" {
			continue
		}
		rights, err := readingOf(path)
		if err != nil {
			return fmt.Errorf("harden: Landlock: %w", err)
		}
		rules = append(rules, landlock.PathAccess(rights, path))
	}
	if err := landlock.V11.BestEffort().Restrict(rules...); err != nil {
		return fmt.Errorf("harden: Landlock: %w", err)
	}
	return nil
}

// readingOf returns the rights to read a file or folder: the kernel takes rights of
// folders for folders only.
func readingOf(path string) (landlock.AccessFSSet, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if info.IsDir() {
		return reading, nil
	}
	return ll.AccessFSReadFile, nil
}

// present returns the paths that exist.
func present(paths []string) (there []string) {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			there = append(there, path)
		}
	}
	return there
}

// filesConfined asks for a folder that no confinement contains, since the kernel
// does not tell whether a process is under Landlock.
func filesConfined() Protection {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	abi, missing := ll.LandlockGetABIVersion()
	switch {
	case errors.Is(err, unix.EACCES):
		return Protection{fileAccess, On, fmt.Sprintf("files elsewhere are refused (Landlock ABI %d)", abi), ""}
	case missing != nil:
		return unavailable(fileAccess, "the kernel has no Landlock, or it is not enabled")
	}
	return Protection{fileAccess, Off, "all files of the user can be opened", hintConfine}
}
