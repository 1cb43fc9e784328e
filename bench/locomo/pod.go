package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/embed"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// A ground is a pod as a server has it, with the options of `locket serve`.
type ground struct {
	ctx    context.Context
	folder *pods.Folder
	pod    locket.PodID
	token  *keyring.Token // the owner's
}

func newGround(ctx context.Context, dir string) (*ground, error) {
	dir, err := os.MkdirTemp(dir, "pod")
	if err != nil {
		return nil, err
	}
	g := &ground{ctx: ctx}
	if g.folder, err = pods.Open(filepath.Join(dir, "pods"), pods.Options{Server: true, State: filepath.Join(dir, "state")}); err != nil {
		return nil, err
	}
	made, err := g.folder.Create(ctx, pods.New{KeyName: "bench"})
	if err != nil {
		return nil, errors.Join(err, g.folder.Close())
	}
	g.pod, g.token = made.Pod, made.Token
	return g, nil
}

func (g *ground) end() error {
	g.token.Wipe()
	return g.folder.Close()
}

// do runs fn in the pod, opened for it.
func (g *ground) do(fn func(*store.View) error) error { return g.as(g.token, fn) }

func (g *ground) as(token *keyring.Token, fn func(*store.View) error) error {
	return g.folder.Do(g.ctx, g.pod, token, fn)
}

// fill stores memories in one transaction for each thousand, and returns their ids.
func (g *ground) fill(v *store.View, list []map[string]any) ([]locket.ItemID, error) {
	const batch = 1000
	var ids []locket.ItemID
	for len(list) > 0 {
		n := min(batch, len(list))
		_, err := v.Write(g.ctx, func(w *store.Writer) error {
			for _, props := range list[:n] {
				it, err := w.Create(store.Draft{Type: "Memory", Props: props})
				if err != nil {
					return err
				}
				ids = append(ids, it.ID)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		list = list[n:]
	}
	return ids, nil
}

// embed stores the vector of each text.
func (g *ground) embed(v *store.View, e embed.Embedder, ids []locket.ItemID, texts []string) error {
	const batch = 32
	for len(ids) > 0 {
		n := min(batch, len(ids))
		vectors, err := e.Embed(g.ctx, texts[:n])
		if err != nil {
			return err
		}
		_, err = v.Write(g.ctx, func(w *store.Writer) error {
			for i, x := range vectors {
				if err := w.SetVector(ids[i], e.Model(), x); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		ids, texts = ids[n:], texts[n:]
	}
	return nil
}

// admit makes an agent that may work in one namespace, and returns a key for it.
func (g *ground) admit(namespace string) (token *keyring.Token, err error) {
	policy := &locket.Policy{Rules: []locket.Rule{{
		Actions: []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayCreate, locket.MayUpdate}, Types: []string{"Memory"},
		Where: map[string]locket.Match{"namespace": {In: []any{namespace}}},
	}}}
	var who locket.Principal
	err = g.do(func(v *store.View) error {
		_, err := v.Write(g.ctx, func(w *store.Writer) (err error) {
			who, err = w.AddPrincipal(locket.Principal{Kind: locket.KindAgent, Name: "agent", Policy: policy})
			return err
		})
		return err
	})
	if err == nil {
		err = g.folder.Keys(g.ctx, g.pod, g.token, func(k *pods.Keys) (err error) {
			_, token, err = k.AddAPIKey(g.ctx, "agent", who.ID)
			return err
		})
	}
	return token, err
}
