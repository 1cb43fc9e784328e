package backup

import (
	"context"
	"iter"
	"strings"
	"sync"
)

// parts gives the lines of the lists of blobs, one list in memory at a time. It ends at
// the first error.
func (m *Manifest) parts(ctx context.Context, t Target, keys Keys, set string) iter.Seq2[part, error] {
	return func(yield func(part, error) bool) {
		var last part
		for _, h := range m.blobs {
			text, err := object(ctx, t, keys.Identities, set, h)
			if err != nil {
				yield(part{}, err)
				return
			}
			for line := range strings.Lines(string(text)) {
				p, err := parsePart(line)
				if err == nil {
					err = p.follows(last)
				}
				if !yield(p, at(objectName(set, h), err)) || err != nil {
					return
				}
				last = p
			}
		}
	}
}

// A run says which pages of a segment a pack holds in a row.
type run struct {
	first uint32 // in the pack
	count uint32
	at    uint32 // in the segment
}

// layout reads what describes a segment: where its pages are, and their digests.
func (s segment) layout(ctx context.Context, t Target, keys Keys, set string) (map[Hash][]run, []byte, error) {
	text, err := object(ctx, t, keys.Identities, set, s.extents)
	if err != nil {
		return nil, nil, err
	}
	extents, err := parseExtents(text, s.pages)
	if err != nil {
		return nil, nil, at(objectName(set, s.extents), err)
	}
	digests, err := object(ctx, t, keys.Identities, set, s.digests)
	if err != nil {
		return nil, nil, err
	}
	if len(digests) != int(s.pages)*digestSize {
		return nil, nil, at(objectName(set, s.digests), errMalformed)
	}
	packs := make(map[Hash][]run)
	page := uint32(0)
	for _, e := range extents {
		packs[e.pack] = append(packs[e.pack], run{e.first, e.count, page})
		page += e.count
	}
	return packs, digests, nil
}

// checkPages compares the pages of runs with their digests and gives each run.
func checkPages(name string, pack []byte, runs []run, digests []byte, do func(at uint32, pages []byte) error) error {
	for _, r := range runs {
		if int(r.first+r.count)*pageSize > len(pack) {
			return Finding{name, "has fewer pages than are said to be in it"}
		}
		pages := pack[int(r.first)*pageSize:][:int(r.count)*pageSize]
		n := int(r.at) * digestSize
		for page := range pagesOf(pages) {
			if string(digest(page)) != string(digests[n:n+digestSize]) {
				return Finding{name, "holds other pages than those of the snapshot"}
			}
			n += digestSize
		}
		if err := do(r.at, pages); err != nil {
			return err
		}
	}
	return nil
}

// A group does work in a few goroutines until the first error. Its methods are called
// from one goroutine, wait at the end of everything.
type group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	slots  chan struct{}
	work   sync.WaitGroup
}

func newGroup(ctx context.Context) *group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{ctx: ctx, cancel: cancel, slots: make(chan struct{}, workers)}
}

// do starts f, when one of those before has ended; f gets the group's context.
func (g *group) do(f func(ctx context.Context) error) error {
	select {
	case g.slots <- struct{}{}:
	case <-g.ctx.Done():
		return context.Cause(g.ctx)
	}
	g.work.Go(func() {
		defer func() { <-g.slots }()
		if err := f(g.ctx); err != nil {
			g.cancel(err)
		}
	})
	return nil
}

// wait returns when all have ended, with the first error: own is that of the goroutine
// that started them.
func (g *group) wait(own error) error {
	g.work.Wait()
	if err := context.Cause(g.ctx); err != nil {
		own = err
	}
	g.cancel(nil)
	return own
}
