package harden

import (
	"io/fs"
	"os"
	"path"
	"strings"
)

// Swap finds out whether the system may write the memory of processes to a disk in
// the clear. A confined process cannot tell.
func Swap() Protection { return swapOf(os.DirFS("/")) }

// swapOf reads /proc/swaps: a head, and a line per swap area that begins with its path.
func swapOf(root fs.FS) Protection {
	table, err := fs.ReadFile(root, "proc/swaps")
	if err != nil {
		return unavailable(swap, "it cannot be seen whether there is swap")
	}
	_, areas, _ := strings.Cut(string(table), "\n")
	for line := range strings.Lines(areas) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && !neverInTheClear(root, name) {
			return Protection{swap, Off, "memory may be written to " + name + " in the clear", "encrypt the swap, use zram, or turn it off with 'swapoff -a'"}
		}
	}
	return Protection{swap, On, "there is no swap, or it is encrypted or in memory", ""}
}

// neverInTheClear tells whether a swap area is compressed memory, or a device that
// dm-crypt encrypts.
func neverInTheClear(root fs.FS, area string) bool {
	device := path.Base(area)
	if strings.HasPrefix(device, "zram") {
		return true
	}
	kind, err := fs.ReadFile(root, path.Join("sys/class/block", device, "dm/uuid"))
	return err == nil && strings.HasPrefix(string(kind), "CRYPT-")
}
