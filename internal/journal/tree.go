package journal

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// maxSize bounds the sizes of trees that are read from outside, far below where the
// arithmetic of tlog overflows.
const maxSize = 1 << 48

// Root returns the Merkle tree hash of the leaves (RFC 6962 §2.1).
func Root(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1 // the largest power of two below len(leaves)
	for k*2 < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(Root(leaves[:k]), Root(leaves[k:]))
}

// RecordHash returns the hash of an entry's record in the pod's tree:
// SHA-256(0x00 ‖ hash of the entry ‖ signature).
func RecordHash(entry Hash, sig []byte) Hash {
	b := make([]byte, 1, 1+len(entry)+ed25519.SignatureSize)
	b = append(append(b, entry[:]...), sig...)
	return sha256.Sum256(b)
}

// Completed returns the stored hashes that record index, counted from 0, adds to the
// pod's tree: its own, then that of every subtree that it completes, from the
// smallest up. r has to give those of the records before.
func Completed(index int64, record Hash, r tlog.HashReader) ([]Hash, error) {
	if index < 0 || index >= maxSize {
		return nil, fmt.Errorf("journal: no record %d", index)
	}
	return tlog.StoredHashesForRecordHash(index, record, r)
}

// Locate says where a stored hash of the pod's tree is, by the number that
// tlog.HashReader asks for: at place level of what [Completed] returned for record
// index.
func Locate(stored int64) (index int64, level int) {
	level, n := tlog.SplitStoredHashIndex(stored)
	return (n+1)<<level - 1, level
}

// RootAt returns the root of the pod's tree when it had size records.
func RootAt(size int64, r tlog.HashReader) (Hash, error) {
	if size < 0 || size > maxSize {
		return Hash{}, fmt.Errorf("journal: no tree of %d entries", size)
	}
	return tlog.TreeHash(size, r)
}

// EntryPath returns the proof that the tree of a pod with size records has the one of
// the given index, counted from 0 (RFC 6962 §2.1.1).
func EntryPath(size, index int64, r tlog.HashReader) ([]Hash, error) {
	if size > maxSize {
		return nil, fmt.Errorf("journal: no tree of %d entries", size)
	}
	return tlog.ProveRecord(size, index, r)
}

// LeafPath returns the proof that the tree over hashes has the one at i, counted from
// 0 (RFC 6962 §2.1.1).
func LeafPath(hashes []Hash, i int) ([]Hash, error) {
	return tlog.ProveRecord(int64(len(hashes)), int64(i), leafReader(hashes))
}

// A leafReader gives the stored hashes of the tree over a few leaves. tlog asks for
// those of complete subtrees only, which lie within it.
type leafReader []Hash

// ReadHashes serves tlog.HashReader.
func (l leafReader) ReadHashes(stored []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(stored))
	for i, at := range stored {
		level, n := tlog.SplitStoredHashIndex(at)
		out[i] = Root(l[n<<level : (n+1)<<level])
	}
	return out, nil
}

// A frontier is the right edge of a growing tree: the roots of its largest complete
// subtrees, by level. Those at the bits of size that are set are valid.
type frontier struct {
	size  int64
	roots [49]Hash // 2^48 is maxSize
}

// add appends a record. It returns the stored hashes that it adds, as [Completed]
// does, in the memory of done.
func (f *frontier) add(record Hash, done []Hash) []Hash {
	done = append(done[:0], record)
	level := 0
	for ; f.size>>level&1 == 1; level++ {
		record = tlog.NodeHash(f.roots[level], record)
		done = append(done, record)
	}
	f.roots[level] = record
	f.size++
	return done
}

// root returns the root of the tree.
func (f *frontier) root() Hash {
	var h Hash
	first := true
	for level := range f.roots {
		switch {
		case f.size>>level&1 == 0:
		case first:
			h, first = f.roots[level], false
		default:
			h = tlog.NodeHash(f.roots[level], h)
		}
	}
	if first {
		return Root(nil)
	}
	return h
}
