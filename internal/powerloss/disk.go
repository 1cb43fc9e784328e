package powerloss

import (
	"bytes"
	"math/rand/v2"
	"path"
	"strings"
)

// sector is what a disk writes whole: of a longer write, any part of its sectors may
// be there after a power loss.
const sector = 512

// A node is a file or a folder of the simulated disk.
type node struct {
	live, stable   []byte           // a file's content: as programs read it, and as it is on the disk for sure
	writes         []write          // since the file was synced, the oldest first
	names, lasting map[string]*node // a folder's names, likewise; nil: a file
	renames        []*rename        // since the folder was synced, the oldest first
}

// A write is one write to a file, or a change of its size to off if data is nil.
type write struct {
	at   int // index of the call
	off  int64
	data []byte
}

// A rename is one change of a folder's names, which is on the disk whole or not at all.
type rename struct {
	at      int // index of the call
	dir     *node
	set     map[string]*node // nil: the name is removed
	needs   *rename          // must not be on the disk later than this one: nothing is moved into nowhere
	lasting bool
}

func newFile(content []byte) *node {
	return &node{live: bytes.Clone(content), stable: bytes.Clone(content)}
}

func newFolder() *node {
	return &node{names: make(map[string]*node), lasting: make(map[string]*node)}
}

// find returns what has a path relative to a folder, or nil.
func (n *node) find(name string) *node {
	for part := range strings.SplitSeq(name, "/") {
		if n == nil || n.names == nil {
			return nil
		}
		if part != "." {
			n = n.names[part]
		}
	}
	return n
}

// holder returns the folder that a path is in, and the last part of it.
func (n *node) holder(name string) (*node, string) {
	dir, base := path.Split(name)
	return n.find(path.Clean("./" + dir)), base
}

func (n *node) write(w write) {
	n.live = w.apply(n.live)
	n.writes = append(n.writes, w)
}

// apply returns b after a write, which may be in its place.
func (w write) apply(b []byte) []byte {
	if w.data == nil && w.off < int64(len(b)) {
		return b[:w.off]
	}
	if grow := w.off + int64(len(w.data)) - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[w.off:], w.data)
	return b
}

func (n *node) rename(r *rename) *rename {
	r.dir = n
	r.apply(n.names)
	n.renames = append(n.renames, r)
	return r
}

func (r *rename) apply(names map[string]*node) {
	for name, n := range r.set {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
}

// sync makes lasting what was done to a file or a folder by calls that had returned
// when there had been so many.
func (n *node) sync(calls int) {
	done := 0
	for _, w := range n.writes {
		if w.at >= calls {
			break
		}
		n.stable = w.apply(n.stable)
		done++
	}
	n.writes = n.writes[done:]
	done = 0
	for _, r := range n.renames {
		if r.at >= calls {
			break
		}
		if r.needs != nil && !r.needs.lasting {
			r.needs.dir.sync(r.needs.at + 1)
		}
		r.apply(n.lasting)
		r.lasting = true
		done++
	}
	n.renames = n.renames[done:]
}

// syncAll does so for a folder and all below it.
func (n *node) syncAll(calls int) {
	for _, names := range []map[string]*node{n.names, n.lasting} {
		for _, child := range names {
			child.syncAll(calls)
		}
	}
	n.sync(calls)
}

// A loss decides what of the pending changes reached the disk.
type loss struct {
	name   string
	rand   *rand.Rand
	write  func(*rand.Rand) luck
	rename func(*rand.Rand) bool
	chosen map[*rename]bool
	read   map[*node][]byte
}

// luck is that of a file's pending writes.
type luck int

const (
	lost luck = iota
	kept
	torn
)

// losses are the ways in which changes are lost. The last is a different one each time.
func losses(r *rand.Rand, n int) []*loss {
	none := func(*rand.Rand) bool { return false }
	all := func(*rand.Rand) bool { return true }
	some := func(r *rand.Rand) bool { return r.IntN(2) == 0 }
	always := func(l luck) func(*rand.Rand) luck { return func(*rand.Rand) luck { return l } }
	random := func(r *rand.Rand) luck { return []luck{lost, kept, torn, torn}[r.IntN(4)] }
	list := []*loss{
		{name: "nothing pending was written", write: always(lost), rename: none},
		{name: "names were written, content was not", write: always(lost), rename: all},
		{name: "all was written", write: always(kept), rename: all},
		{name: "content was written, names were not", write: always(kept), rename: none},
	}
	for len(list) < n {
		list = append(list, &loss{name: "part was written", rand: rand.New(rand.NewPCG(r.Uint64(), r.Uint64())), write: random, rename: some})
	}
	for _, l := range list {
		l.chosen, l.read = make(map[*rename]bool), make(map[*node][]byte)
	}
	return list[:n]
}

// keeps tells whether a pending change of names reached the disk.
func (l *loss) keeps(r *rename) bool {
	if r.lasting {
		return true
	}
	yes, known := l.chosen[r]
	if !known {
		yes = l.rename(l.rand) && (r.needs == nil || l.keeps(r.needs))
		l.chosen[r] = yes
	}
	return yes
}

// content is what a file has after the loss.
func (l *loss) content(n *node) []byte {
	b, known := l.read[n]
	if known {
		return b
	}
	b = bytes.Clone(n.stable)
	if len(n.writes) > 0 {
		switch l.write(l.rand) {
		case lost:
		case kept:
			b = bytes.Clone(n.live)
		case torn:
			b = l.tear(b, n)
		}
	}
	l.read[n] = b
	return b
}

// tear adds to b about half of the sectors that were written, and in half of the cases
// the latest size, with zeros where nothing was.
func (l *loss) tear(b []byte, n *node) []byte {
	for _, w := range n.writes {
		if w.data == nil {
			if l.rand.IntN(2) == 0 {
				b = w.apply(b)
			}
			continue
		}
		for from := 0; from < len(w.data); {
			to := min(len(w.data), from+sector-int((w.off+int64(from))%sector))
			if l.rand.IntN(2) == 0 {
				b = write{off: w.off + int64(from), data: w.data[from:to]}.apply(b)
			}
			from = to
		}
	}
	if len(b) < len(n.live) && l.rand.IntN(2) == 0 {
		b = write{off: int64(len(n.live))}.apply(b)
	}
	return b
}
