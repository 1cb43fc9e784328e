package e2e_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/agekey"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/keystore"
)

func (l *keyLife) begin(t *testing.T) {
	for place, marker := range l.source(t) {
		l.secrets[place] = marker
	}
	delete(l.secrets, "update") // not used
	var made struct {
		Pod locket.PodID
		Key string
	}
	l.do(t, &made, step{
		args:   []string{"init", "--name", l.marker(t, "owner"), "--passphrase-file", l.passphrase(t, "first"), "--no-keyring", "--print-key"},
		prints: []string{"API key", "secret of the API key"},
	})
	l.pod, l.key = made.Pod, made.Key
	l.secrets["API key"] = l.key
	l.learn(t, "1")
	l.secrets["secret of the API key"] = string(l.home.secrets(t).token)
	l.do(t, nil, step{
		args:  []string{"import", filepath.Join(l.dir, "in"), "--yes", "--ledger", l.output("ledger.csv")},
		makes: map[string][]string{l.output("ledger.csv"): {"note name"}}, prints: []string{"note name"},
	})
	l.do(t, nil, step{
		args:   []string{"add", "Note", "name=" + l.secrets["title"], "text=" + l.secrets["body"]},
		prints: []string{"title", "body"},
	})
	l.do(t, nil, step{
		args:   []string{"export", "-"},
		prints: []string{"owner", "subject", "body", "sender", "attachment", "attachment name", "note", "note name", "card", "file", "title"},
	})
}

// addKeys adds a key of each kind, and tries and changes some.
func (l *keyLife) addKeys(t *testing.T) {
	var k struct{ ID, Key string }
	l.do(t, &k, step{args: []string{"key", "add", "--name", l.marker(t, "key name")}, prints: []string{"phone's key"}})
	l.secrets["phone's key"] = k.Key
	l.do(t, nil, step{args: []string{"key", "list"}, as: k.Key, prints: []string{"key name", "owner"}})
	l.step(t, "key", "rename", k.ID, l.marker(t, "new key name"))

	var agent struct{ Key string }
	l.do(t, &agent, step{
		args: []string{"principal", "add", "--kind", "agent", l.marker(t, "agent"), "--key"}, prints: []string{"agent", "agent's key"},
	})
	l.secrets["agent's key"] = agent.Key
	l.do(t, &k, step{args: []string{"key", "add", "--for", l.secrets["agent"]}, prints: []string{"agent's other key"}})
	l.secrets["agent's other key"] = k.Key
	l.do(t, nil, step{
		args:  []string{"connect", "cursor", "--yes"},
		makes: map[string][]string{filepath.Dir(l.agentKey()): {"client's key"}, filepath.Join(l.dir, ".cursor"): nil}, // this only names the file of the key
	})
	l.secrets["client's key"] = l.read(t, l.agentKey())

	l.step(t, "key", "add", "--new-passphrase-file", l.passphrase(t, "spare"))
	l.do(t, nil, step{
		args:  []string{"key", "device-secret", "-o", l.output("device")},
		makes: map[string][]string{l.output("device"): {"device secret", "device secret's text"}},
	})
	l.secrets["device secret's text"] = l.read(t, l.output("device"))
	device, err := keyring.ParseDevice([]byte(l.secrets["device secret's text"]))
	l.keep(t, "device secret", device, err)
	l.step(t, "key", "add", "--passphrase", "--with-device-secret", "--device-secret", l.output("device"), "--new-passphrase-file", l.passphrase(t, "device"))
	l.do(t, nil, step{
		args: []string{"key", "test", "--passphrase-file", l.given("device"), "--device-secret", l.output("device")}, prints: []string{"owner"},
	})
	l.addOwnersKey(t)
	l.addMachinesKeys(t)
	l.step(t, "key", "passwd", "--passphrase-file", l.given("spare"), "--new-passphrase-file", l.passphrase(t, "changed"))
	l.do(t, nil, step{args: []string{"key", "test", "--passphrase-file", l.given("spare")}, fails: locket.CodeUnauthenticated})
	l.do(t, nil, step{args: []string{"key", "db", "--yes"}, prints: []string{"database key 1"}})
}

func (l *keyLife) addOwnersKey(t *testing.T) {
	path := l.output("phone.key")
	var public struct{ Recipient string }
	l.do(t, &public, step{args: []string{"key", "keygen", "-o", path}, makes: map[string][]string{path: {"owner's key"}}})
	l.secrets["owner's key"] = l.read(t, path)
	seed, err := agekey.ParseIdentity([]byte(l.secrets["owner's key"]))
	l.keep(t, "owner's seed", seed, err)
	l.do(t, nil, step{args: []string{"key", "add", "--owner", path}, fails: locket.CodeInvalid}) // the secret half by mistake
	l.step(t, "key", "add", "--owner", public.Recipient)
	l.do(t, nil, step{args: []string{"key", "test", "--owner-key", path}, prints: []string{"owner"}})
}

func (l *keyLife) addMachinesKeys(t *testing.T) {
	var kept struct{ ID, Key string }
	l.do(t, &kept, step{args: []string{"key", "add", "--keyring", "systemd"}, prints: []string{"service's key", "service's secret"}})
	l.secrets["service's key"] = kept.Key
	machine, err := keyring.ParseMachine([]byte(kept.Key))
	l.keep(t, "service's secret", machine.Secret, err)

	kernel := keystore.Kernel()
	if _, err := kernel.Get("no:such"); errors.Is(err, keystore.ErrUnavailable) {
		t.Log("NOT TESTED: a key that the kernel keeps: ", err)
		return
	}
	l.do(t, &kept, step{args: []string{"key", "add", "--keyring", "kernel"}})
	name := string(l.pod) + ":" + kept.ID
	t.Cleanup(func() { _ = kernel.Delete(name) }) // it is of no use to anybody
	text, err := kernel.Get(name)
	l.keep(t, "machine's key", text, err)
	machine, err = keyring.ParseMachine(text.Bytes())
	l.keep(t, "machine's secret", machine.Secret, err)
}

