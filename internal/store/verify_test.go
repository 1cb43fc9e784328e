package store_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/journal"
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
		return errors.Join(e.Name("01", "laptop", ""), e.Name("02", "robot's", r.agent.Principal().ID), e.Name("03", "old", ""))
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

// verify verifies the pod, which must be possible.
func (b *bench) verify(checkpoint string) store.Verified {
	b.t.Helper()
	got, err := b.v.Verify(b.t.Context(), checkpoint, nil)
	if err != nil {
		b.t.Fatal(err, cause(err))
	}
	return got
}

func TestVerifyRichPod(t *testing.T) {
	r := newRichPod(t)
	var reports int
	got, err := r.v.Verify(t.Context(), "", func(locket.Progress) { reports++ })
	if err != nil || got.Fault != "" || reports == 0 {
		t.Fatalf("%+v, %v %v, %d reports", got, err, cause(err), reports)
	}
	stats, err := r.v.Stats(t.Context())
	if err != nil || got.Entries != stats.Changes || got.Items != stats.Items+stats.Deleted || got.Actions <= got.Entries {
		t.Errorf("%+v does not fit %+v (%v)", got, stats, err)
	}
	g, err := r.v.Grown(t.Context(), "")
	if err != nil || g.Checkpoint != got.Checkpoint {
		t.Errorf("checkpoint %q, verified %q, %v", g.Checkpoint, got.Checkpoint, err)
	}
	if it, _ := r.v.Get(t.Context(), r.note.ID); it.Version != 4 {
		t.Errorf("a note of 4 actions has version %d", it.Version)
	}
	for _, noted := range []string{got.Checkpoint, newBench(t).verify("").Checkpoint} {
		_, err := r.v.Verify(t.Context(), noted, nil)
		if want := map[bool]locket.Code{true: "", false: locket.CodeInvalid}[noted == got.Checkpoint]; locket.CodeOf(err) != want {
			t.Errorf("with a checkpoint: %v", err)
		}
	}
}

func TestVerifyEmptyPod(t *testing.T) {
	b := newBench(t)
	if got := b.verify(""); got.Fault != "" || got.Entries != 0 || got.Checkpoint == "" {
		t.Errorf("%+v", got)
	}
	b.verify(b.verify("").Checkpoint)
}

func TestVerifyIsForWhoSeesAll(t *testing.T) {
	r := newRichPod(t)
	agents := 0
	for text, may := range map[string][2]bool{ // verify and prove
		doAnything: {false, false},
		manageAll:  {true, true},
		`{"rules":[{"actions":["manage"]},{"actions":["read"],"where":{"folder":"work"}}]}`:      {true, false},
		`{"rules":[{"actions":["manage"]},{"actions":["read"],"properties":["name"]}]}`:          {true, false},
		`{"rules":[{"actions":["manage"],"types":["Note"]},{"actions":["read","search"]}]}`:      {false, false},
		`{"rules":[{"actions":["manage"],"where":{"folder":"work"}},{"actions":["read"]}]}`:      {false, false},
		`{"rules":[{"actions":["manage","read"],"properties":["name"]},{"actions":["search"]}]}`: {false, false},
	} {
		agents++
		v := r.bench.agent(fmt.Sprint("agent ", agents), text)
		_, verify := v.Verify(t.Context(), "", nil)
		_, grown := v.Grown(t.Context(), "")
		_, prove := v.Prove(t.Context(), r.note.ID)
		export := v.ExportJournal(t.Context(), new(bytes.Buffer))
		for i, err := range []error{verify, grown, prove, export} {
			if want := map[bool]locket.Code{true: "", false: locket.CodeDenied}[may[i/2]]; locket.CodeOf(err) != want {
				t.Errorf("%s: door %d: %v", text, i, err)
			}
		}
	}
}

