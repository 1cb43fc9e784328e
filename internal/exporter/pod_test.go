package exporter_test

import (
	"archive/tar"
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/exporter"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

type pod struct {
	t     testing.TB
	s     *store.Store
	owner locket.PrincipalID
	v     *store.View
}

// newPod makes a pod in a temporary folder.
func newPod(t testing.TB) *pod {
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
	}, owner)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	p := &pod{t: t, s: s, owner: owner.ID}
	p.v = p.as(owner.ID)
	return p
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// as is a new view.
func (p *pod) as(id locket.PrincipalID) *store.View {
	p.t.Helper()
	v, err := p.s.Admit(p.t.Context(), store.Visitor{Principal: id})
	check(p.t, err)
	return v
}

func (p *pod) write(fn func(w *store.Writer) error) {
	p.t.Helper()
	_, err := p.v.Write(p.t.Context(), fn)
	check(p.t, err)
}

func (p *pod) verify() {
	p.t.Helper()
	out, err := p.as(p.owner).Verify(p.t.Context(), "", nil)
	check(p.t, err)
	if out.Fault != "" {
		p.t.Errorf("the pod does not verify: %s", out.Fault)
	}
}

// export returns the archive and the contents of its files.
func (p *pod) export(o exporter.Options) ([]byte, map[string]string) {
	p.t.Helper()
	return exportOf(p.t, p.as(p.owner), o)
}

func exportOf(t testing.TB, v *store.View, o exporter.Options) ([]byte, map[string]string) {
	t.Helper()
	var b bytes.Buffer
	check(t, exporter.Run(t.Context(), v, &b, o))
	files := make(map[string]string)
	for r := tar.NewReader(bytes.NewReader(b.Bytes())); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return b.Bytes(), files
		}
		check(t, err)
		content, err := io.ReadAll(r)
		check(t, err)
		if _, twice := files[h.Name]; twice {
			t.Errorf("%s is there twice", h.Name)
		}
		files[h.Name] = string(content)
	}
}

// restore imports an archive.
func (p *pod) restore(archive []byte) importer.Report {
	p.t.Helper()
	return p.load("locket.tar", archive)
}

func (p *pod) load(name string, content []byte) importer.Report {
	p.t.Helper()
	tree := importer.OpenReader(name, bytes.NewReader(content), int64(len(content)), importer.DefaultLimits())
	r, err := importer.Run(p.t.Context(), p.as(p.owner), tree, nil, importer.Options{})
	check(p.t, errors.Join(err, tree.Close()))
	for _, e := range p.ledger(r.ID) {
		if e.Outcome == locket.Rejected {
			p.t.Logf("rejected: %s: %s", e.Record, e.Reason)
		}
	}
	return r
}

func (p *pod) ledger(id string) (all []locket.LedgerEntry) {
	p.t.Helper()
	for cursor := ""; ; {
		page, err := p.v.Ledger(p.t.Context(), id, 5000, cursor)
		check(p.t, err)
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all
		}
	}
}
