package store_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

const doAnything = `{"rules":[{"actions":["read","search","create","update","delete","link"]}]}`

func TestUndo(t *testing.T) {
	b := newBench(t)
	kept := b.create("Note", props{"name": "kept", "text": "first", "folder": "in", "dateCreated": "2026-01-02"})
	gone := b.create("Note", props{"name": "gone"})
	shared := b.create("Note", props{"name": "shared", "text": "mine"})
	b.write(func(w *store.Writer) error {
		return w.Link(locket.Edge{Source: kept.ID, Name: "old", Target: shared.ID})
	})
	v := b.agent("robot", doAnything)
	do := func(fn func(w *store.Writer) error) {
		t.Helper()
		b.clock = b.clock.Add(time.Second)
		if _, err := v.Write(t.Context(), fn); err != nil {
			t.Fatal(err, cause(err))
		}
	}
	start := b.clock.Add(time.Second)
	var made, touched locket.Item
	do(func(w *store.Writer) (err error) {
		if made, err = w.Create(store.Draft{Type: "Note", Props: props{"name": "made"}}); err != nil {
			return err
		}
		if touched, err = w.Create(store.Draft{Type: "Note", Props: props{"name": "touched"}}); err != nil {
			return err
		}
		_, err = w.Update(kept.ID, 0, props{"text": "second", "folder": nil, "keywords": []any{"k"}, "dateCreated": "2026-03-04"})
		return err
	})
	do(func(w *store.Writer) error { _, err := w.Update(kept.ID, 0, props{"text": "third"}); return err })
	do(func(w *store.Writer) error { return w.Delete(gone.ID, 0) })
	do(func(w *store.Writer) error {
		_, err := w.Update(shared.ID, 0, props{"name": "stolen", "text": "theirs"})
		return err
	})
	do(func(w *store.Writer) error {
		if err := w.Link(locket.Edge{Source: kept.ID, Name: "new", Target: gone.ID}); locket.CodeOf(err) != locket.CodeNotFound {
			t.Errorf("link to a deleted item: %v", err)
		}
		if err := w.Unlink(locket.Edge{Source: kept.ID, Name: "old", Target: shared.ID}); err != nil {
			return err
		}
		return w.Link(locket.Edge{Source: kept.ID, Name: "new", Target: shared.ID})
	})
	b.write(func(w *store.Writer) error {
		if _, err := w.Update(touched.ID, 0, props{"text": "the owner's"}); err != nil {
			return err
		}
		_, err := w.Update(shared.ID, 0, props{"text": "mine again"})
		return err
	})

	r := store.UndoRequest{Principal: v.Principal().ID, Since: start, DryRun: true}
	dry, err := b.v.Undo(t.Context(), r)
	if err != nil {
		t.Fatal(err, cause(err))
	}
	if it, _ := b.v.Get(t.Context(), kept.ID); it.Text("text") != "third" {
		t.Errorf("a dry run changed %+v", it)
	}
	r.DryRun = false
	got, err := b.v.Undo(t.Context(), r)
	if err != nil {
		t.Fatal(err, cause(err))
	}
	if !reflect.DeepEqual(got, dry) {
		t.Errorf("done   %+v\nwanted %+v", got, dry)
	}
	if s := fmt.Sprint(got.Changes, got.Reverted, got.Deleted, got.Restored, got.Links, len(got.Skipped)); s != "5 2 1 1 2 1" {
		t.Errorf("counts %s: %+v", s, got)
	}
	check := func(id locket.ItemID, want props, deleted bool) {
		t.Helper()
		it, err := b.v.Get(t.Context(), id)
		if err != nil || it.Deleted != deleted || !reflect.DeepEqual(it.Props, want) {
			t.Errorf("got %+v %v, want %v, deleted %v", it, err, want, deleted)
		}
	}
	check(kept.ID, props{"name": "kept", "text": "first", "folder": "in", "dateCreated": time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, false)
	check(gone.ID, props{"name": "gone"}, false)
	check(shared.ID, props{"name": "shared", "text": "mine again"}, false)
	check(made.ID, props{"name": "made"}, true)
	check(touched.ID, props{"name": "touched", "text": "the owner's"}, false)
	edges, err := b.v.Edges(t.Context(), kept.ID, "out", "", 0, "")
	if err != nil || len(edges.Items) != 1 || edges.Items[0].Edge.Name != "old" {
		t.Errorf("edges %+v, %v", edges.Items, err)
	}
	again, err := b.v.Undo(t.Context(), r)
	if err != nil || again.Reverted+again.Deleted+again.Restored+again.Links != 0 {
		t.Errorf("undoing again did %+v, %v", again, err)
	}
	if _, err := v.Undo(t.Context(), r); locket.CodeOf(err) != locket.CodeDenied {
		t.Errorf("an agent undid: %v", err)
	}
}
