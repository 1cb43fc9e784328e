package graph_test

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/memory/graph"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// A pod is a store with its owner and agents.
type pod struct {
	t     testing.TB
	s     *store.Store
	owner *store.View
	clock time.Time
}

func newPod(t testing.TB) *pod {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	blobs, err := blob.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	_, signer, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{t: t, clock: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	owner := locket.Principal{ID: locket.NewPrincipalID(), Kind: locket.KindOwner, Name: "owner"}
	p.s, err = store.Create(t.Context(), store.Config{
		Path: filepath.Join(dir, "pod.db"), Blobs: blobs, Key: secret.Random(32), Signer: signer, Pod: locket.NewPodID(),
		Cursors: secret.Random(32), Now: func() time.Time { return p.clock },
	}, owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.s.Close() })
	p.owner = p.admit(owner.ID)
	return p
}

func (p *pod) admit(id locket.PrincipalID) *store.View {
	p.t.Helper()
	v, err := p.s.Admit(p.t.Context(), store.Visitor{Principal: id})
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// agent makes one that may do some things with the memories of its own namespace.
func (p *pod) agent(name string, may ...locket.Permission) *store.View {
	p.t.Helper()
	own := "agents/" + name
	policy := &locket.Policy{Rules: []locket.Rule{
		{Actions: may, Types: []string{"Memory"}, Where: map[string]locket.Match{"namespace": {In: []any{own}}}},
		{Actions: may, Types: []string{"Memory"}, Where: map[string]locket.Match{"namespace": {Prefix: own + "/"}}},
	}}
	var made locket.Principal
	_, err := p.owner.Write(p.t.Context(), func(w *store.Writer) (err error) {
		made, err = w.AddPrincipal(locket.Principal{Kind: locket.KindAgent, Name: name, Policy: policy})
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.admit(made.ID)
}

// everything is what a connected agent may do.
func everything() []locket.Permission {
	return []locket.Permission{locket.MayRead, locket.MaySearch, locket.MayCreate, locket.MayUpdate, locket.MayDelete, locket.MayLink}
}

// call calls a tool, with arguments as JSON, a second after the call before.
func (p *pod) call(v *store.View, namespace, tool, arguments string) graph.Reply {
	p.t.Helper()
	p.clock = p.clock.Add(time.Second)
	var args map[string]any
	if err := json.Unmarshal([]byte(arguments), &args); err != nil {
		p.t.Fatal(err)
	}
	r, err := graph.Call(p.t.Context(), v, namespace, tool, args)
	if err != nil {
		p.t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	return r
}
