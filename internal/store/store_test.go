package store_test

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// A bench is a pod's store in a temporary folder that can be closed and opened
// again.
type bench struct {
	t     testing.TB
	cfg   store.Config
	owner locket.Principal
	s     *store.Store
	v     *store.View
	clock time.Time
}

func newBench(t testing.TB) *bench {
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
	b := &bench{
		t:     t,
		owner: locket.Principal{ID: locket.NewPrincipalID(), Kind: locket.KindOwner, Name: "owner"},
		clock: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
	}
	b.cfg = store.Config{
		Path: filepath.Join(dir, "pod.db"), Blobs: blobs, Key: secret.Random(32), Signer: signer,
		Pod: locket.NewPodID(), Cursors: secret.Random(32), Now: func() time.Time { return b.clock },
	}
	b.s, err = store.Create(t.Context(), b.cfg, b.owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.s.Close() })
	b.v = b.as(b.owner.ID)
	return b
}

// as is the view of a principal.
func (b *bench) as(who locket.PrincipalID) *store.View {
	b.t.Helper()
	v, err := b.s.Admit(b.t.Context(), store.Visitor{Principal: who})
	if err != nil {
		b.t.Fatal(err, cause(err))
	}
	return v
}

func (b *bench) reopen() {
	b.t.Helper()
	if err := b.s.Close(); err != nil {
		b.t.Fatal(err)
	}
	var err error
	if b.s, err = store.Open(b.t.Context(), b.cfg); err != nil {
		b.t.Fatal(err)
	}
	b.v = b.as(b.owner.ID)
}

// write runs fn in a transaction a second later than the one before.
func (b *bench) write(fn func(*store.Writer) error) locket.Change {
	b.t.Helper()
	b.clock = b.clock.Add(time.Second)
	c, err := b.v.Write(b.t.Context(), fn)
	if err != nil {
		b.t.Fatal(err, cause(err))
	}
	return c
}

func (b *bench) create(typ string, props map[string]any) locket.Item {
	b.t.Helper()
	var it locket.Item
	b.write(func(w *store.Writer) (err error) {
		it, err = w.Create(store.Draft{Type: typ, Props: props})
		return err
	})
	return it
}

// fails runs fn in a transaction and checks code and message of its error.
func (b *bench) fails(code locket.Code, message string, fn func(*store.Writer) error) {
	b.t.Helper()
	_, err := b.v.Write(b.t.Context(), fn)
	if got := locket.CodeOf(err); got != code || !strings.Contains(locket.MessageOf(err), message) {
		b.t.Errorf("got %s %q (%v), want %s with %q", got, locket.MessageOf(err), err, code, message)
	}
}

func (b *bench) found(text string) []string {
	b.t.Helper()
	p, err := b.v.Search(b.t.Context(), locket.Search{Text: text, Limit: 200})
	if err != nil {
		b.t.Fatalf("search %q: %v", text, err)
	}
	names := []string{}
	for _, h := range p.Items {
		names = append(names, h.Item.Text("name"))
	}
	return names
}

// cause digs out what an error hides from users.
func cause(err error) error {
	if e, ok := errors.AsType[*locket.Error](err); ok {
		return e.Err
	}
	return err
}

func fuzzBench(f *testing.F) *bench {
	b := newBench(f)
	b.create("Note", props{"name": "Garden", "text": "Planting tomatoes in the greenhouse"})
	b.create("Message", props{"name": "旅行", "text": "東京都の桜", "sender": "anna"})
	return b
}

type props = map[string]any
