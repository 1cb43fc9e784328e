package bench

import (
	"errors"
	"testing"

	"github.com/locketpod/locket/internal/store"
)

// A pair has the same corpus in a pod and in a plaintext database.
type pair struct {
	*ground
	peer *peer
}

// BenchmarkPod measures a pod that is opened for each piece of work, as the
// server does it, against a plaintext database that is.
func BenchmarkPod(b *testing.B) {
	p := &pair{ground: ownGround(b), peer: startPeer(b, self(b), plainPeer, b.TempDir())}
	b.Run("bulk", p.bulk)
	b.Run("open+get", p.openGet)
	b.Run("open+insert", p.openInsert)
	b.Run("open+search", p.openSearch)
	b.Run("search", p.search)
	b.Run("http", func(b *testing.B) {
		p.ready(b)
		p.http(b, p.token, p.ids[:corpusSize])
	})
}

// bulk fills both sides by turns, a batch each.
func (p *pair) bulk(b *testing.B) {
	var took [2]cost
	for b.Loop() {
		if err := p.fill(&took); err != nil {
			b.Fatal(err)
		}
	}
	ours, plain := took[0], took[1]
	report(b, "plain", ratio(ours.wall, plain.wall), ratio(ours.cpu, plain.cpu), ours.wall, plain.wall)
	b.ReportMetric(float64(p.next)/ours.wall.Seconds(), "items/s")
}

// fill adds corpusSize items to both sides and adds up what each took.
func (p *pair) fill(took *[2]cost) error {
	err := p.do(func(v *store.View) error {
		for end := p.next + corpusSize; p.next < end; p.next += batchSize {
			list := notes(p.next, batchSize)
			ours, err := measured(func() error { return p.create(v, list) })
			if err != nil {
				return err
			}
			plain, err := p.peer.do("bulk", p.next)
			if err != nil {
				return err
			}
			took[0].add(ours)
			took[1].add(plain)
		}
		return nil
	})
	_, err2 := p.peer.do("shut", 0)
	return errors.Join(err, err2)
}

// ready sees to it that both sides have the corpus.
func (p *pair) ready(b *testing.B) {
	b.Helper()
	if p.next > 0 {
		return
	}
	if err := p.fill(new([2]cost)); err != nil {
		b.Fatal(err)
	}
}

func (p *pair) openGet(b *testing.B) {
	p.compare(b, "open-get", func(i int) (cost, error) {
		id := p.ids[spread(i)]
		return measured(func() error { return p.do(func(v *store.View) error { return get(p.ctx, v, id) }) })
	}, spread)
}

func (p *pair) openInsert(b *testing.B) {
	p.ready(b)
	first := p.next
	fresh := func(i int) int { return first + i }
	p.compare(b, "open-insert", func(i int) (cost, error) { return p.work("open-insert", fresh(i)) }, fresh)
}

func (p *pair) openSearch(b *testing.B) {
	p.compare(b, "open-search", func(i int) (cost, error) {
		words := searchFor(i)
		return measured(func() error { return p.do(func(v *store.View) error { return find(p.ctx, v, words) }) })
	}, same)
}

// search keeps both sides open.
func (p *pair) search(b *testing.B) {
	p.ready(b)
	if _, err := p.peer.do("reopen", 0); err != nil {
		b.Fatal(err)
	}
	err := p.do(func(v *store.View) error {
		p.compare(b, "search", func(i int) (cost, error) {
			words := searchFor(i)
			return measured(func() error { return find(p.ctx, v, words) })
		}, same)
		return nil
	})
	if _, err2 := p.peer.do("shut", 0); err != nil || err2 != nil {
		b.Fatal(err, err2)
	}
}

// compare compares ours with what the peer calls what. index is what the peer
// is told of piece i.
func (p *pair) compare(b *testing.B, what string, ours side, index func(i int) int) {
	p.ready(b)
	compare(b, "plain", ours, func(i int) (cost, error) { return p.peer.do(what, index(i)) })
}

func same(i int) int { return i }

// spread picks an item of the corpus, far from the last.
func spread(i int) int { return i * 7919 % corpusSize }
