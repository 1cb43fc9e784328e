package journal

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/locketpod/locket"
)

// A Record is an entry with all that is kept beside it.
type Record struct {
	N         int64 // place in the pod, from 1
	Entry     Entry
	Signature []byte
	Leaves    []StoredLeaf
	Completed []Hash // as the store keeps it; nil elsewhere
}

// A StoredLeaf is a leaf's hash and, unless it was erased, its content.
type StoredLeaf struct {
	Hash Hash
	Leaf *Leaf // nil: its content was erased
}

// A Verifier checks the whole journal of a pod, entry by entry from the first, in
// memory that grows with the number of authors only.
type Verifier struct {
	id    locket.PodID
	pod   [16]byte
	keys  *Keys
	keyOf func(locket.PrincipalID) (ed25519.PublicKey, bool)

	tree    frontier
	last    locket.HLC           // clock of the latest entry
	authors map[[16]byte]*author // who have an entry
	expect  map[int64]Hash       // roots by size
	fault   error                // the first, for good

	hashes, done []Hash // memory that is used again
}

// An author is where one author's chain of entries stands.
type author struct {
	n    int64 // its latest entry
	seq  int64
	head Hash
	key  ed25519.PublicKey // nil until one is needed
}

// NewVerifier checks the journal of the pod that the keys belong to. keyOf gives the keys
// of those who sign themselves.
func NewVerifier(keys *Keys, keyOf func(author locket.PrincipalID) (ed25519.PublicKey, bool)) *Verifier {
	v := &Verifier{id: keys.pod, keys: keys, keyOf: keyOf, authors: make(map[[16]byte]*author), expect: make(map[int64]Hash)}
	u, ok := locket.ParseUUID(string(keys.pod))
	if !ok {
		v.fault = fmt.Errorf("journal: malformed pod id %q", keys.pod)
	}
	v.pod = u
	for _, p := range keys.past {
		v.expect[p.last.Size] = p.last.Root
	}
	return v
}

// Expect makes the verifier compare the journal with a checkpoint that somebody noted
// earlier and that was opened. It is called before the first Add.
func (v *Verifier) Expect(c Checkpoint) error {
	if c.Pod != v.id {
		return fmt.Errorf("%w: of pod %s, not %s", ErrBadCheckpoint, c.Pod, v.id)
	}
	if root, ok := v.expect[c.Size]; ok && root != c.Root || c.Size == 0 && c.Root != Root(nil) {
		v.fail(differs(c.Size))
		return v.fault
	}
	v.expect[c.Size] = c.Root
	return nil
}

// Size returns how many entries were added.
func (v *Verifier) Size() int64 { return v.tree.size }

// Checkpoint returns that of the entries added so far.
func (v *Verifier) Checkpoint() Checkpoint {
	return Checkpoint{Pod: v.id, Size: v.tree.size, Root: v.tree.root()}
}

// Add checks the next entry. It returns a *Fault if something is wrong, and from then
// on the same again. r may be used again by the caller.
func (v *Verifier) Add(r *Record) error {
	if v.fault != nil {
		return v.fault
	}
	hash, err := r.Entry.Hash()
	if err != nil {
		return v.fail(fault(r.N, "is not encodable").because(err))
	}
	if f := v.checkEntry(r.N, &r.Entry, hash, r.Signature); f != nil {
		return v.fail(f)
	}
	v.hashes = v.hashes[:0]
	for i := range r.Leaves {
		l := &r.Leaves[i]
		if l.Leaf != nil {
			if h, err := l.Leaf.Hash(); err != nil || h != l.Hash {
				return v.fail(badLeaf(r.N, i, l.Leaf).because(err))
			}
		}
		v.hashes = append(v.hashes, l.Hash)
	}
	if f := v.append(r.N, &r.Entry, hash, r.Signature, v.hashes, r.Completed); f != nil {
		return v.fail(f)
	}
	return nil
}

// End says that no entry follows. It returns a *Fault that is ErrRolledBack if
// entries are missing that an expected checkpoint has.
func (v *Verifier) End() error {
	if v.fault != nil {
		return v.fault
	}
	var most int64
	for size := range v.expect {
		most = max(most, size)
	}
	if most > v.tree.size {
		return v.fail(missing(v.tree.size+1, most))
	}
	return nil
}

