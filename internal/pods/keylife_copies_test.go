package pods_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
)

// takeCopy is a backup, as far as keys go.
func (w *keyWorld) takeCopy(*rand.Rand) error {
	dir, err := w.dir()
	if err != nil {
		return err
	}
	w.log = append(w.log, fmt.Sprint("copy ", len(w.copies)))
	w.copies = append(w.copies, &keyCopy{dir: dir, place: w.live})
	return w.copyPod(w.liveDir(), dir, isPart)
}

// mixCopies makes a folder of the header of one copy and the database of another, under the
// name that this header wants.
func (w *keyWorld) mixCopies(r *rand.Rand) error {
	if len(w.copies) < 2 {
		return w.takeCopy(r)
	}
	i, j := r.IntN(len(w.copies)), r.IntN(len(w.copies))
	header, data := w.copies[i], w.copies[j]
	dir, err := w.dir()
	if err != nil {
		return err
	}
	w.log = append(w.log, fmt.Sprintf("copy %d: header of %d, database of %d", len(w.copies), i, j))
	place := modelPlace{header: header.place.header}
	from := data.place.header.epoch
	d, ok := data.place.data[from]
	if ok {
		place.put(d)
	}
	w.copies = append(w.copies, &keyCopy{dir: dir, place: place})
	if err := w.copyPod(header.dir, dir, isHeader); err != nil || !ok {
		return err
	}
	if err := w.copyPod(data.dir, dir, func(name string) bool { return name == pods.DatabaseName(int64(from)) }); err != nil {
		return err
	}
	in := filepath.Join(dir, string(w.pod))
	return os.Rename(filepath.Join(in, pods.DatabaseName(int64(from))), filepath.Join(in, pods.DatabaseName(int64(place.header.epoch))))
}

// cutShort takes back the half of a change: as a crash does that comes before the
// database has it, or one who puts back the header of before.
func (w *keyWorld) cutShort(r *rand.Rand) error {
	if err := w.takeCopy(r); err != nil {
		return err
	}
	changes := []func(*keyWorld, *rand.Rand) error{
		(*keyWorld).addPassword, (*keyWorld).addAPIKey, (*keyWorld).addAgent, (*keyWorld).addMachine,
		(*keyWorld).remove, (*keyWorld).remove, (*keyWorld).remove,
	}
	if err := changes[r.IntN(len(changes))](w, r); err != nil {
		return err
	}
	if r.IntN(3) == 0 {
		return w.put(len(w.copies)-1, "the header", isHeader, func(p modelPlace) { w.live.header = p.header })
	}
	if err := w.put(len(w.copies)-1, "the database", isDatabase, func(p modelPlace) { w.live.overlay(p.data) }); err != nil {
		return err
	}
	return w.mend(r)
}

// rotateApart rotates twice from one state.
func (w *keyWorld) rotateApart(r *rand.Rand) error {
	before := len(w.copies)
	for range 2 {
		if err := errors.Join(w.takeCopy(r), w.rotate(r)); err != nil {
			return err
		}
		w.step++
	}
	if err := w.clear(); err != nil {
		return err
	}
	if err := w.put(before, "the folder", isPart, func(p modelPlace) { w.live = p }); err != nil {
		return err
	}
	return errors.Join(w.mend(r), w.rotate(r))
}

// restore puts back parts of a copy, the later ones with preference.
func (w *keyWorld) restore(r *rand.Rand, what string, keep func(string) bool, model func(modelPlace)) error {
	if len(w.copies) == 0 {
		return w.takeCopy(r)
	}
	return w.put(max(r.IntN(len(w.copies)), r.IntN(len(w.copies))), what, keep, model)
}

func (w *keyWorld) put(i int, what string, keep func(string) bool, model func(modelPlace)) error {
	w.log = append(w.log, fmt.Sprintf("restore %s of copy %d", what, i))
	model(w.copies[i].place)
	return w.copyPod(w.copies[i].dir, w.liveDir(), keep)
}

func (w *keyWorld) restoreFolder(r *rand.Rand) error {
	if len(w.copies) > 0 {
		if err := w.clear(); err != nil {
			return err
		}
	}
	return w.restore(r, "the folder", isPart, func(p modelPlace) { w.live = p })
}

func (w *keyWorld) restoreHeader(r *rand.Rand) error {
	return w.restore(r, "the header", isHeader, func(p modelPlace) { w.live.header = p.header })
}

func (w *keyWorld) restoreDatabase(r *rand.Rand) error {
	return w.restore(r, "the database", isDatabase, func(p modelPlace) { w.live.overlay(p.data) })
}

func (w *keyWorld) acceptOlder(r *rand.Rand) error { return w.accept(w.actor(r)) }

func (w *keyWorld) accept(a actor) error {
	if err := w.forgive(w.liveDir()); err != nil {
		return err
	}
	err := a.folder.AcceptOlder(w.t.Context(), w.pod, w.creds[a.cred])
	want := w.live.acceptOlder(w.known[a.cred], &a.memory)
	return w.agree("accept older by "+w.name(a.cred), err, want.code)
}

// mend makes a pod that does not open any more open again.
func (w *keyWorld) mend(r *rand.Rand) error {
	for i := range w.known {
		place, memory := w.live, w.procs[0].memory
		switch place.visit(w.known[i], &memory).code {
		case "":
			return nil
		case locket.CodeRolledBack:
			return w.accept(actor{w.procs[0], i})
		}
	}
	return w.restoreFolder(r)
}

func (w *keyWorld) restart(r *rand.Rand) error {
	i := r.IntN(len(w.procs))
	w.log = append(w.log, fmt.Sprint("restart process ", i))
	return w.start(w.procs[i])
}

// copyPod copies what keep names from the pod's folder below one directory over that
// below another.
func (w *keyWorld) copyPod(from, to string, keep func(name string) bool) error {
	from, to = filepath.Join(from, string(w.pod)), filepath.Join(to, string(w.pod))
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !keep(e.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		for _, beside := range []string{"-wal", "-shm"} {
			if err := os.RemoveAll(filepath.Join(to, e.Name()+beside)); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// clear removes header and databases of the live pod.
func (w *keyWorld) clear() error {
	dir := filepath.Join(w.liveDir(), string(w.pod))
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if isPart(e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

func isHeader(name string) bool   { return name == "header" }
func isDatabase(name string) bool { return strings.HasPrefix(name, "pod") }
func isPart(name string) bool     { return isHeader(name) || isDatabase(name) }
