package pods_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
)

// TestKeyLife does random things to the keys of a pod and its copies. Afterwards every
// credential that was ever made opens of every copy exactly what the model says.
// LOCKET_KEYLIFE=1000 runs so many sequences.
func TestKeyLife(t *testing.T) {
	n, length := 12, 25
	if testing.Short() {
		n = 3
	}
	if many := os.Getenv("LOCKET_KEYLIFE"); many != "" {
		var err error
		if n, err = strconv.Atoi(many); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range n {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			steps := drawSteps(rand.New(rand.NewPCG(uint64(seed), 4)), length)
			story, done, err := keyLife(t, steps)
			if err != nil {
				t.Logf("after %d steps: %v", done, err)
				story, err = shrink(t, steps[:done], story, err)
				t.Fatalf("what it takes:\n%s\n%v", story, err)
			}
		})
	}
}

// keyLife takes the steps in a new pod, and checks now and then and at the end. done counts
// those that it took.
func keyLife(t *testing.T, steps []keyStep) (story string, done int, err error) {
	w, err := newKeyWorld(t)
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if e := w.close(); e != nil {
			t.Error(e)
		}
	}()
	for i, s := range steps {
		err := w.take(s)
		if err == nil && (i%4 == 3 || i == len(steps)-1) {
			err = w.check()
		}
		if err != nil {
			return w.story(), i + 1, err
		}
	}
	return w.story(), len(steps), nil
}

// shrink leaves out steps as long as something fails. It gives up after a while.
func shrink(t *testing.T, steps []keyStep, story string, failure error) (string, error) {
	tries := 60
	for size := max(len(steps)/2, 1); size > 0; size /= 2 {
		for at := 0; at < len(steps) && tries > 0; {
			fewer := slices.Delete(slices.Clone(steps), at, min(at+size, len(steps)))
			tries--
			s, done, err := keyLife(t, fewer)
			if err == nil {
				at += size
				continue
			}
			steps, story, failure = fewer[:done], s, err
		}
	}
	return story, failure
}

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
