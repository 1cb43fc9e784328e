package pods_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/secret"
)

// A keyWorld is a pod, everything that was ever made for it, and what the model says of it.
type keyWorld struct {
	t       *testing.T
	root    string // of all folders
	pod     locket.PodID
	creds   []keyring.Credential // what the program gets
	known   []modelCred          // and the model
	live    modelPlace
	procs   [2]*keyProcess
	copies  []*keyCopy
	devices []*secret.Key

	step, secrets, keys, folders int // how many there were
	log                          []string
	tried                        map[string]bool // passwords that need not be tried again
}

// A keyProcess uses the live pod, and remembers it in a folder of state of its own.
type keyProcess struct {
	state  string
	folder *pods.Folder
	memory modelWitness
}

// A keyCopy is a copy of the pod's folder. Nobody changes it.
type keyCopy struct {
	dir    string // holds the pod's folder
	place  modelPlace
	tested int // how many of the credentials
}

func newKeyWorld(t *testing.T) (*keyWorld, error) {
	w := &keyWorld{t: t, tried: map[string]bool{}, devices: []*secret.Key{nil, keyring.NewDeviceSecret(), keyring.NewDeviceSecret()}}
	var err error
	if w.root, err = os.MkdirTemp(t.TempDir(), "world"); err != nil {
		return nil, err
	}
	for i := range w.procs {
		w.procs[i] = &keyProcess{state: filepath.Join(w.root, fmt.Sprint("state", i))}
		if err := w.start(w.procs[i]); err != nil {
			return nil, err
		}
	}
	first := w.password(0, 0)
	made, err := w.procs[0].folder.Create(t.Context(), pods.New{Owner: "Anna", Password: w.creds[first].(keyring.Password), KeyName: "laptop"})
	if err != nil {
		return nil, err
	}
	w.pod = made.Pod
	slots, err := w.procs[0].folder.Slots(w.pod)
	if err != nil {
		return nil, err
	}
	key := w.learn(modelCred{kind: keyring.KindAPIKey, secret: w.draw()}, made.Token)
	id := []string{slots[0].ID.String(), slots[1].ID.String()}
	w.live.header = modelHeader{epoch: 1, gen: 1, slots: []modelSlot{{id: id[0], modelCred: w.known[first]}, {id: id[1], modelCred: w.known[key]}}}
	w.live.put(modelData{gen: 1, names: map[string]modelName{id[0]: {name: "passphrase"}, id[1]: {name: "laptop"}}})
	return w, nil
}

func (w *keyWorld) close() error {
	err := os.RemoveAll(w.root)
	for _, p := range w.procs {
		err = errors.Join(err, p.folder.Close())
	}
	return err
}

// start starts a process, after it was stopped or for the first time.
func (w *keyWorld) start(p *keyProcess) (err error) {
	if p.folder != nil {
		err = p.folder.Close()
	}
	p.memory = p.memory.restarted()
	f, err2 := w.open(w.liveDir(), p.state)
	p.folder = f
	return errors.Join(err, err2)
}

func (w *keyWorld) open(dir, state string) (*pods.Folder, error) {
	return pods.Open(dir, pods.Options{State: state, KDF: cheap})
}

func (w *keyWorld) liveDir() string { return filepath.Join(w.root, "live") }

// draw returns the number of a new secret.
func (w *keyWorld) draw() int {
	w.secrets++
	return w.secrets
}

// learn returns the number of a credential, which may be known.
func (w *keyWorld) learn(m modelCred, c keyring.Credential) int {
	if i := slices.Index(w.known, m); i >= 0 {
		return i
	}
	w.known, w.creds = append(w.known, m), append(w.creds, c)
	return len(w.known) - 1
}

// password returns the credential of one of a few passwords, with or without the device
// secret.
func (w *keyWorld) password(text, device int) int {
	c := password(fmt.Sprint("passphrase ", text))
	c.Device = w.devices[device]
	return w.learn(modelCred{keyring.KindPassword, -1 - text, device}, c)
}

func (w *keyWorld) name(i int) string {
	c := w.known[i]
	if c.device > 0 {
		return fmt.Sprintf("%s %d with device %d", c.kind, c.secret, c.device)
	}
	return fmt.Sprintf("%s %d", c.kind, c.secret)
}

// dir makes a folder.
func (w *keyWorld) dir() (string, error) {
	w.folders++
	dir := filepath.Join(w.root, fmt.Sprint("copy", w.folders))
	return dir, os.Mkdir(dir, 0o700)
}

// forgive ends the wait after wrong passwords, of which there are many here.
func (w *keyWorld) forgive(dir string) error {
	return os.RemoveAll(filepath.Join(dir, string(w.pod), "guesses"))
}

// An actor is a process that acts for the holder of a credential.
type actor struct {
	*keyProcess
	cred int
}

// actor picks one: most times a credential that opens the live pod for the owner.
func (w *keyWorld) actor(r *rand.Rand) actor {
	a := actor{w.procs[0], r.IntN(len(w.known))}
	if r.IntN(4) == 0 {
		a.keyProcess = w.procs[1]
	}
	if r.IntN(8) == 0 {
		return a
	}
	for i := range w.known {
		cred := (a.cred + i) % len(w.known)
		place, memory := w.live, a.memory
		if v := place.visit(w.known[cred], &memory); v.code == "" && !v.agent {
			a.cred = cred
			break
		}
	}
	return a
}

// agree fails if the program did not do what the model says.
func (w *keyWorld) agree(what string, got error, want locket.Code) error {
	w.log = append(w.log, fmt.Sprintf("%s: %s", what, or(string(want), "done")))
	if locket.CodeOf(got) != want {
		return fmt.Errorf("%s: the program: %s (%v); the model: %s", what, or(string(locket.CodeOf(got)), "done"), got, or(string(want), "done"))
	}
	return nil
}

func or(s, empty string) string {
	if s == "" {
		return empty
	}
	return s
}

// change has both sides change the live pod. do may be run, and if it is then before edit.
func (w *keyWorld) change(a actor, what string, do func(*pods.Visit) error, edit func(*modelEdit) locket.Code) error {
	what = fmt.Sprintf("process %d, %s: %s", slices.Index(w.procs[:], a.keyProcess), w.name(a.cred), what)
	if err := w.forgive(w.liveDir()); err != nil {
		return err
	}
	got := a.folder.Visit(w.t.Context(), pods.Call{Pod: w.pod, Credential: w.creds[a.cred]}, do)
	v := w.live.visit(w.known[a.cred], &a.memory)
	switch {
	case v.code == "" && v.agent:
		v.code = locket.CodeDenied
	case v.code == "":
		e := w.live.edit()
		if v.code = edit(&e); v.code == "" {
			w.live.save(e, w.step)
			a.memory.remember(w.live.header, w.live.data[w.live.header.epoch].journal)
		}
	}
	return w.agree(what, got, v.code)
}
