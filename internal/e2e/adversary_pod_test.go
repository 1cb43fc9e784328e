package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/sqlcipher"
	"github.com/locketpod/locket/internal/store"
)

// A prowled pod is one that somebody copied, and can write to later.
type prowled struct {
	*victim
	root       string // folder of pods
	old, now   map[string][]byte
	checkpoint string         // of now
	state      string         // what is read of now
	witness    string         // folder in which it is remembered
	owners     map[int]string // what each page of now is of, from 1
}

func newProwled(t *testing.T) *prowled {
	t.Helper()
	dir := t.TempDir()
	p := &prowled{victim: new(victim), root: filepath.Join(dir, "pods"), witness: filepath.Join(dir, "state")}
	f := p.open(t, p.witness)
	created, err := f.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	p.created, p.dir, p.folder = created, filepath.Join(p.root, string(created.Pod)), f
	p.do(t, fill)
	p.do(t, func(ctx context.Context, v *store.View) error { return notes(ctx, v, 40) })
	p.old = p.files(t)
	p.do(t, changeNotes)
	err = f.Keys(t.Context(), created.Pod, created.Token, func(k *pods.Keys) error {
		_, _, err := k.AddAPIKey(t.Context(), "phone", "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, func(ctx context.Context, v *store.View) error {
		if err := notes(ctx, v, 1); err != nil {
			return err
		}
		g, err := v.Grown(ctx, "")
		if err != nil {
			return err
		}
		p.checkpoint = g.Checkpoint
		p.state, err = dump(ctx, v)
		return err
	})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	p.folder = p.open(t, "")
	p.now = p.files(t)
	p.readOwners(t)
	for name, b := range p.now {
		if filepath.Dir(name) == "blobs" && len(b) > 64<<10 {
			p.blob = name
		}
	}
	return p
}

// open opens the folder, which remembers in state if that is not "".
func (p *prowled) open(t *testing.T, state string) *pods.Folder {
	t.Helper()
	f, err := pods.Open(p.root, pods.Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// notes creates notes, each in an entry of its own.
func notes(ctx context.Context, v *store.View, n int) error {
	for i := range n {
		_, err := v.Write(ctx, func(w *store.Writer) error {
			_, err := w.Create(store.Draft{Type: "Note", Props: map[string]any{
				"name": fmt.Sprint("note ", i), "text": strings.Repeat(fmt.Sprint("harbour ", i, " "), 20), "folder": "work",
			}})
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changeNotes updates, links and deletes notes, and puts a file into another.
func changeNotes(ctx context.Context, v *store.View) error {
	page, err := v.Query(ctx, locket.Query{Type: "Note", Order: "created", Limit: 20})
	if err != nil {
		return err
	}
	small, err := v.PutBlob(ctx, strings.NewReader("another small file"))
	if err != nil {
		return err
	}
	for i, it := range page.Items {
		_, err := v.Write(ctx, func(w *store.Writer) error {
			switch i % 4 {
			case 0:
				_, err := w.Update(it.ID, 0, map[string]any{"text": "boats", "folder": nil, "blob": small.ID})
				return err
			case 1:
				return w.Delete(it.ID, 0)
			case 2:
				return w.SetKey(fmt.Sprint("key:", i), it.ID)
			}
			return w.Link(locket.Edge{Source: it.ID, Name: "mentions", Target: page.Items[0].ID})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stalePages puts back one old page each, and says what table or index it is of.
func (p *prowled) stalePages() (all []map[string][]byte, owners []string) {
	old, now := p.old["pod.db"], p.now["pod.db"]
	for at := 0; at < min(len(old), len(now)); at += page {
		if !bytes.Equal(old[at:at+page], now[at:at+page]) {
			b := bytes.Clone(now)
			copy(b[at:], old[at:at+page])
			all, owners = append(all, with(p.now, "pod.db", b)), append(owners, p.owners[at/page+1])
		}
	}
	return all, owners
}

func (p *prowled) only(files map[string][]byte) []map[string][]byte {
	return []map[string][]byte{files}
}

// swaps swaps each page with the next.
func (p *prowled) swaps() (all []map[string][]byte) {
	now := p.now["pod.db"]
	for at := 0; at+2*page <= len(now); at += page {
		b := bytes.Clone(now)
		copy(b[at:], now[at+page:at+2*page])
		copy(b[at+page:], now[at:at+page])
		all = append(all, with(p.now, "pod.db", b))
	}
	return all
}

// changed returns the files after statements in the database.
func (p *prowled) changed(t *testing.T, statements string) map[string][]byte {
	t.Helper()
	p.put(t, p.now)
	p.withDatabase(t, func(db *sqlcipher.DB) error {
		_, err := db.ExecContext(t.Context(), statements)
		return err
	})
	return p.files(t)
}

// readOwners notes which table or index each page is of.
func (p *prowled) readOwners(t *testing.T) {
	t.Helper()
	p.owners = make(map[int]string)
	p.withDatabase(t, func(db *sqlcipher.DB) error {
		rows, err := db.QueryContext(t.Context(), `SELECT pageno, name FROM dbstat`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int
			var name string
			if err := rows.Scan(&n, &name); err != nil {
				return err
			}
			p.owners[n] = name
		}
		return rows.Err()
	})
}

// withDatabase opens the database as somebody does who has its key.
func (p *prowled) withDatabase(t *testing.T, fn func(*sqlcipher.DB) error) {
	t.Helper()
	err := p.folder.Keys(t.Context(), p.created.Pod, p.created.Token, func(k *pods.Keys) error {
		key, err := k.DatabaseKey()
		if err != nil {
			return err
		}
		db, err := sqlcipher.Open(t.Context(), k.DatabasePath(), key, sqlcipher.Options{MustExist: true})
		if err != nil {
			return err
		}
		return errors.Join(fn(db), db.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}
