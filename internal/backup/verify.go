package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/locketpod/locket"
)

// A VerifyOptions says what to verify. The zero value is all of everything.
type VerifyOptions struct {
	ID     string  // of a snapshot; empty: all
	Seen   Link    // the snapshot seen last; if the target lacks it, CodeRolledBack
	Sample float64 // the share of packs and blobs that is read, chosen at random; 0: all
	// Page, if set, checks a page of a snapshot's database further, e.g. its MAC. Pages
	// are numbered from 1. It is called from several goroutines, in no order, and once
	// for a page that several snapshots share.
	Page   func(m *Manifest, no uint32, page []byte) error
	Report locket.Reporter
}

// A Verified is what Verify read and found.
type Verified struct {
	Snapshots int       // verified
	Objects   int64     // read
	Bytes     int64     // of their plaintexts
	Newest    Link      // to be remembered and given as Seen the next time
	Findings  []Finding // what is wrong; the first thousand
	Foreign   []string  // ids of snapshots for other recipients, which nothing can be said about
}

const maxFindings = 1000

// Verify reads back what a target has, and writes nothing. What is wrong with the backup
// is in the result; the error is that of a target that cannot be read, or CodeRolledBack.
// Of keys it needs Identities and Verify.
func Verify(ctx context.Context, t Target, keys Keys, o VerifyOptions) (Verified, error) {
	v := &checker{t: t, keys: keys, o: o, seen: make(map[string]bool), packs: make(map[Hash][]checkedPage), found: make(map[Finding]bool)}
	err := v.run(ctx)
	v.out.Objects, v.out.Bytes = v.objects.Load(), v.bytes.Load()
	return v.out, failed("verifying", err)
}

// A checker verifies a target. What its goroutines share is guarded by mu.
type checker struct {
	t    Target
	keys Keys
	o    VerifyOptions

	objects, bytes atomic.Int64
	total          int64

	mu    sync.Mutex
	out   Verified
	found map[Finding]bool
	seen  map[string]bool        // parts of blobs that were judged, by name
	packs map[Hash][]checkedPage // what was found in packs, of some
}

// A checkedPage is a page that was read and is right.
type checkedPage struct {
	at     int64 // page of the database, from 0; -1: not looked at
	digest [digestSize]byte
}

// maxChecked is how many packs a checker remembers, 24 KiB each; it reads others again for
// each snapshot.
const maxChecked = 4096