func TestVerifyCancelled(t *testing.T) {
	r := newRichPod(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := r.v.Verify(ctx, "", func(locket.Progress) { cancel() })
	if locket.CodeOf(err) != locket.CodeCancelled {
		t.Errorf("%v %v", err, cause(err))
	}
	r.create("Note", props{"name": "the connection serves again"})
}

func TestExportJournal(t *testing.T) {
	r := newRichPod(t)
	var out bytes.Buffer
	if err := r.v.ExportJournal(t.Context(), &out); err != nil {
		t.Fatal(err, cause(err))
	}
	want := r.verify("")
	got, err := journal.VerifyExport(&out, []byte(want.Checkpoint))
	if err != nil || got.Checkpoint.Size != want.Entries || got.Actions != want.Actions || got.Erased != 5 {
		t.Errorf("%+v, %v; verified %+v", got, err, want)
	}
	if len(got.Header.Principals) != 3 || got.Header.Principals[2].PublicKey != hex.EncodeToString(r.signer.Public().(ed25519.PublicKey)) {
		t.Errorf("principals %+v", got.Header.Principals)
	}
}

func TestProve(t *testing.T) {
	r := newRichPod(t)
	p, err := r.v.Prove(t.Context(), r.person.ID)
	if err != nil {
		t.Fatal(err, cause(err))
	}
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = journal.ParseProof(file); err != nil {
		t.Fatal(err)
	}
	proven, err := p.Check()
	if err != nil {
		t.Fatal(err, cause(err))
	}
	var did, by []string
	for _, a := range proven {
		did, by = append(did, string(a.Action)), append(by, string(a.SignedBy))
	}
	if got := strings.Join(did, " "); got != "create link unlink link unlink link update update link" {
		t.Errorf("proved %s", got)
	}
	if got := strings.Join(by, " "); got != "pod pod pod pod pod pod author pod pod" || proven[6].Props["name"] != "Anna by signs itself" {
		t.Errorf("signed by %s: %+v", got, proven[6])
	}
	if _, err := r.v.Prove(t.Context(), locket.NewItemID(r.clock)); locket.CodeOf(err) != locket.CodeNotFound {
		t.Errorf("a proof of nothing: %v", err)
	}
	for range 1000 - 4 {
		r.update(r.note, props{"text": r.clock.String()})
	}
	if _, err := r.v.Prove(t.Context(), r.note.ID); locket.CodeOf(err) != locket.CodeTooLarge || !strings.Contains(locket.MessageOf(err), "1001 things") {
		t.Errorf("a proof of 1001 actions: %v", err)
	}
}

func signed(t *testing.T, c journal.Checkpoint, key crypto.Signer) string {
	t.Helper()
	text, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGrown(t *testing.T) {
	b := newBench(t)
	var noted []journal.Checkpoint
	var texts []string
	for i := range 9 {
		g, err := b.v.Grown(t.Context(), "")
		if err != nil {
			t.Fatal(err, cause(err))
		}
		c, err := journal.OpenCheckpoint([]byte(g.Checkpoint), b.cfg.Signer.Public().(ed25519.PublicKey))
		if err != nil || c.Size != int64(i) {
			t.Fatalf("%+v, %v", c, err)
		}
		noted, texts = append(noted, c), append(texts, g.Checkpoint)
		b.create("Note", props{"name": "one more"})
	}
	agent := b.agent("robot", nothing)
	for i, text := range texts {
		g, err := b.v.Grown(t.Context(), text)
		if err != nil {
			t.Fatal(err, cause(err))
		}
		now, err := journal.OpenCheckpoint([]byte(g.Checkpoint), b.cfg.Signer.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.CheckGrowth(g.Proof, noted[i], now); err != nil {
			t.Errorf("from %d: %v", i, err)
		}
		if err := agent.CheckGrown(t.Context(), text); err != nil {
			t.Errorf("from %d: %v", i, err)
		}
	}

	longer, other := noted[8], noted[4]
	longer.Size, other.Root[3] = 99, other.Root[3]^1
	foreign := noted[4]
	foreign.Pod = locket.NewPodID()
	_, thief, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		code locket.Code
	}{
		"longer":      {signed(t, longer, b.cfg.Signer), locket.CodeRolledBack},
		"another":     {signed(t, other, b.cfg.Signer), locket.CodeRolledBack},
		"another pod": {signed(t, foreign, b.cfg.Signer), locket.CodeInvalid},
		"another key": {signed(t, noted[4], thief), locket.CodeInvalid},
		"no text":     {"?", locket.CodeInvalid},
	} {
		_, err := b.v.Grown(t.Context(), c.text)
		if err2 := agent.CheckGrown(t.Context(), c.text); locket.CodeOf(err) != c.code || locket.CodeOf(err2) != c.code {
			t.Errorf("%s: %v and %v", name, err, err2)
		}
	}
	if err := agent.CheckGrown(t.Context(), ""); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("nothing: %v", err)
	}
}

// BenchmarkVerify verifies entries that created one note each. The goal is 15,000 a
// second.
func BenchmarkVerify(b *testing.B) {
	p := newBench(b)
	const entries = 100_000
	for i := range entries {
		_, err := p.v.Write(b.Context(), func(w *store.Writer) error {
			_, err := w.Create(store.Draft{Type: "Note", Props: props{"name": fmt.Sprint("note ", i), "text": "boats in the harbour"}})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if got := p.verify(""); got.Fault != "" || got.Entries != entries {
			b.Fatalf("%+v", got)
		}
	}
	b.ReportMetric(float64(b.N)*entries/b.Elapsed().Seconds(), "entries/s")
}
