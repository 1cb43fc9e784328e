package pods_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
)

func (w *keyWorld) check() error {
	p := w.procs[w.step%2]
	for cred := range w.creds {
		if w.spared("live", cred, w.live) {
			continue
		}
		if err := w.visits(p.folder, cred, &w.live, &p.memory); err != nil {
			return fmt.Errorf("the live pod, process %d: %w", w.step%2, err)
		}
	}
	for i, c := range w.copies {
		if err := w.checkCopy(c); err != nil {
			return fmt.Errorf("copy %d: %w", i, err)
		}
	}
	return nil
}

// spared tells of a password that is not tried again: its cost is on purpose. It is tried
// once with each header of the live pod, once with each of the copies, and now and then
// where no slot takes it, which costs most.
func (w *keyWorld) spared(where string, cred int, p modelPlace) bool {
	c := w.known[cred]
	if c.kind != keyring.KindPassword {
		return false
	}
	some := slices.ContainsFunc(p.header.slots, func(s modelSlot) bool { return s.kind == c.kind && (s.device == 0 || c.device > 0) })
	key := fmt.Sprint(where, cred, p.header)
	if w.tried[key] || !some && (cred+w.step)%16 != 0 {
		return true
	}
	w.tried[key] = true
	return false
}

// checkCopy tries the credentials that are new since the last time, without a memory of the
// pod, and one with that of a process.
func (w *keyWorld) checkCopy(c *keyCopy) error {
	dir, err := w.dir()
	if err != nil {
		return err
	}
	if err := w.copyPod(c.dir, dir, isPart); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // all goes in the end
	place := c.place
	if err := w.checkStranger(dir, &place, c.tested); err != nil {
		return err
	}
	c.tested = len(w.creds)
	return w.checkWitness(dir, place)
}

func (w *keyWorld) checkStranger(dir string, place *modelPlace, from int) error {
	f, err := w.open(dir, "")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing is open
	for cred := from; cred < len(w.creds); cred++ {
		if w.spared("copy", cred, *place) {
			continue
		}
		if err := w.rehearses(f, cred, place); err != nil {
			return fmt.Errorf("rehearse %s: %w", w.name(cred), err)
		}
		if err := w.visits(f, cred, place, new(modelWitness)); err != nil {
			return err
		}
	}
	return nil
}

// rehearses compares what a rehearsal says. It must change nothing.
func (w *keyWorld) rehearses(f *pods.Folder, cred int, place *modelPlace) error {
	if w.known[cred].kind == keyring.KindPassword {
		return nil // costs as much as a visit
	}
	before := tree(w.t, f.Path())
	_, err := f.Rehearse(w.t.Context(), w.pod, w.creds[cred])
	if want := place.rehearse(w.known[cred]); locket.CodeOf(err) != want.code {
		return fmt.Errorf("the program: %s (%v); the model: %s", or(string(locket.CodeOf(err)), "opens"), err, or(string(want.code), "opens"))
	}
	if tree(w.t, f.Path()) != before {
		return errors.New("the folder has changed")
	}
	return nil
}

// checkWitness opens a copy as one who remembers what the first process does, and then
// accepts it as it is.
func (w *keyWorld) checkWitness(dir string, place modelPlace) error {
	cred := slices.IndexFunc(w.known, func(c modelCred) bool {
		before := place
		return c.kind != keyring.KindPassword && before.visit(c, new(modelWitness)).code == ""
	})
	if cred < 0 {
		return nil
	}
	state := filepath.Join(dir, "state")
	if err := os.CopyFS(state, os.DirFS(w.procs[0].state)); err != nil {
		return err
	}
	f, err := w.open(dir, state)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing is open
	memory := w.procs[0].memory.restarted()
	if err := w.visits(f, cred, &place, &memory); err != nil {
		return fmt.Errorf("to one who remembers the pod: %w", err)
	}
	if err := f.AcceptOlder(w.t.Context(), w.pod, w.creds[cred]); err != nil {
		return fmt.Errorf("accept older: %w", err)
	}
	place.acceptOlder(w.known[cred], &memory)
	if err := w.visits(f, cred, &place, &memory); err != nil {
		return fmt.Errorf("accepted: %w", err)
	}
	return nil
}

// contents is what the owner sees: the notes, and the slots with their names.
func contents(ctx context.Context, v *pods.Visit) (string, error) {
	page, err := v.View.Query(ctx, locket.Query{Type: "Note", Limit: 200})
	if err != nil {
		return "", err
	}
	var notes []string
	for _, i := range page.Items {
		notes = append(notes, fmt.Sprint(i.Props["name"]))
	}
	list, err := v.Keys().List(ctx)
	if err != nil {
		return "", err
	}
	slices.Sort(notes)
	text := strings.Join(notes, " ")
	for _, k := range list {
		text += fmt.Sprintf("\n%s %s %q %t %d", k.ID, k.Kind, k.Name, k.Device, k.Epoch)
	}
	return text, nil
}

// contents is what the model says that it is.
func (p *modelPlace) contents() string {
	d := p.data[p.header.epoch]
	notes := slices.Sorted(slices.Values(d.notes))
	text := strings.Join(notes, " ")
	for _, s := range p.header.slots {
		text += fmt.Sprintf("\n%s %s %q %t %d", s.id, s.kind, d.names[s.id].name, s.device > 0, s.epoch)
	}
	return text
}

// visits compares what comes of a credential.
func (w *keyWorld) visits(f *pods.Folder, cred int, place *modelPlace, memory *modelWitness) error {
	if err := w.forgive(f.Path()); err != nil {
		return err
	}
	var seen string
	var owner bool
	err := f.Visit(w.t.Context(), pods.Call{Pod: w.pod, Credential: w.creds[cred]}, func(v *pods.Visit) (err error) {
		if owner = v.View.Owner(); owner {
			seen, err = contents(w.t.Context(), v)
		}
		return err
	})
	want := place.visit(w.known[cred], memory)
	if locket.CodeOf(err) != want.code {
		return fmt.Errorf("%s: the program: %s (%v); the model: %s", w.name(cred), or(string(locket.CodeOf(err)), "opens"), err, or(string(want.code), "opens"))
	}
	if want.code != "" {
		return nil
	}
	if owner == want.agent {
		return fmt.Errorf("%s: the program lets in the owner: %t; the model: %t", w.name(cred), owner, !want.agent)
	}
	if expect := place.contents(); owner && seen != expect {
		return fmt.Errorf("%s: the program shows\n%s\nthe model\n%s", w.name(cred), seen, expect)
	}
	return nil
}
