// Package podtest makes a whole pod in a temporary folder, for tests.
package podtest

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// A Pod is an open pod, which is closed when its test has ended.
type Pod struct {
	Store *store.Store
	Owner locket.PrincipalID
	t     testing.TB
}

// New makes a pod.
func New(t testing.TB) *Pod {
	t.Helper()
	return NewAt(t, nil)
}

// NewAt makes a pod with a clock of its own; nil: time.Now.
func NewAt(t testing.TB, now func() time.Time) *Pod {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	check(t, err)
	t.Cleanup(func() { _ = root.Close() })
	blobs, err := blob.Open(root)
	check(t, err)
	_, signer, err := ed25519.GenerateKey(nil)
	check(t, err)
	owner := locket.Principal{ID: locket.NewPrincipalID(), Kind: locket.KindOwner, Name: "owner"}
	s, err := store.Create(t.Context(), store.Config{
		Path: filepath.Join(dir, "pod.db"), Blobs: blobs, Key: secret.Random(32), Signer: signer, Pod: locket.NewPodID(),
		Cursors: secret.Random(32), Now: now,
	}, owner)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return &Pod{Store: s, Owner: owner.ID, t: t}
}

// View is a new view of a principal.
func (p *Pod) View(id locket.PrincipalID) *store.View {
	p.t.Helper()
	v, err := p.Store.Admit(p.t.Context(), store.Visitor{Principal: id})
	check(p.t, err)
	return v
}

// Add makes a principal of a kind and returns its view.
func (p *Pod) Add(kind locket.PrincipalKind, name string, policy locket.Policy) *store.View {
	p.t.Helper()
	var made locket.Principal
	p.Write(p.View(p.Owner), func(w *store.Writer) (err error) {
		made, err = w.AddPrincipal(locket.Principal{Kind: kind, Name: name, Policy: &policy})
		return err
	})
	return p.View(made.ID)
}

// Agent makes an agent that may do some things with the memories of its own namespace.
func (p *Pod) Agent(name string, may ...locket.Permission) *store.View {
	p.t.Helper()
	own := locket.AgentNamespace(name)
	return p.Add(locket.KindAgent, name, locket.Policy{Rules: []locket.Rule{
		{Actions: may, Types: []string{"Memory"}, Where: map[string]locket.Match{"namespace": {In: []any{own}}}},
		{Actions: may, Types: []string{"Memory"}, Where: map[string]locket.Match{"namespace": {Prefix: own + "/"}}},
	}})
}

// Write runs fn, which must not fail.
func (p *Pod) Write(v *store.View, fn func(*store.Writer) error) {
	p.t.Helper()
	_, err := v.Write(p.t.Context(), fn)
	check(p.t, err)
}

// Verify fails the test if the journal and the pod don't agree.
func (p *Pod) Verify() {
	p.t.Helper()
	out, err := p.View(p.Owner).Verify(p.t.Context(), "", nil)
	check(p.t, err)
	if out.Fault != "" {
		p.t.Errorf("the pod does not verify: %s", out.Fault)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
