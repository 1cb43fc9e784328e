package store_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// A richPod has been through everything that the journal records.
type richPod struct {
	*bench
	person, note, gone, deleted, imported locket.Item
	agent                                 *store.View
	plugin                                locket.Principal // signs itself
	signer                                ed25519.PrivateKey
}

const manageAll = `{"rules":[{"actions":["read","search","create","update","delete","link","manage"]}]}`

func newRichPod(t testing.TB) *richPod {
	r := &richPod{bench: newBench(t)}
	r.write(func(w *store.Writer) error {
		if err := w.Extend(locket.Type{Name: "Boat", Properties: []locket.Property{{Name: "name", Kind: locket.Text, Role: locket.RoleTitle}}}); err != nil {
			return err
		}
		return w.Extend(locket.Type{Name: "Note", Properties: []locket.Property{{Name: "mood", Kind: locket.Real}}})
	})
	r.write(func(w *store.Writer) error {
		return w.Extend(locket.Type{Name: "Boat", Properties: []locket.Property{{Name: "launched", Kind: locket.Time}}})
	})
	r.fillItems()
	r.fillPrincipals(t)
	r.fillErasures()
	undone, err := r.v.Undo(t.Context(), store.UndoRequest{Principal: r.agent.Principal().ID})
	if err != nil || undone.Reverted != 1 {
		t.Fatal(undone, err)
	}
	_, err = r.agent.Write(t.Context(), func(w *store.Writer) error {
		_, err := w.Create(store.Draft{Type: "Note"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fillItems changes items in every way, and some twice in one transaction.
func (r *richPod) fillItems() {
	r.person = r.create("Person", props{"name": "Anna", "birthDate": "1990-02-03"})
	r.note = r.create("Note", props{"name": "harbour", "text": "boats", "folder": "work", "keywords": []any{"a", "b"}, "mood": 0.5})
	r.create("Note", nil)
	r.update(r.note, props{"text": "more boats", "folder": nil})
	r.update(r.note, props{"text": nil, "mood": 1.0, "dateCreated": "2026-03-04"})
	r.write(func(w *store.Writer) error {
		for _, set := range []props{
			{"text": "third", "name": "quay", "url": "https://a.example"},
			{"text": "fourth", "keywords": []any{"ü"}},
			{"text": "more boats", "url": nil},
		} {
			if _, err := w.Update(r.note.ID, 0, set); err != nil {
				return err
			}
		}
		b, err := w.Create(store.Draft{Type: "Boat", Props: props{"name": "Kraken", "launched": "2001-01-01"}})
		if err != nil {
			return err
		}
		if _, err := w.Update(b.ID, 0, props{"launched": nil, "name": "Krake"}); err != nil {
			return err
		}
		return w.Delete(b.ID, 0)
	})
	r.deleted = r.create("Bookmark", props{"name": "old", "url": "https://b.example"})
	for range 2 {
		r.write(func(w *store.Writer) error { return w.Delete(r.deleted.ID, 0) })
		r.write(func(w *store.Writer) error { return w.Restore(r.deleted.ID, 0) })
	}
	r.write(func(w *store.Writer) error { return w.Delete(r.deleted.ID, 0) })
	r.write(func(w *store.Writer) (err error) {
		w.From(locket.Source{Import: "1", Item: r.note.ID})
		r.imported, err = w.Create(store.Draft{Type: "Note", Props: props{"name": "imported", "text": "from outside"}, Keys: []string{"k:1"}})
		return err
	})
	r.update(r.imported, props{"text": "corrected"})
	r.update(r.imported, props{"name": "by the owner alone"})
	r.link("about", r.note, r.person)
	r.link("knows", r.person, r.note)
	r.unlink("knows", r.person, r.note)
	r.link("likes", r.person, r.note)
	r.unlink("likes", r.person, r.note)
	r.link("likes", r.person, r.note)
}

// fillPrincipals has others read, write, be refused, come and go.
func (r *richPod) fillPrincipals(t testing.TB) {
	r.agent = r.bench.agent("robot", doAnything)
	_, signer, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.signer = signer
	r.plugin = r.principal(locket.Principal{
		Kind: locket.KindPlugin, Name: "signs itself", Policy: parse(t, doAnything),
		PublicKey: strings.ToUpper(hex.EncodeToString(signer.Public().(ed25519.PublicKey))),
	})
	v, err := r.s.Admit(t.Context(), store.Visitor{Principal: r.plugin.ID, Signer: signer, Source: locket.Source{Session: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*store.View{v, r.agent} {
		r.clock = r.clock.Add(time.Second)
		_, err = v.Write(t.Context(), func(w *store.Writer) error {
			_, err := w.Update(r.person.ID, 0, props{"name": "Anna by " + v.Principal().Name})
			return err
		})
		if err != nil {
			t.Fatal(err, cause(err))
		}
	}
	if _, err := r.agent.Search(t.Context(), locket.Search{Text: "boats"}); err != nil {
		t.Fatal(err)
	}
	asked := strings.Repeat("é", 1500) // is cut in the middle of a letter
	err = r.agent.Serve(t.Context(), store.Request{Op: "x", Permission: locket.MayManage, Asked: "." + asked}, func(context.Context) error { return nil })
	if locket.CodeOf(err) != locket.CodeDenied {
		t.Fatal(err)
	}
	name, paused := "Ada", locket.StatePaused
	r.write(func(w *store.Writer) error {
		_, err := w.ChangePrincipal(r.plugin.ID, store.PrincipalChange{State: &paused, Policy: parse(t, readWork)})
		if err != nil {
			return err
		}
		_, err = w.ChangePrincipal(r.owner.ID, store.PrincipalChange{Name: &name})
		return err
	})
	r.write(func(w *store.Writer) error {
		for _, id := range []string{"0123456789abcdef", "fedcba9876543210", "aaaaaaaaaaaaaaaa"} {
			g := store.Grant{Principal: r.agent.Principal().ID, Audience: "web", Expires: r.clock.Add(time.Hour)}
			if id[0] == 'f' {
				g.Policy = parse(t, readWork)
			}
			if _, err := w.AddGrant([]byte(id), g); err != nil {
				return err
			}
		}
		return w.EndGrant(hex.EncodeToString([]byte("aaaaaaaaaaaaaaaa")))
	})
	r.editSlots(func(e *store.SlotEditor) error {
		return errors.Join(e.Name("01", "laptop", "", ""), e.Name("02", "robot's", "", r.agent.Principal().ID), e.Name("03", "old", "", ""))
	})
	r.editSlots(func(e *store.SlotEditor) error { return e.Forget("03") })
}

// fillErasures erases items with a past, linked ones, and one in the transaction that
// made it.
func (r *richPod) fillErasures() {
	r.gone = r.create("Note", props{"name": "gone", "text": "for good"})
	r.update(r.gone, props{"text": "soon"})
	r.link("about", r.gone, r.person)
	r.link("about", r.person, r.gone)
	r.write(func(w *store.Writer) error {
		it, err := w.Create(store.Draft{Type: "Note", Props: props{"name": "never there"}})
		if err != nil {
			return err
		}
		if err := w.Link(locket.Edge{Source: it.ID, Name: "about", Target: r.note.ID}); err != nil {
			return err
		}
		return errors.Join(w.Erase(it.ID, 0), w.Erase(r.gone.ID, 0))
	})
	r.write(func(w *store.Writer) error { // another item with the id of one that was linked
		_, err := w.Create(store.Draft{ID: r.gone.ID, Type: "Note", Props: props{"name": "again"}})
		return err
	})
}

func (r *richPod) update(it locket.Item, set props) {
	r.t.Helper()
	r.write(func(w *store.Writer) error {
		_, err := w.Update(it.ID, 0, set)
		return err
	})
}

func (r *richPod) link(name string, a, b locket.Item) {
	r.t.Helper()
	r.write(func(w *store.Writer) error { return w.Link(locket.Edge{Source: a.ID, Name: name, Target: b.ID}) })
}

func (r *richPod) unlink(name string, a, b locket.Item) {
	r.t.Helper()
	r.write(func(w *store.Writer) error { return w.Unlink(locket.Edge{Source: a.ID, Name: name, Target: b.ID}) })
}

func (b *bench) editSlots(fn func(*store.SlotEditor) error) {
	b.t.Helper()
	b.clock = b.clock.Add(time.Second)
	if err := b.v.EditSlots(b.t.Context(), fn); err != nil {
		b.t.Fatal(err, cause(err))
	}
}