func (v *Verifier) fail(f *Fault) error {
	v.fault = f
	return f
}

// checkEntry checks all of an entry that its leaves have no part in.
func (v *Verifier) checkEntry(n int64, e *Entry, hash Hash, sig []byte) *Fault {
	switch next := v.tree.size + 1; {
	case n > next:
		return &Fault{N: next, What: fmt.Sprintf("entry %d is missing", next)}
	case n < next:
		return fault(n, "comes where entry %d should", next)
	case next > maxSize:
		return fault(n, "is beyond what a journal can have")
	case e.Version != Version:
		return fault(n, "has version %d, which this Locket does not know", e.Version)
	case e.Pod != v.pod:
		return fault(n, "is of another pod")
	}
	a := v.authors[e.Author]
	key, known := v.key(e, a)
	if !known {
		return fault(n, "no key of its author is known")
	}
	if !ed25519.Verify(key, signed(hash), sig) {
		return fault(n, "its signature does not fit").because(ErrBadSignature)
	}
	switch {
	case a == nil && (e.Seq != 1 || len(e.Prev) != 0):
		return fault(n, "is not the first of its author, and none came before it")
	case a != nil && (e.Seq != a.seq+1 || string(e.Prev) != string(a.head[:])):
		return fault(n, "follows another entry of its author than %d", a.n)
	case v.tree.size > 0 && e.HLC <= v.last:
		return fault(n, "its clock is not after that of entry %d", n-1)
	}
	return nil
}

// key returns the key that an entry is to be signed with. a is nil for the first of
// its author.
func (v *Verifier) key(e *Entry, a *author) (ed25519.PublicKey, bool) {
	if e.ByPod {
		return v.keys.At(v.tree.size + 1), true
	}
	if a != nil && a.key != nil {
		return a.key, true
	}
	key, ok := v.keyOf(locket.PrincipalID(locket.FormatUUID(e.Author)))
	if !ok || len(key) != ed25519.PublicKeySize {
		return nil, false
	}
	if a != nil {
		a.key = key
	}
	return key, true
}

// append takes in an entry that checkEntry passed, if its leaves have the given hashes.
func (v *Verifier) append(n int64, e *Entry, hash Hash, sig []byte, leaves, completed []Hash) *Fault {
	switch {
	case e.Leaves < 1:
		return fault(n, "has no actions")
	case len(leaves) != e.Leaves:
		return fault(n, "has %d actions, where %d were signed", len(leaves), e.Leaves)
	case string(e.Root) != string(rootBytes(leaves)):
		return fault(n, "its actions are not those that were signed")
	}
	v.done = v.tree.add(RecordHash(hash, sig), v.done)
	if completed != nil && !slices.Equal(completed, v.done) {
		return fault(n, "the hashes of the tree that are kept with it are not its own")
	}
	if want, ok := v.expect[v.tree.size]; ok && want != v.tree.root() {
		return differs(v.tree.size)
	}
	a := v.authors[e.Author]
	if a == nil {
		a = new(author)
		v.authors[e.Author] = a
	}
	a.n, a.seq, a.head, v.last = n, e.Seq, hash, e.HLC
	return nil
}

func rootBytes(leaves []Hash) []byte {
	root := Root(leaves)
	return root[:]
}

func badLeaf(n int64, i int, l *Leaf) *Fault {
	return fault(n, "the content of its %s action (%s) is not what was signed", ordinal(i+1), describe(l))
}

func differs(size int64) *Fault {
	f := &Fault{N: size, What: fmt.Sprintf("the journal differs from the checkpoint of %d entries that was noted: it was rolled back or rewritten", size)}
	return f.because(ErrRolledBack)
}

// missing tells of entries that a checkpoint has and the journal has not.
func missing(from, to int64) *Fault {
	f := &Fault{N: from, What: fmt.Sprintf("the journal is cut: entries %d to %d are missing at the end", from, to)}
	return f.because(ErrRolledBack)
}
