package backup

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/locketpod/locket"
)

// database stores the pages that are new and describes all of them.
func (c *creator) database(ctx context.Context) error {
	pages := c.src.Pages()
	for first := int64(0); first < int64(pages); first += segmentPages {
		n := uint32(min(int64(pages)-first, segmentPages))
		s, err := c.segment(ctx, first, n)
		if err != nil {
			return err
		}
		c.m.segments = append(c.m.segments, s)
	}
	return nil
}

// segment deals with n pages from page first on.
func (c *creator) segment(ctx context.Context, first int64, n uint32) (segment, error) {
	digests, err := c.digests(ctx, first, n)
	if err != nil {
		return segment{}, err
	}
	places, err := c.unchanged(ctx, int(first/segmentPages), digests)
	if err != nil {
		return segment{}, err
	}
	w := packer{c: c, first: first, digests: digests}
	for i := range n {
		if p := places[i]; p.count > 0 {
			w.extents = appendPage(w.extents, p.pack, p.first)
		} else if err := w.add(ctx, i); err != nil {
			return segment{}, err
		}
	}
	if err := w.flush(ctx); err != nil {
		return segment{}, err
	}
	s := segment{pages: n}
	if s.extents, err = c.store.putBytes(ctx, extentsText(w.extents)); err != nil {
		return segment{}, err
	}
	s.digests, err = c.store.putBytes(ctx, digests)
	return s, err
}

// digests reads pages and returns their digests one after the other.
func (c *creator) digests(ctx context.Context, first int64, n uint32) ([]byte, error) {
	digests := make([]byte, 0, int(n)*digestSize)
	buf := make([]byte, packPages*pageSize)
	for at := int64(0); at < int64(n); at += packPages {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		part := buf[:min(int64(n)-at, packPages)*pageSize]
		if err := c.read(part, first+at); err != nil {
			return nil, err
		}
		for page := range pagesOf(part) {
			digests = append(digests, digest(page)...)
		}
		c.progress("reading the database", int64(len(part)))
	}
	return digests, nil
}

func (c *creator) read(p []byte, page int64) error {
	if n, err := c.src.ReadAt(p, page*pageSize); n < len(p) {
		if err == io.EOF {
			return locket.Errorf(locket.CodeConflict, "the database became shorter while it was backed up; run it again")
		}
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func digest(page []byte) []byte {
	h := sha256.Sum256(page)
	return h[:digestSize]
}

// pagesOf gives the pages of a pack.
func pagesOf(pack []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for ; len(pack) >= pageSize; pack = pack[pageSize:] {
			if !yield(pack[:pageSize]) {
				return
			}
		}
	}
}

// unchanged says for each page of a segment where the base has the same (an extent of
// one page), or nothing (an extent of none).
func (c *creator) unchanged(ctx context.Context, index int, digests []byte) ([]extent, error) {
	places := make([]extent, len(digests)/digestSize)
	if c.base == nil || index >= len(c.base.segments) {
		return places, nil
	}
	old := c.base.segments[index]
	oldDigests, err := c.earlierObject(ctx, old.digests)
	if err != nil {
		return nil, err
	}
	text, err := c.earlierObject(ctx, old.extents)
	if err != nil {
		return nil, err
	}
	extents, err := parseExtents(text, old.pages)
	if err != nil || len(oldDigests) != int(old.pages)*digestSize {
		return places, nil // one of them was damaged
	}
	live := make(map[Hash]int64)
	i := 0
	for _, e := range extents {
		for k := range e.count {
			at := i * digestSize
			if i < len(places) && string(digests[at:at+digestSize]) == string(oldDigests[at:at+digestSize]) {
				places[i] = extent{e.pack, e.first + k, 1}
				live[e.pack]++
			}
			i++
		}
	}
	c.dropWasted(places, live)
	return places, nil
}

// minLive is the share of a pack, as a divisor, that must still be used for it to be used
// further: so the pages that nobody needs take at most so many times the room of the others.
const minLive = 4

// dropWasted empties the places in packs that are missing, damaged or hardly used any more.
func (c *creator) dropWasted(places []extent, live map[Hash]int64) {
	for i, p := range places {
		if p.count == 0 {
			continue
		}
		o := c.store.have[p.pack]
		if o == nil || o.plain <= int64(p.first)*pageSize || o.plain%pageSize != 0 || live[p.pack]*minLive*pageSize < o.plain {
			places[i] = extent{}
			continue
		}
		o.used = true
	}
}

// A packer puts pages that are new into packs.
type packer struct {
	c       *creator
	first   int64 // page of the database that the segment begins with
	digests []byte
	extents []extent
	pending []int // extents in the pack that is being filled: its name is not known yet
	buf     *buffer
}

// add appends page i of the segment.
func (w *packer) add(ctx context.Context, i uint32) (err error) {
	if w.buf == nil {
		if w.buf, err = w.c.store.take(ctx); err != nil {
			return err
		}
	}
	n := len(w.buf.plain)
	w.buf.plain = append(w.buf.plain, make([]byte, pageSize)...)
	page := w.buf.plain[n:]
	if err := w.c.read(page, w.first+int64(i)); err != nil {
		return err
	}
	if string(digest(page)) != string(w.digests[i*digestSize:(i+1)*digestSize]) {
		return locket.Errorf(locket.CodeConflict, "the database changed while it was backed up; run it again")
	}
	before := len(w.extents)
	w.extents = appendPage(w.extents, Hash{}, uint32(n/pageSize))
	if len(w.extents) > before {
		w.pending = append(w.pending, before)
	}
	w.c.sum.NewPages++
	if len(w.buf.plain) == packPages*pageSize {
		return w.flush(ctx)
	}
	return nil
}

// flush stores the pack.
func (w *packer) flush(ctx context.Context) error {
	if w.buf == nil {
		return nil
	}
	h := w.c.store.put(ctx, w.buf)
	w.buf = nil
	for _, i := range w.pending {
		w.extents[i].pack = h
	}
	w.pending = w.pending[:0]
	return nil
}
