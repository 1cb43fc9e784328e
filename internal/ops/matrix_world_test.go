package ops_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/ops"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/store"
)

// An actor is somebody who comes with a credential, and what the matrix expects of them.
type actor struct {
	name    string
	kind    locket.PrincipalKind
	id      locket.PrincipalID
	cred    keyring.Credential
	key     string              // id of the key, if that is the credential
	refused locket.Code         // at the door
	may     []locket.Permission // on everything, or else on the notes at work
	all     bool                // on everything
	reads   bool                // they may read everything, whatever else
	session bool                // they come with a grant
	narrow  bool                // which has a policy of its own
}

func (a *actor) owner() bool { return a.kind == locket.KindOwner && !a.narrow }

// A target is what an operation is asked to work on.
type target struct {
	name          string
	item          locket.ItemID
	blob          locket.BlobID
	there, atWork bool
}

// A matrixWorld is a folder with two pods that is put back as it was after each write.
type matrixWorld struct {
	t          *testing.T
	path, copy string
	sealer     *keyring.ProcessSealer
	clock      time.Time
	f          *pods.Folder
	pod        locket.PodID
	ownerKey   *keyring.Token
	actors     []*actor
	targets    []target // own, hidden, missing, another pod's
	other      locket.ItemID

	victim, protege *actor // made by the owner, and by the steward
	victimGrant     string
	approval        string // of something that an agent of the owner's asked for
	ownerKeyID      string // of one that nobody uses
}

const (
	mayAtWork  = `{"rules":[{"actions":["read","search"],"types":["Note"],"where":{"folder":"work"}}]}`
	mayMost    = `{"rules":[{"actions":["read","search","create","update","delete","link","import","export"]}]}`
	mayAll     = `{"rules":[{"actions":["read","search","create","update","delete","link","import","export","manage"]}]}`
	maySteward = `{"rules":[{"actions":["read","manage"],"types":["Note"],"where":{"folder":"work"}}]}`
	mayEdit    = `{"rules":[{"actions":["read","search","create","update","delete","link"],"types":["Note"],"where":{"folder":"work"}}]}`
	mayReadAll = `{"rules":[{"actions":["read"]},{"actions":["search","create","update","delete","link"],"types":["Note"],"where":{"folder":"work"}}]}`
	mayReview  = `{"rules":[{"actions":["read"],"types":["Note"]},{"actions":["create","update"],"types":["Note"],"review":true}]}`
	mayNothing = `{"rules":[]}`
	mayBefore  = `{"rules":[{"actions":["read","search","create","update","delete","link","import","export","manage"]}],"expires":"2026-01-01T00:00:00Z"}`
)

func newMatrixWorld(t *testing.T) *matrixWorld {
	t.Helper()
	w := &matrixWorld{t: t, path: filepath.Join(t.TempDir(), "pods"), copy: filepath.Join(t.TempDir(), "copy"), clock: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	w.sealer = keyring.NewProcessSealer(func() time.Time { return w.clock })
	w.open()
	t.Cleanup(func() {
		if err := w.f.Close(); err != nil {
			t.Error(err)
		}
	})
	created, err := w.f.Create(t.Context(), pods.New{Owner: "Anna", Password: keyring.Password{Secret: secret.Take([]byte("correct horse"))}, KeyName: "laptop"})
	w.check(err)
	other, err := w.f.Create(t.Context(), pods.New{Owner: "Ben", KeyName: "laptop"})
	w.check(err)
	w.pod, w.ownerKey = created.Pod, created.Token
	w.fill(other)
	w.people(other)
	w.clock = w.clock.Add(time.Hour)
	w.check(w.f.Close())
	w.check(os.CopyFS(w.copy, os.DirFS(w.path)))
	w.open()
	return w
}

func (w *matrixWorld) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *matrixWorld) open() {
	f, err := pods.Open(w.path, pods.Options{
		KeepOpen: time.Hour, Sealer: w.sealer, KDF: keyring.Params{Memory: 19 << 10, Passes: 2, Lanes: 1}, Now: func() time.Time { return w.clock },
	})
	w.check(err)
	w.f = f
}

// restore puts the folder back as it was.
func (w *matrixWorld) restore() {
	w.check(w.f.Close())
	w.check(os.RemoveAll(w.path))
	w.check(os.CopyFS(w.path, os.DirFS(w.copy)))
	w.open()
}

func (w *matrixWorld) visit(cred keyring.Credential, fn func(ctx context.Context, v *pods.Visit) error) error {
	ctx := w.t.Context()
	return w.f.Visit(ctx, pods.Call{Pod: w.pod, Credential: cred}, func(v *pods.Visit) error { return fn(ctx, v) })
}

