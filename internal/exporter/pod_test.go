package exporter_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/exporter"
	"github.com/locketpod/locket/internal/importer"
	"github.com/locketpod/locket/internal/podtest"
	"github.com/locketpod/locket/internal/store"
)

type pod struct {
	*podtest.Pod
	t testing.TB
	v *store.View // the owner's
}

func newPod(t testing.TB) *pod {
	t.Helper()
	p := podtest.New(t)
	return &pod{Pod: p, t: t, v: p.View(p.Owner)}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pod) write(fn func(w *store.Writer) error) {
	p.t.Helper()
	p.Write(p.v, fn)
}

// export returns the archive and the contents of its files.
func (p *pod) export(o exporter.Options) ([]byte, map[string]string) {
	p.t.Helper()
	return exportOf(p.t, p.View(p.Owner), o)
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
	r, err := importer.Run(p.t.Context(), p.View(p.Owner), tree, nil, importer.Options{})
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
