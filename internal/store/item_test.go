package store_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func TestItemRoundTrip(t *testing.T) {
	b := newBench(t)
	anna := b.create("Person", props{"name": "Anna"})
	when := time.Date(2026, 3, 4, 5, 6, 7, 890000, time.FixedZone("", 3600))
	want := props{
		"name": "Grüße, 世界 \"quoted\" \\ <tag>", "text": "line\nline", "keywords": []any{"a", "b"},
		"dateSent": when.UTC().Truncate(time.Microsecond), "defects": int64(9007199254740993),
	}
	it := b.create("Message", props{
		"name": want["name"], "text": want["text"], "keywords": []string{"a", "b"},
		"dateSent": when.Format(time.RFC3339Nano), "defects": json.Number("9007199254740993"), "sender": nil,
	})
	b.reopen()
	got, err := b.v.Get(t.Context(), it.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Props, want) {
		t.Errorf("got  %#v\nwant %#v", got.Props, want)
	}
	if got.Version != 1 || got.Type != "Message" || got.Created.IsZero() || got.Deleted {
		t.Errorf("got %+v", got)
	}
	if anna.ID == it.ID {
		t.Error("two items with one id")
	}
}

func TestStrictChecking(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		typ   string
		props props
		code  locket.Code
		says  string
	}{
		{"Memo", props{}, locket.CodeInvalid, `no type "Memo"`},
		{"Note", props{"colour": "red"}, locket.CodeInvalid, `Note has no property "colour"`},
		{"Note", props{"name": 7}, locket.CodeInvalid, "Note.name: expected text, got another number"},
		{"Note", props{"name": []any{"x"}}, locket.CodeInvalid, "Note.name: expected text, got a list"},
		{"Note", props{"keywords": "x"}, locket.CodeInvalid, "Note.keywords: expected a list"},
		{"Note", props{"keywords": []any{1}}, locket.CodeInvalid, "Note.keywords: expected a list, each value text"},
		{"Note", props{"name": "bad\xff"}, locket.CodeInvalid, "not valid UTF-8"},
		{"Note", props{"name": "bad\x00"}, locket.CodeInvalid, "NUL"},
		{"Note", props{"dateCreated": "yesterday"}, locket.CodeInvalid, "Note.dateCreated: expected a time"},
		{"Note", props{"dateCreated": "12026-01-01T00:00:00Z"}, locket.CodeInvalid, "expected a time"},
		{"Photo", props{"width": 1.5}, locket.CodeInvalid, "Photo.width: expected a whole number"},
		{"Photo", props{"latitude": json.Number("1e999")}, locket.CodeInvalid, "Photo.latitude: expected a finite number"},
		{"Event", props{"allDay": "yes"}, locket.CodeInvalid, "Event.allDay: expected true or false"},
		{"Note", props{"blob": "nonsense"}, locket.CodeInvalid, "Note.blob: expected the id of a blob"},
		{"Note", props{"blob": string(locket.NewBlobID())}, locket.CodeInvalid, "no blob with this id"},
		{"Note", props{"text": strings.Repeat("x", 17<<20)}, locket.CodeTooLarge, "keep it as a blob"},
	} {
		b.fails(c.code, c.says, func(w *store.Writer) error {
			_, err := w.Create(store.Draft{Type: c.typ, Props: c.props})
			return err
		})
	}
	b.fails(locket.CodeInvalid, "not an id", func(w *store.Writer) error {
		_, err := w.Create(store.Draft{ID: "x", Type: "Note"})
		return err
	})
	if st, err := b.v.Stats(t.Context()); err != nil || st.Items != 0 || st.Changes != 0 {
		t.Errorf("refused items left traces: %+v, %v", st, err)
	}
}

