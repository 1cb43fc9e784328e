package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rows of what changes the ways into a pod: whatever happens, the old ones open it or the
// new ones do.

// rotate: all ways in lead to all that is in the pod, with the old key or with the new. A
// rotation after it leaves one database.
func rotate() scenario {
	const items = 3
	var header []byte
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.addDoors(t)
		h.addItems(t)
		var err error
		if header, err = os.ReadFile(filepath.Join(h.podDir(), "header")); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		if err := h.enters(t, items); err != nil {
			return err
		}
		var out struct{ Epoch int64 }
		if err := h.oneKey(o.reads(&out), "pod.2.db"); err != nil {
			return err
		}
		if err := h.oldHeaderIsDead(t, header); err != nil {
			return err
		}
		if err := h.ask(t, &out, "key", "rotate", "--yes"); err != nil {
			return err
		}
		if err := h.oneKey(true, fmt.Sprintf("pod.%d.db", out.Epoch)); err != nil {
			return err
		}
		return h.ask(t, nil, "list", "--limit", "1")
	}
	return scenario{name: "key rotate", slow: true, prepare: prepare, args: func(*home) []string { return []string{"key", "rotate", "--yes"} }, check: check}
}

// oneKey finds out whether the pod has one database and which, if its key was changed.
func (h *home) oneKey(changed bool, name string) error {
	names, err := h.databases()
	if err == nil && changed && (len(names) != 1 || names[0] != name) {
		return fmt.Errorf("the pod has another key, and the databases %q", names)
	}
	return err
}

// addItems adds two notes and a file.
func (h *home) addItems(t *testing.T) {
	t.Helper()
	h.must(t, "add", "Note", "name=one", "text="+strings.Repeat("text ", 10_000))
	h.must(t, "add", "Note", "name=two")
	h.must(t, "add", "File", "name=three", "--file", h.file(t, "content.bin", strings.Repeat("content of a file ", 11_400)))
}

// rotateAndEnd: the pod has its old key and all ways in, or a new one without the one
// that was to end.
func rotateAndEnd() scenario {
	var other struct{ ID, Key string }
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.mustJSON(t, &other, "key", "add", "--name", "lost")
		h.must(t, "add", "Note", "name=one")
	}
	check := func(t *testing.T, h *home, o outcome) error {
		n, err := h.keys(t)
		if err != nil {
			return err
		}
		if there, err := h.names(t); err != nil || there["one"] != 1 {
			return fmt.Errorf("what was there before is lost: %v, %w", there, err)
		}
		_, err = h.with(other.Key).keys(t)
		_, header := os.Stat(filepath.Join(h.podDir(), "pod.db"))
		switch {
		case o.done() && err == nil:
			return errors.New("the key was ended and opens the pod")
		case (n == 3) != (err == nil):
			return fmt.Errorf("there are %d keys; the one to be ended: %w", n, err)
		case (n == 3) != (header == nil):
			return fmt.Errorf("there are %d keys; the database of the old key: %w", n, header)
		}
		return h.opens(t, "passphrase")
	}
	args := func(*home) []string { return []string{"key", "rotate", "--yes", "--end", other.ID} }
	return scenario{name: "key rotate and end", slow: true, prepare: prepare, args: args, check: check}
}

// changePassphrase: exactly one of the two opens the pod, and it can be changed again.
func changePassphrase() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.file(t, "new", "another-velvet-otter-94\n")
		h.file(t, "newest", "yet-another-velvet-otter-95\n")
	}
	change := func(h *home, from, to string) []string {
		return []string{"key", "passwd", "--passphrase-file", filepath.Join(h.dir, from), "--new-passphrase-file", filepath.Join(h.dir, to)}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		before, after := h.opens(t, "passphrase"), h.opens(t, "new")
		switch {
		case (before == nil) == (after == nil):
			return fmt.Errorf("of the old and the new passphrase, one must open the pod: %w, %w", before, after)
		case o.done() && after != nil:
			return fmt.Errorf("the passphrase was changed, and does not open the pod: %w", after)
		}
		now := "passphrase"
		if after == nil {
			now = "new"
		}
		if err := h.with("").ask(t, nil, change(h, now, "newest")...); err != nil {
			return err
		}
		n, err := h.keys(t)
		if err == nil && n != 2 {
			err = fmt.Errorf("the pod has %d keys", n)
		}
		return err
	}
	return scenario{name: "key passwd", slow: true, prepare: prepare, args: func(h *home) []string { return change(h, "passphrase", "new") }, check: check}
}

// makeKit: if the pod has a key for a kit, its sheets are whole.
func makeKit() scenario {
	args := func(h *home) []string {
		return []string{"recovery", "create", "--shares", "2-of-2", "-o", filepath.Join(h.dir, "kit.txt")}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		n, err := h.kits(t)
		if err != nil {
			return err
		}
		if n > 0 || o.done() {
			err = h.kitOpens(t, "kit.txt")
		}
		if err == nil && n > 1 {
			err = fmt.Errorf("the pod has %d kits", n)
		}
		return err
	}
	return scenario{name: "recovery create", slow: true, prepare: (*home).makePod, args: args, check: check}
}

// kits returns how many recovery kits open the pod.
func (h *home) kits(t *testing.T) (int, error) {
	t.Helper()
	var list struct{ Items []struct{} }
	err := h.ask(t, &list, "recovery", "show")
	return len(list.Items), err
}

