package secret

import "crypto/rand"

// Memory says where the bytes of a [Locked] lie.
type Memory string

// The kinds of memory, the best first.
const (
	SecretMemory   Memory = "secret"   // no other process reads it, nor the kernel for one; in no swap and no dump
	LockedMemory   Memory = "locked"   // not in swap; on Linux in no core dump either
	OrdinaryMemory Memory = "ordinary" // the Go heap
)

// A Locked is a Key for the life of a process. Its bytes lie outside the Go heap,
// in the best memory that the system gives. It is not safe to use while it is
// being closed: what reads unmapped memory ends the program.
type Locked struct {
	Key
	mem []byte // what Key holds; to be released even after Wipe
	how Memory
}

// NewLocked returns n zero bytes. It does not fail: without better memory the
// bytes are ordinary, which How tells. The caller closes it.
func NewLocked(n int) *Locked {
	mem, how := allocate(n)
	return &Locked{Key: Key{b: mem}, mem: mem, how: how}
}

// Fill overwrites the bytes with random ones, which lie nowhere else.
func (l *Locked) Fill() { _, _ = rand.Read(l.Bytes()) } // never fails: crypto/rand aborts the program instead

// How returns the kind of memory that the bytes lie in.
func (l *Locked) How() Memory { return l.how }

// Close wipes the bytes and gives the memory back. Closing twice does nothing.
func (l *Locked) Close() error {
	mem := l.mem
	l.mem = nil
	clear(mem)
	l.Wipe()
	if mem == nil || l.how == OrdinaryMemory {
		return nil
	}
	return release(mem)
}