func TestUpdateAndHistory(t *testing.T) {
	b := newBench(t)
	it := b.create("Note", props{"name": "one", "text": "first", "folder": "in"})
	c2 := b.write(func(w *store.Writer) error {
		_, err := w.Update(it.ID, 1, props{"name": "two", "folder": nil})
		return err
	})
	c3 := b.write(func(w *store.Writer) error {
		_, err := w.Update(it.ID, 0, props{"folder": "out", "dateCreated": "2026-01-02"})
		return err
	})
	b.write(func(w *store.Writer) error { // changes nothing: no version, no leaf
		got, err := w.Update(it.ID, 3, props{"name": "two"})
		if err == nil && got.Version != 3 {
			t.Errorf("an update without effect made version %d", got.Version)
		}
		return err
	})
	b.reopen()
	h, err := b.v.History(t.Context(), it.ID, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []props{
		{"folder": "out", "dateCreated": time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
		{"name": "two", "folder": nil},
		{"name": "one", "text": "first", "folder": "in"},
	}
	if len(h.Items) != 3 {
		t.Fatalf("got %d revisions: %+v", len(h.Items), h.Items)
	}
	for i, r := range h.Items {
		if !reflect.DeepEqual(r.Props, want[i]) {
			t.Errorf("revision %d: got %v, want %v", i, r.Props, want[i])
		}
		if r.Author != b.owner.ID {
			t.Errorf("revision %d by %s", i, r.Author)
		}
	}
	if h.Items[0].Change != c3.ID || h.Items[1].Change != c2.ID || h.Items[2].Action != locket.ActionCreate {
		t.Errorf("got %+v", h.Items)
	}
}

func TestOptimisticConcurrency(t *testing.T) {
	b := newBench(t)
	it := b.create("Note", props{"name": "one"})
	set := func(version int64) func(*store.Writer) error {
		return func(w *store.Writer) error {
			_, err := w.Update(it.ID, version, props{"name": "mine"})
			return err
		}
	}
	b.write(set(1))
	b.fails(locket.CodeConflict, "version 2, not 1", set(1))
	b.fails(locket.CodeConflict, "version 2, not 1", func(w *store.Writer) error { return w.Delete(it.ID, 1) })
	b.fails(locket.CodeConflict, "version 2, not 1", func(w *store.Writer) error { return w.Erase(it.ID, 1) })
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	b := newBench(t)
	boom := errors.New("boom")
	_, err := b.v.Write(t.Context(), func(w *store.Writer) error {
		if _, err := w.Create(store.Draft{Type: "Note", Props: props{"name": "ghost"}, Keys: []string{"k"}}); err != nil {
			return err
		}
		if _, err := w.PutBlob(strings.NewReader(strings.Repeat("ghost", 50000))); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	st, err := b.v.Stats(t.Context())
	if err != nil || st.Items != 0 || st.Blobs != 0 || st.Changes != 0 {
		t.Errorf("left %+v, %v", st, err)
	}
	for f := range b.cfg.Blobs.Entries() {
		t.Errorf("left the blob file %s", f.Name)
	}
	if got := b.found("ghost"); len(got) != 0 {
		t.Errorf("search finds %v", got)
	}
}

func TestDeleteRestoreErase(t *testing.T) {
	b := newBench(t)
	it := b.create("Note", props{"name": "secretplan", "text": "the heist"})
	other := b.create("Note", props{"name": "other"})
	b.write(func(w *store.Writer) error {
		return w.Link(locket.Edge{Source: other.ID, Name: "mentions", Target: it.ID})
	})
	b.write(func(w *store.Writer) error { return w.Delete(it.ID, 0) })
	if got := b.found("heist"); len(got) != 0 {
		t.Errorf("deleted item found: %v", got)
	}
	if p, err := b.v.Edges(t.Context(), other.ID, store.Both, "", 0, ""); err != nil || len(p.Items) != 0 {
		t.Errorf("edge to a deleted item: %v %v", p, err)
	}
	if got, err := b.v.Get(t.Context(), it.ID); err != nil || !got.Deleted {
		t.Errorf("got %+v, %v", got, err)
	}
	b.fails(locket.CodeConflict, "restore it first", func(w *store.Writer) error {
		_, err := w.Update(it.ID, 0, props{"name": "x"})
		return err
	})
	b.write(func(w *store.Writer) error { return w.Restore(it.ID, 0) })
	if got := b.found("heist"); len(got) != 1 {
		t.Errorf("restored item not found: %v", got)
	}
	b.write(func(w *store.Writer) error { return w.Erase(it.ID, 0) })
	if log, err := os.Stat(b.cfg.Path + "-wal"); err != nil || log.Size() != 0 {
		t.Errorf("the log still holds pages from before the erasure: %v, %v", log, err)
	}
	if _, err := b.v.Get(t.Context(), it.ID); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("erased item: %v", err)
	}
	if _, err := b.v.History(t.Context(), it.ID, 0, ""); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("history of an erased item: %v", err)
	}
	if got := b.found("heist"); len(got) != 0 {
		t.Errorf("erased item found: %v", got)
	}
	for n := int64(1); n <= 6; n++ { // every change verifies, with the erased leaves
		if _, err := b.v.Change(t.Context(), n); err != nil {
			t.Errorf("change %d: %v", n, err)
		}
	}
	if bad, err := b.v.CheckIntegrity(t.Context()); err != nil || len(bad) > 0 {
		t.Errorf("integrity: %v %v", bad, err)
	}
	next := b.create("Note", props{"name": "next"})
	if h, err := b.v.History(t.Context(), next.ID, 0, ""); err != nil || len(h.Items) != 1 {
		t.Errorf("an erased item's number was given again: %+v %v", h, err)
	}
}

func TestChangesAreSignedAndChained(t *testing.T) {
	b := newBench(t)
	var last locket.Change
	for i := range 3 {
		c := b.write(func(w *store.Writer) error {
			for range i + 1 {
				if _, err := w.Create(store.Draft{Type: "Note", Props: props{"name": "n", "text": "t"}}); err != nil {
					return err
				}
			}
			return nil
		})
		if c.ID != last.ID+1 || c.Seq != last.Seq+1 || c.HLC <= last.HLC || c.Leaves != i+1 || c.Author != b.owner.ID {
			t.Errorf("change %+v after %+v", c, last)
		}
		got, err := b.v.Change(t.Context(), c.ID)
		if err != nil || got != c {
			t.Errorf("stored %+v, want %+v (%v)", got, c, err)
		}
		last = c
	}
	if c := b.write(func(*store.Writer) error { return nil }); c != (locket.Change{}) {
		t.Errorf("a write of nothing made %+v", c)
	}
	b.clock = b.clock.Add(-time.Hour) // a clock set back
	if c := b.write(func(w *store.Writer) error { _, err := w.Create(store.Draft{Type: "Note"}); return err }); c.HLC <= last.HLC {
		t.Error("the clock went back")
	}
	if _, err := b.v.Change(t.Context(), 99); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("change 99: %v", err)
	}
}

func TestKeys(t *testing.T) {
	b := newBench(t)
	var it locket.Item
	b.write(func(w *store.Writer) (err error) {
		it, err = w.Create(store.Draft{Type: "Person", Props: props{"name": "Anna"}, Keys: []string{"person:email:anna@example.com"}})
		return err
	})
	b.write(func(w *store.Writer) error {
		id, ok, err := w.Find("person:email:anna@example.com")
		if err != nil || !ok || id != it.ID {
			t.Errorf("Find: %v %v %v", id, ok, err)
		}
		if _, ok, err := w.Find("nobody"); ok || err != nil {
			t.Errorf("Find(nobody): %v %v", ok, err)
		}
		return w.SetKey("person:uid:1", it.ID)
	})
	b.fails(locket.CodeExists, "external key", func(w *store.Writer) error {
		_, err := w.Create(store.Draft{Type: "Person", Keys: []string{"person:uid:1"}})
		return err
	})
}