// renewKit: the old kit opens the pod, or the new one does, and its sheets are whole. It
// can be renewed again.
func renewKit() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.must(t, "recovery", "create", "--shares", "2-of-2", "-o", filepath.Join(h.dir, "old.txt"))
	}
	renew := func(h *home, file string) []string {
		return []string{"recovery", "renew", "--shares", "2-of-2", "-o", filepath.Join(h.dir, file)}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		before, after := h.kitOpens(t, "old.txt"), h.kitOpens(t, "new.txt")
		switch {
		case (before == nil) == (after == nil):
			return fmt.Errorf("of the old and the new kit, one must open the pod: %w, %w", before, after)
		case o.done() && after != nil:
			return fmt.Errorf("the kit was renewed, and does not open the pod: %w", after)
		}
		if err := h.ask(t, nil, renew(h, "newest.txt")...); err != nil {
			return err
		}
		if n, err := h.kits(t); err != nil || n != 1 {
			return fmt.Errorf("the pod has %d kits: %w", n, err)
		}
		return h.kitOpens(t, "newest.txt")
	}
	return scenario{name: "recovery renew", slow: true, prepare: prepare, args: func(h *home) []string { return renew(h, "new.txt") }, check: check}
}

// comeBack: the kit opens the pod as before, and the new passphrase does if that was said.
func comeBack() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.must(t, "recovery", "create", "--shares", "2-of-2", "-o", filepath.Join(h.dir, "kit.txt"))
		h.file(t, "new", "another-velvet-otter-94\n")
		if err := h.kitOpens(t, "kit.txt"); err != nil { // which makes a file for the shares
			t.Fatal(err)
		}
	}
	args := func(h *home) []string {
		return []string{"recovery", "restore", "--share-file", filepath.Join(h.dir, "kit.txt.shares"), "--new-passphrase-file", filepath.Join(h.dir, "new")}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		if err := h.kitOpens(t, "kit.txt"); err != nil {
			return err
		}
		if o.done() {
			return h.opens(t, "new")
		}
		return h.with("").ask(t, nil, args(h)...)
	}
	return scenario{name: "recovery restore", slow: true, prepare: prepare, args: args, check: check}
}

// followRotation: a rotation was killed when it had renamed the header, and before that
// was sure to stay; the next command finds it, or the one before it, with its database.
func followRotation() scenario {
	const temp = "header.tmp-0123456789abcdef"
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.must(t, "add", "Note", "name=before")
		header, database := filepath.Join(h.podDir(), "header"), filepath.Join(h.podDir(), "pod.db")
		saved := []string{filepath.Join(h.dir, "header"), filepath.Join(h.dir, "pod.db")}
		copyFile(t, header, saved[0])
		copyFile(t, database, saved[1])
		h.must(t, "key", "rotate", "--yes")
		copyFile(t, header, filepath.Join(h.podDir(), temp))
		copyFile(t, saved[0], header)
		copyFile(t, saved[1], database)
		if err := os.RemoveAll(filepath.Join(h.dir, ".local")); err != nil { // where it is remembered what was seen
			t.Fatal(err)
		}
	}
	tool := func(h *home) []string {
		return []string{"sh", "-c", `mv -f "$0/` + temp + `" "$0/header" && exec "$@"`, h.podDir()}
	}
	check := func(t *testing.T, h *home, _ outcome) error {
		n, err := h.keys(t)
		if err != nil {
			return err
		}
		there, err := h.names(t)
		if err == nil && (n != 2 || there["before"] != 1) {
			err = fmt.Errorf("there are %d keys and %v", n, there)
		}
		return err
	}
	return scenario{name: "list after a killed rotation", all: true, prepare: prepare, tool: tool, args: func(*home) []string { return []string{"list"} }, check: check}
}

// migrate: a pod of the first version has all that it had, whoever opens it.
func migrate() scenario {
	prepare := func(h *home, t *testing.T) {
		h.pod = "22c772c9-2ca6-43a3-a801-aa4e55bdd20e"
		h.key = "lk_eldxfsjmuzb2hkabvjhflposb2jc6vtnfeflbgajgbfskrc3vuchyehwydlvkgr4ewaj5fib3cdb574qxcnus2nt5t5sk4ne"
		for _, name := range []string{"header", "pod.db", "blobs/e28e6270b837b063fc3c602659e70027"} {
			data, err := os.ReadFile(filepath.Join("..", "pods", "testdata", "v1", string(h.pod), name))
			if err != nil {
				t.Fatal(err)
			}
			h.file(t, filepath.Join("pods", string(h.pod), name), string(data))
		}
		h.file(t, "passphrase", "correct horse battery staple\n")
	}
	check := func(t *testing.T, h *home, _ outcome) error {
		there, err := h.names(t)
		if err == nil && len(there) != 2 {
			err = fmt.Errorf("the pod has %v", there)
		}
		if err != nil {
			return err
		}
		agent := h.with("lk_eldxfsjmuzb2hkabvjhflposbyv2jo3mndvtjsagcgvghpspyemzvizgllf6247anfufhtce63qmhb7kphvzr723imgcs3tx")
		if err := agent.ask(t, nil, "list"); err != nil {
			return err
		}
		return h.opens(t, "passphrase")
	}
	return scenario{name: "migration", slow: true, prepare: prepare, args: func(*home) []string { return []string{"list"} }, check: check}
}
