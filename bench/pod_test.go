package bench

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

const (
	batchSize = 1000 // items in a transaction
	pageSize  = 20   // hits in a page
)

// A ground has the same corpus in a pod and in a plaintext database.
type ground struct {
	ctx    context.Context
	dir    string // of the pods
	folder *pods.Folder
	pod    locket.PodID
	token  *keyring.Token
	peer   *peer
	next   int             // number of the first note that is in neither
	ids    []locket.ItemID // of the notes in the pod, by number
}

// BenchmarkPod measures a pod that is opened for each piece of work, as the
// server does it, against a plaintext database that is.
func BenchmarkPod(b *testing.B) {
	g := newGround(b)
	b.Run("bulk", g.bulk)
	b.Run("open+get", g.openGet)
	b.Run("open+insert", g.openInsert)
	b.Run("open+search", g.openSearch)
	b.Run("search", g.search)
	b.Run("http", g.http)
}

func newGround(b *testing.B) *ground {
	b.Helper()
	dir := b.TempDir()
	g := &ground{ctx: b.Context(), dir: filepath.Join(dir, "pods"), peer: startPeer(b, dir)}
	var err error
	if g.folder, err = pods.Open(g.dir, pods.Options{Server: true}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := g.folder.Close(); err != nil {
			b.Error(err)
		}
	})
	made, err := g.folder.Create(g.ctx, pods.New{KeyName: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	g.pod, g.token = made.Pod, made.Token
	return g
}

// do runs fn in the pod, opened for it.
func (g *ground) do(fn func(*store.View) error) error {
	return g.folder.Do(g.ctx, g.pod, g.token, fn)
}

// bulk fills both sides by turns, a batch each.
func (g *ground) bulk(b *testing.B) {
	var took [2]cost
	for b.Loop() {
		if err := g.fill(&took); err != nil {
			b.Fatal(err)
		}
	}
	ours, plain := took[0], took[1]
	report(b, ratio(ours.wall, plain.wall), ratio(ours.cpu, plain.cpu), ours.wall, plain.wall)
	b.ReportMetric(float64(g.next)/ours.wall.Seconds(), "items/s")
}

// fill adds corpusSize items to both sides and adds up what each took.
func (g *ground) fill(took *[2]cost) error {
	err := g.do(func(v *store.View) error {
		for end := g.next + corpusSize; g.next < end; g.next += batchSize {
			list := notes(g.next, batchSize)
			ours, err := measured(func() error { return g.create(v, list) })
			if err != nil {
				return err
			}
			plain, err := g.peer.do("bulk", g.next)
			if err != nil {
				return err
			}
			took[0].add(ours)
			took[1].add(plain)
		}
		return nil
	})
	_, err2 := g.peer.do("shut", 0)
	return errors.Join(err, err2)
}

// ready sees to it that both sides have the corpus.
func (g *ground) ready(b *testing.B) {
	b.Helper()
	if g.next > 0 {
		return
	}
	if err := g.fill(new([2]cost)); err != nil {
		b.Fatal(err)
	}
}

// create adds notes in one transaction. Their ids are the pod's choice.
func (g *ground) create(v *store.View, list []note) error {
	_, err := v.Write(g.ctx, func(w *store.Writer) error {
		for _, n := range list {
			it, err := w.Create(store.Draft{Type: "Note", Props: map[string]any{
				"name": n.name, "text": n.text, "dateModified": n.modified,
			}})
			if err != nil {
				return err
			}
			g.ids = append(g.ids, it.ID)
		}
		return nil
	})
	return err
}

func (g *ground) openGet(b *testing.B) {
	g.compare(b, "open-get", func(i int) (cost, error) {
		id := g.ids[spread(i)]
		return measured(func() error { return g.do(func(v *store.View) error { return get(g.ctx, v, id) }) })
	}, spread)
}

func (g *ground) openInsert(b *testing.B) {
	g.ready(b)
	first := g.next
	fresh := func(i int) int { return first + i }
	g.compare(b, "open-insert", func(i int) (cost, error) {
		list := notes(fresh(i), 1)
		return measured(func() error { return g.do(func(v *store.View) error { return g.create(v, list) }) })
	}, fresh)
}

func (g *ground) openSearch(b *testing.B) {
	g.compare(b, "open-search", func(i int) (cost, error) {
		words := searchFor(i)
		return measured(func() error { return g.do(func(v *store.View) error { return find(g.ctx, v, words) }) })
	}, same)
}

// search keeps both sides open.
func (g *ground) search(b *testing.B) {
	g.ready(b)
	if _, err := g.peer.do("reopen", 0); err != nil {
		b.Fatal(err)
	}
	err := g.do(func(v *store.View) error {
		g.compare(b, "search", func(i int) (cost, error) {
			words := searchFor(i)
			return measured(func() error { return find(g.ctx, v, words) })
		}, same)
		return nil
	})
	if _, err2 := g.peer.do("shut", 0); err != nil || err2 != nil {
		b.Fatal(err, err2)
	}
}

// compare compares ours with what the peer calls plain. index is what the peer
// is told of piece i.
func (g *ground) compare(b *testing.B, plain string, ours side, index func(i int) int) {
	g.ready(b)
	compare(b, ours, func(i int) (cost, error) { return g.peer.do(plain, index(i)) })
}

func same(i int) int { return i }

// spread picks an item of the corpus, far from the last.
func spread(i int) int { return i * 7919 % corpusSize }

func get(ctx context.Context, v *store.View, id locket.ItemID) error {
	_, err := v.Get(ctx, id)
	return err
}

func find(ctx context.Context, v *store.View, words string) error {
	_, err := v.Search(ctx, locket.Search{Text: words, Limit: pageSize})
	return err
}
