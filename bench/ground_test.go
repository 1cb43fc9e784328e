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
	pageSize  = 20   // items in a page
)

// A ground is a pod as a server has it, with the options of `locket serve`.
type ground struct {
	ctx    context.Context
	dir    string // of the pods
	state  string // folder that remembers how far the pod had come
	folder *pods.Folder
	pod    locket.PodID
	token  *keyring.Token  // the owner's
	next   int             // number of the first note that is not in the pod
	ids    []locket.ItemID // of the notes in the pod, by number

	// While the pod is held open: see enter.
	view  *store.View
	leave chan struct{}
	left  chan error
}

func newGround(ctx context.Context, dir string) (*ground, error) {
	g := &ground{ctx: ctx, dir: filepath.Join(dir, "pods"), state: filepath.Join(dir, "state")}
	var err error
	if g.folder, err = pods.Open(g.dir, pods.Options{Server: true, State: g.state}); err != nil {
		return nil, err
	}
	made, err := g.folder.Create(ctx, pods.New{KeyName: "bench"})
	if err != nil {
		return nil, errors.Join(err, g.folder.Close())
	}
	g.pod, g.token = made.Pod, made.Token
	return g, nil
}

// ownGround is a ground in a folder of its own, both as long as b.
func ownGround(b *testing.B) *ground {
	b.Helper()
	g, err := newGround(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := g.end(); err != nil {
			b.Error(err)
		}
	})
	return g
}

func (g *ground) end() error {
	g.token.Wipe()
	return g.folder.Close()
}

// do runs fn in the pod, opened for it.
func (g *ground) do(fn func(*store.View) error) error {
	return g.folder.Do(g.ctx, g.pod, g.token, fn)
}

// enter holds the pod open, with view, until exit.
func (g *ground) enter() error {
	views := make(chan *store.View)
	g.leave, g.left = make(chan struct{}), make(chan error, 1)
	go func() {
		g.left <- g.do(func(v *store.View) error {
			views <- v
			<-g.leave
			return nil
		})
	}()
	select {
	case g.view = <-views:
		return nil
	case err := <-g.left:
		return err
	}
}

func (g *ground) exit() error {
	close(g.leave)
	return <-g.left
}

// work is that of a process of its own.
func (g *ground) work(what string, i int) (cost, error) {
	switch what {
	case "reopen":
		return cost{}, g.enter()
	case "shut":
		return cost{}, g.exit()
	case "bulk":
		list := notes(i, batchSize)
		return measured(func() error { return g.create(g.view, list) })
	case "insert":
		list := notes(i, 1)
		return measured(func() error { return g.create(g.view, list) })
	case "open-insert":
		list := notes(i, 1)
		return measured(func() error { return g.do(func(v *store.View) error { return g.create(v, list) }) })
	}
	return cost{}, errors.New("unknown")
}

// create adds notes in one transaction. Their ids are the pod's choice.
func (g *ground) create(v *store.View, list []note) error {
	_, err := v.Write(g.ctx, func(w *store.Writer) error {
		for _, n := range list {
			it, err := w.Create(store.Draft{Type: "Note", Props: n.props()})
			if err != nil {
				return err
			}
			g.ids = append(g.ids, it.ID)
		}
		return nil
	})
	return err
}

func get(ctx context.Context, v *store.View, id locket.ItemID) error {
	_, err := v.Get(ctx, id)
	return err
}

func find(ctx context.Context, v *store.View, words string) error {
	_, err := v.Search(ctx, locket.Search{Text: words, Limit: pageSize})
	return err
}
