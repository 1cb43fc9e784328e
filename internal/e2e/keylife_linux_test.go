package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/slip39"
)

// TestKeyLifeLeavesNothing lives the life of a pod's keys and looks at every file that a
// command makes, writes, renames or removes, and at all that it prints. Secrets that are
// known later are looked for in what was written before.
func TestKeyLifeLeavesNothing(t *testing.T) {
	need(t, "strace")
	l := newKeyLife(t)
	l.begin(t)
	l.addKeys(t)
	l.makeKits(t)
	l.rotate(t)
	l.comeBack(t)
	l.check(t)
}

// A keyLife is a home, what was done in it, and what must be found nowhere but where it
// is asked for.
type keyLife struct {
	*home
	state   string            // LOCKET_STATE
	secrets map[string]string // by their names
	shares  phrasebook
	steps   []step
}

// A step is one command.
type step struct {
	args []string
	as   string // API key in the environment
	// Names of the secrets that it shows, and must show: on standard output, and in each
	// file or folder that it is to make.
	prints []string
	makes  map[string][]string
	sheets string      // the one of makes in which shares stand
	fails  locket.Code // "": it succeeds

	result
	diskTrace
}

func newKeyLife(t *testing.T) *keyLife {
	t.Helper()
	l := &keyLife{home: newAccount(t), secrets: make(map[string]string), shares: make(phrasebook)}
	l.state = filepath.Join(l.dir, "state")
	l.more = append(l.more, "LOCKET_STATE="+l.state)
	for _, folder := range []string{"given", "out"} {
		if err := os.Mkdir(filepath.Join(l.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// do runs a command and reads its JSON into out, unless that is nil.
func (l *keyLife) do(t *testing.T, out any, s step) {
	t.Helper()
	h := *l.home
	if s.as != "" {
		h.key = s.as
	}
	s.result, s.diskTrace = h.traceDisk(t, s.args...)
	if s.code() != s.fails || (s.status == 0) != (s.fails == "") {
		t.Fatalf("locket %q: exit status %d\n%s", s.args, s.status, s.err)
	}
	if out != nil && json.Unmarshal([]byte(s.out), out) != nil {
		t.Fatalf("locket %q printed no such JSON: %s", s.args, s.out)
	}
	l.steps = append(l.steps, s)
}

// step is do for a command that shows nothing.
func (l *keyLife) step(t *testing.T, args ...string) {
	t.Helper()
	l.do(t, nil, step{args: args})
}

// marker returns a random word that is a secret from now on.
func (l *keyLife) marker(t *testing.T, name string) string {
	t.Helper()
	l.secrets[name] = newMarker(t, 20)
	return l.secrets[name]
}

// passphrase returns the path of a file with a new passphrase.
func (l *keyLife) passphrase(t *testing.T, name string) string {
	t.Helper()
	return l.file(t, "given/"+name, l.marker(t, name+" passphrase")+"\n")
}

// given and output are paths of files that the user has, and that a command makes.
func (l *keyLife) given(name string) string  { return filepath.Join(l.dir, "given", name) }
func (l *keyLife) output(name string) string { return filepath.Join(l.dir, "out", name) }

// agentKey is where the key of a client's agent is kept.
func (l *keyLife) agentKey() string { return filepath.Join(l.state, "agents", "cursor.key") }

// learn adds the pod's present key, and the keys that are derived from it.
func (l *keyLife) learn(t *testing.T, epoch string) {
	t.Helper()
	k := l.home.secrets(t)
	l.secrets["pod key "+epoch] = string(k.pod)
	for _, p := range []keyring.Purpose{
		keyring.PurposeDatabase, keyring.PurposeSigning, keyring.PurposeHeaderMAC, keyring.PurposeCursors, keyring.PurposeWitness,
	} {
		derived, err := keyring.Derive(secret.Take(bytes.Clone(k.pod)), p, keyring.KeySize)
		l.keep(t, string(p)+" key "+epoch, derived, err)
	}
}

// read returns the last line of a file that a command has made.
func (l *keyLife) read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// keep adds the bytes of a key to what is looked for.
func (l *keyLife) keep(t *testing.T, name string, k *secret.Key, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	l.secrets[name] = string(k.Bytes())
}

// learnKit reads the sheets of a kit, makes a file with some of its shares, as a person
// would type them, and adds what they say to what is looked for.
func (l *keyLife) learnKit(t *testing.T, name, path, passphrase string, needed ...int) {
	t.Helper()
	sheets, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var typed strings.Builder
	var some [][]string
	for i, words := range readSheets(t, string(sheets)) {
		share := strings.Join(words, " ")
		l.shares.add("a share of "+name, words)
		bits, err := slip39.Bits(share)
		l.keep(t, "bits of sheet "+string(rune('1'+i))+" of "+name, secret.Take(bits), err)
		if slices.Contains(needed, i) {
			typed.WriteString(share + "\n")
			some = append(some, words)
		}
	}
	l.file(t, "given/"+name, typed.String())
	l.keep(t, "recovery secret of "+name, combine(t, passphrase, some...), nil)
}