// makeKits makes kits in each form, and rehearses.
func (l *keyLife) makeKits(t *testing.T) {
	text, page, extra := l.output("kit.txt"), l.output("kit.html"), l.passphrase(t, "extra")
	l.do(t, nil, step{
		args:  []string{"recovery", "create", "--name", l.marker(t, "kit name"), "--shares", "3-of-5", "-o", text},
		makes: map[string][]string{text: {"owner"}}, sheets: text,
	})
	l.learnKit(t, "kit", text, "", 0, 1, 2)
	group := l.marker(t, "group name")
	l.do(t, nil, step{
		args: []string{
			"recovery", "create", "--group", group + "=2-of-3", "--group", "notary=1-of-1",
			"--with-passphrase", "--extra-passphrase-file", extra, "-o", page,
		},
		makes: map[string][]string{page: {"owner", "group name"}}, prints: []string{"group name"}, sheets: page,
	})
	l.learnKit(t, "page", page, l.secrets["extra passphrase"], 0, 2, 3)
	l.do(t, nil, step{
		args:  []string{"recovery", "create", "-o", l.output("paper.pdf")},
		makes: map[string][]string{l.output("paper.pdf"): nil}, sheets: l.output("paper.pdf"),
	})
	l.do(t, nil, step{args: []string{"recovery", "show"}, prints: []string{"kit name", "group name", "owner"}})
	l.step(t, "recovery", "test", "--share-file", l.given("kit"))
	l.step(t, "recovery", "test", "--share-file", l.given("page"), "--extra-passphrase-file", extra)
	l.do(t, nil, step{args: []string{"recovery", "test", "--share-file", l.given("page")}, fails: locket.CodeUnauthenticated})
	l.do(t, nil, step{args: append([]string{"recovery", "test"}, strings.Fields(l.read(t, l.given("kit")))...), fails: locket.CodeInvalid})
	wrong := strings.Fields(l.read(t, l.given("kit")))
	wrong[4] = "acidd"
	l.do(t, nil, step{
		args:  []string{"recovery", "test", "--share-file", l.file(t, "given/mistyped", strings.Join(wrong, " ")+"\n")},
		fails: locket.CodeInvalid,
	})
}

// rotate gives the pod other keys, once while a server has it.
func (l *keyLife) rotate(t *testing.T) {
	s := l.serve(t, "--verbose")
	c := s.client(t)
	if _, err := c.Search(t.Context(), locket.Search{Text: l.secrets["body"]}); err != nil {
		t.Fatal(err)
	}
	var logged struct{ Grant any }
	res := s.ask(t, "POST", "/v1/session", `{"pod":"`+string(l.pod)+`","passphrase":"`+l.secrets["first passphrase"]+`"}`, "", "", &logged)
	for _, cookie := range res.Cookies() {
		l.secrets["session"] = cookie.Value
	}
	l.step(t, "key", "rotate", "--yes")
	l.learn(t, "2")
	if _, err := c.Search(t.Context(), locket.Search{Text: l.secrets["body"]}); err != nil {
		t.Fatal(err)
	}
	l.do(t, nil, step{args: []string{"key", "list", "--server", s.url}, prints: []string{"new key name", "agent", "kit name", "group name", "owner"}})
	var k struct{ ID, Key string }
	l.do(t, &k, step{args: []string{"key", "add", "--server", s.url}, prints: []string{"key made by the server"}})
	l.secrets["key made by the server"] = k.Key
	s.kill()
	l.do(t, nil, step{args: []string{"key", "db", "--yes"}, prints: []string{"database key 2"}})
	l.do(t, nil, step{args: []string{"key", "rotate", "--yes", "--end", "0123456789abcdef"}, fails: locket.CodeNotFound})
	l.step(t, "key", "rotate", "--yes", "--end", k.ID, "--passphrase-file", l.given("changed"))
	l.learn(t, "3")
	l.do(t, nil, step{args: []string{"key", "list"}, as: k.Key, fails: locket.CodeUnauthenticated})
}

// comeBack uses the kits and ends one.
func (l *keyLife) comeBack(t *testing.T) {
	l.step(t, "recovery", "test", "--share-file", l.given("kit"))
	l.step(t, "recovery", "restore", "--share-file", l.given("kit"), "--new-passphrase-file", l.passphrase(t, "restored"))
	renewed := l.output("renewed.txt")
	l.do(t, nil, step{
		args:  []string{"recovery", "renew", "--shares", "2-of-3", "-o", renewed, "--passphrase-file", l.given("restored")},
		makes: map[string][]string{renewed: {"owner"}}, sheets: renewed,
	})
	l.learnKit(t, "renewed", renewed, "", 0, 2)
	l.do(t, nil, step{args: []string{"recovery", "test", "--share-file", l.given("kit")}, fails: locket.CodeUnauthenticated})
	l.step(t, "recovery", "test", "--share-file", l.given("renewed"))
	l.do(t, nil, step{args: []string{"status"}})
	l.step(t, "verify")
}
