//go:build !windows

package sqlcipher

const defaultVFS = "unix"