func (v *checker) run(ctx context.Context) error {
	list, err := snapshots(ctx, v.t)
	if err != nil {
		return err
	}
	for i := range list {
		if err := list[i].open(ctx, v.t, v.keys); err != nil {
			return err
		}
	}
	if err := v.chain(ctx, list); err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(list), func(s Snapshot) bool { return v.o.ID != "" && s.ID != v.o.ID })
	if len(chosen) == 0 && v.o.ID != "" {
		return locket.Errorf(locket.CodeNotFound, "the backup has no such snapshot; list them")
	}
	for _, s := range chosen {
		if s.Manifest != nil {
			v.total += s.Manifest.Size()
		}
	}
	for _, s := range chosen {
		if err := v.snapshot(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// chain compares the snapshots with each other and with the one seen last.
func (v *checker) chain(ctx context.Context, list []Snapshot) error {
	gone := make(map[Link]Link)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Manifest != nil {
			var err error
			if gone, err = readPrunes(ctx, v.t, list[i].Manifest.Pod, v.keys, v.report); err != nil {
				return err
			}
			v.out.Newest = list[i].Link
			break
		}
	}
	if err := checkSeen(v.o.Seen, list, gone); err != nil {
		return err
	}
	checkChain(list, gone, v.report)
	return nil
}

func (v *checker) report(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.found[f] && len(v.out.Findings) < maxFindings {
		v.found[f] = true
		v.out.Findings = append(v.out.Findings, f)
	}
}

// check takes a Finding off an error.
func (v *checker) check(err error) error {
	if f, ok := errors.AsType[Finding](err); ok {
		v.report(f)
		return nil
	}
	return err
}

// snapshot verifies what one manifest names.
func (v *checker) snapshot(ctx context.Context, s Snapshot) error {
	switch {
	case s.Foreign:
		v.out.Foreign = append(v.out.Foreign, s.ID)
		return nil
	case s.Manifest == nil:
		v.report(Finding{manifestName(s.ID, s.Set), s.Problem})
		return nil
	}
	v.out.Snapshots++
	if err := v.check(v.header(ctx, s.Manifest)); err != nil {
		return err
	}
	g := newGroup(ctx)
	err := v.database(g, s)
	if err == nil {
		err = v.blobs(g, s)
	}
	return g.wait(err)
}

func (v *checker) header(ctx context.Context, m *Manifest) error {
	header, err := fetch(ctx, v.t, headerName(m.ID), maxHeader)
	if err == nil && sha256.Sum256(header) != m.Header {
		err = Finding{headerName(m.ID), "is not the header that was backed up"}
	}
	return err
}

// object reads an object and counts it.
func (v *checker) object(ctx context.Context, set string, h Hash) ([]byte, error) {
	data, err := object(ctx, v.t, v.keys.Identities, set, h)
	if err == nil {
		v.objects.Add(1)
		v.bytes.Add(int64(len(data)))
	}
	return data, err
}

// skip tells whether the sample leaves an object out.
func (v *checker) skip() bool { return v.o.Sample > 0 && rand.Float64() >= v.o.Sample }

func (v *checker) database(g *group, s Snapshot) error {
	for i, seg := range s.Manifest.segments {
		packs, digests, err := seg.layout(g.ctx, v.t, v.keys, s.Set)
		if err != nil {
			_, other := object(g.ctx, v.t, v.keys.Identities, s.Set, seg.digests) // both may be damaged
			if err := errors.Join(v.check(err), v.check(other)); err != nil {
				return err
			}
			continue
		}
		for h, runs := range packs {
			first := int64(i) * segmentPages
			if v.skip() || v.known(h, runs, first, digests) {
				continue
			}
			err := g.do(func(ctx context.Context) error {
				return v.check(v.pack(ctx, s, h, runs, first, digests))
			})
			if err != nil {
				return err
			}
			v.progress("verifying the database")
		}
	}
	return nil
}

// pack reads a pack and checks the pages of it that a segment of a snapshot uses.
func (v *checker) pack(ctx context.Context, s Snapshot, h Hash, runs []run, first int64, digests []byte) error {
	data, err := v.object(ctx, s.Set, h)
	if err != nil {
		return err
	}
	name := objectName(s.Set, h)
	err = checkPages(name, data, runs, digests, func(at uint32, pages []byte) error {
		no := uint32(first) + at
		for page := range pagesOf(pages) {
			if no++; v.o.Page != nil && v.o.Page(s.Manifest, no, page) != nil {
				return Finding{name, "holds a page that the database did not write"}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.remember(h, runs, first, digests)
	return nil
}

// known tells whether the same pages were found right in the same places.
func (v *checker) known(h Hash, runs []run, first int64, digests []byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.packs[h]
	for _, r := range runs {
		for i := range r.count {
			n := int(r.at+i) * digestSize
			if old == nil || old[r.first+i] != (checkedPage{first + int64(r.at+i), [digestSize]byte(digests[n : n+digestSize])}) {
				return false
			}
		}
	}
	return true
}

func (v *checker) remember(h Hash, runs []run, first int64, digests []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.packs) >= maxChecked {
		return
	}
	list := make([]checkedPage, packPages)
	for i := range list {
		list[i].at = -1
	}
	for _, r := range runs {
		for i := range r.count {
			n := int(r.at+i) * digestSize
			list[r.first+i] = checkedPage{first + int64(r.at+i), [digestSize]byte(digests[n : n+digestSize])}
		}
	}
	v.packs[h] = list
}

func (v *checker) blobs(g *group, s Snapshot) error {
	for p, err := range s.Manifest.parts(g.ctx, v.t, v.keys, s.Set) {
		if err != nil {
			return v.check(err)
		}
		name := objectName(s.Set, p.hash)
		if p.gone || v.seen[name] || v.skip() {
			continue
		}
		v.seen[name] = true
		err := g.do(func(ctx context.Context) error {
			data, err := v.object(ctx, s.Set, p.hash)
			if err == nil && int64(len(data)) != p.size {
				err = Finding{name, "has another size than the blob of the snapshot"}
			}
			return v.check(err)
		})
		if err != nil {
			return err
		}
		v.progress("verifying the blobs")
	}
	return nil
}

func (v *checker) progress(stage string) {
	v.o.Report.Report(locket.Progress{Stage: stage, Done: v.bytes.Load(), Total: v.total, Unit: "bytes"})
}
