//go:build !linux

package sqlcipher

// heldFile is nothing where a process cannot lock a file against itself.
type heldFile struct{}

func (*Holder) hold() error { return nil }

func (*Holder) release() error { return nil }

func (*Holder) close() error { return nil }