// fill makes the items.
func (w *matrixWorld) fill(other pods.Created) {
	make := func(v *store.View, folder string) (tg target, err error) {
		info, err := v.PutBlob(w.t.Context(), strings.NewReader("content of "+folder))
		if err != nil {
			return tg, err
		}
		_, err = v.Write(w.t.Context(), func(wr *store.Writer) error {
			it, err := wr.Create(store.Draft{Type: "Note", Props: map[string]any{"name": "note", "text": "tulip", "folder": folder, "blob": string(info.ID)}})
			tg = target{item: it.ID, blob: info.ID}
			return err
		})
		return tg, err
	}
	var own, hidden, foreign target
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) (err error) {
		if own, err = make(v.View, "work"); err != nil {
			return err
		}
		if hidden, err = make(v.View, "home"); err != nil {
			return err
		}
		other, err := make(v.View, "work")
		w.other = other.item
		if err != nil {
			return err
		}
		_, err = v.View.Write(ctx, func(wr *store.Writer) error {
			if err := wr.StartImport("run-1", "mail.zip"); err != nil {
				return err
			}
			return wr.FinishImport("run-1")
		})
		return err
	}))
	w.check(w.f.Do(w.t.Context(), other.Pod, other.Token, func(v *store.View) (err error) {
		foreign, err = make(v, "work")
		return err
	}))
	own.name, own.there, own.atWork = "own", true, true
	hidden.name, hidden.there = "hidden", true
	foreign.name = "another pod's"
	missing := target{name: "missing", item: locket.NewItemID(w.clock), blob: locket.NewBlobID()}
	w.targets = []target{own, hidden, missing, foreign}
}

// run does an operation as a face does.
func (w *matrixWorld) run(a *actor, o ops.Op, args map[string]string, body string) (answer string, err error) {
	in := o.New()
	for _, f := range o.Fields() {
		if text, ok := args[f.Name]; ok {
			w.check(f.Set(in, text))
		}
	}
	err = w.visit(a.cred, func(ctx context.Context, v *pods.Visit) error {
		out, err := o.Run(ctx, &ops.Call{Visit: v, Body: strings.NewReader(body)}, in)
		if err != nil {
			return err
		}
		answer, err = drain(ctx, out)
		return err
	})
	return answer, err
}

// tells reports whether an answer has anything of what only those see who see everything.
func (w *matrixWorld) tells(answer string) bool {
	hidden := w.targets[1]
	return slices.ContainsFunc([]string{string(hidden.item), string(hidden.blob), "home"}, func(s string) bool { return strings.Contains(answer, s) })
}

// drain is an answer as text.
func drain(ctx context.Context, out any) (string, error) {
	switch out := out.(type) {
	case *ops.File:
		b, err := io.ReadAll(out)
		return string(b), join(err, out.Close())
	case *ops.Stream:
		var b strings.Builder
		err := out.Write(ctx, &b)
		return b.String(), err
	}
	b, err := json.Marshal(out)
	return string(b), err
}

// state is all that the owner knows of the pod but the journal.
func (w *matrixWorld) state() (text string) {
	w.t.Helper()
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) error {
		living, err1 := v.View.Query(ctx, locket.Query{Limit: 1000})
		deleted, err2 := v.View.Query(ctx, locket.Query{Limit: 1000, Deleted: true})
		people, err3 := v.View.Principals(ctx)
		for i := range people {
			people[i].Seen = time.Time{}
		}
		grants, err4 := v.View.Grants(ctx)
		keys, err5 := v.Keys().List(ctx)
		types, err6 := v.View.Types(ctx)
		st, err7 := v.View.Stats(ctx)
		st.Changes, st.FileBytes = 0, 0
		imports, err8 := v.View.Imports(ctx, 0, "")
		waiting, err9 := v.View.Approvals(ctx)
		b, err10 := json.Marshal([]any{living, deleted, people, grants, keys, types, st, imports, waiting})
		text = string(b)
		return join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10)
	}))
	return text
}

// journal returns the entries after the one of a number, and the number of the last.
func (w *matrixWorld) journal(after int64) (list []store.JournalEntry, last int64) {
	w.t.Helper()
	w.check(w.visit(w.ownerKey, func(ctx context.Context, v *pods.Visit) error {
		page, err := v.View.Journal(ctx, store.JournalQuery{Limit: 3})
		for _, e := range page.Items {
			last = max(last, e.ID)
			if e.ID > after {
				list = append(list, e)
			}
		}
		return err
	}))
	return list, last
}
