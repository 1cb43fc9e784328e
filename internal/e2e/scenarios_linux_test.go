package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
)

// scenarios are the commands that must survive anything. Each gets --json besides its
// own arguments, must succeed if nothing goes wrong, and keeps to files below home.dir.
func scenarios() []scenario {
	return append(backupScenarios(),
		makePod(), addKey(), revokeKey(), addPassphrase(), addFile(), importVault(),
		rotate(), rotateAndEnd(), changePassphrase(), makeKit(), renewKit(), comeBack(), migrate(), connectClient())
}

// makePod: there is no pod, or a whole one.
func makePod() scenario {
	args := func(h *home) []string {
		return []string{"init", "--passphrase-file", filepath.Join(h.dir, "passphrase"), "--no-keyring", "--print-key"}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		var made struct{ Pod, Key string }
		headers, err := filepath.Glob(filepath.Join(h.pods, "*", "header"))
		switch {
		case err != nil:
			return err
		case o.reads(&made) && len(headers) == 0:
			return errors.New("the pod was made and is lost")
		case len(headers) > 1:
			return fmt.Errorf("there are %d pods", len(headers))
		case o.reads(&made):
			h.pod, h.key = locket.PodID(made.Pod), made.Key
			return h.opens(t, "passphrase")
		case len(headers) == 0: // it can be made now
			return h.ask(t, nil, "init", "--passphrase-file", filepath.Join(h.dir, "passphrase"), "--no-keyring")
		}
		var k struct{ Key string }
		if err := h.ask(t, &k, "key", "add", "--passphrase-file", filepath.Join(h.dir, "passphrase")); err != nil {
			return err
		}
		h.key = k.Key
		return nil
	}
	return scenario{name: "init", slow: true, prepare: func(*home, *testing.T) {}, args: args, check: check}
}

// opens finds out whether the passphrase in a file opens the pod.
func (h *home) opens(t *testing.T, file string) error {
	t.Helper()
	return h.with("").ask(t, nil, "key", "list", "--passphrase-file", filepath.Join(h.dir, file))
}

// with is the home with another API key.
func (h *home) with(key string) *home {
	other := *h
	other.key = key
	return &other
}

// keys returns how many keys the pod has. One without a name was in the header before
// the database knew of it, and is no use to anybody: it is revoked and not counted.
func (h *home) keys(t *testing.T) (n int, err error) {
	t.Helper()
	var list struct{ Items []struct{ ID, Name string } }
	if err := h.ask(t, &list, "key", "list"); err != nil {
		return 0, err
	}
	for _, k := range list.Items {
		if k.Name != "" {
			n++
		} else if err := h.ask(t, nil, "key", "revoke", k.ID); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// addKey: the old keys open the pod, and the new one does if it was printed.
func addKey() scenario {
	check := func(t *testing.T, h *home, o outcome) error {
		n, err := h.keys(t)
		var k struct{ Key string }
		switch {
		case err != nil:
			return err
		case o.reads(&k):
			_, err := h.with(k.Key).keys(t)
			return err
		case n != 2 && n != 3:
			return fmt.Errorf("the pod has %d keys", n)
		case n == 3 && o.code == locket.CodeDiskFull:
			return errors.New("the disk was full, but there is one key more")
		}
		return nil
	}
	return scenario{name: "key add", prepare: (*home).makePod, args: func(*home) []string { return []string{"key", "add", "--name", "phone"} }, check: check}
}

// revokeKey: the key that stays opens the pod, and the other one does not if that was said.
// It may have ended although the command failed: the header goes first.
func revokeKey() scenario {
	var other struct{ ID, Key string }
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.mustJSON(t, &other, "key", "add", "--name", "phone")
	}
	check := func(t *testing.T, h *home, o outcome) error {
		n, err := h.keys(t)
		if err != nil {
			return err
		}
		_, err = h.with(other.Key).keys(t)
		switch {
		case o.done() && err == nil:
			return errors.New("the key was revoked and opens the pod")
		case (n == 3) != (err == nil):
			return fmt.Errorf("there are %d keys; the one to be revoked: %w", n, err)
		}
		return nil
	}
	return scenario{name: "key revoke", prepare: prepare, args: func(*home) []string { return []string{"key", "revoke", other.ID} }, check: check}
}

// addPassphrase: the old keys open the pod, and the new passphrase does if that was said.
func addPassphrase() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.file(t, "spare", "another-velvet-otter-94\n")
	}
	args := func(h *home) []string {
		return []string{"key", "add", "--passphrase", "--name", "spare", "--new-passphrase-file", filepath.Join(h.dir, "spare")}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		n, err := h.keys(t)
		if err == nil && n != 2 && n != 3 {
			return fmt.Errorf("the pod has %d keys", n)
		}
		if err == nil && (n == 3 || o.done()) {
			err = h.opens(t, "spare")
		}
		return err
	}
	return scenario{name: "passphrase add", slow: true, prepare: prepare, args: args, check: check}
}

// addFile: the file is there whole or not at all.
func addFile() scenario {
	content := []byte(strings.Repeat("content of a file ", 11_400)) // 200 KB
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.file(t, "content.bin", string(content))
		h.must(t, "add", "Note", "name=before")
	}
	args := func(h *home) []string {
		return []string{"add", "File", "name=added", "--file", filepath.Join(h.dir, "content.bin")}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		var p locket.Page[locket.Item]
		if err := h.ask(t, &p, "list", "--order", "created"); err != nil {
			return err
		}
		switch n := len(p.Items); {
		case n == 0 || p.Items[n-1].Text("name") != "before" && p.Items[0].Text("name") != "before":
			return fmt.Errorf("what was there before is lost: %v", p.Items)
		case n == 1 && o.done():
			return errors.New("the file was added and is lost")
		case n == 1:
			return nil
		case n > 2:
			return fmt.Errorf("there are %d items", n)
		case o.code == locket.CodeDiskFull:
			return errors.New("the disk was full, but the file was added")
		}
		for _, it := range p.Items {
			if it.Type != "File" {
				continue
			}
			r := finish(t, h.command(t, nil, "get", string(it.ID), "--content", "-"))
			if r.status != 0 || !bytes.Equal([]byte(r.out), content) {
				return fmt.Errorf("the file has %d bytes of other content: %s", len(r.out), r.err)
			}
		}
		return nil
	}
	return scenario{name: "add file", prepare: prepare, args: args, check: check}
}

// importVault: notes are there whole or not at all, and importing again brings the rest.
func importVault() scenario {
	const notes = 40
	name := func(n int) string { return fmt.Sprintf("note %d", n) }
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		for n := range notes {
			h.file(t, filepath.Join("vault", name(n)+".md"), fmt.Sprintf("See [[%s]].\n%s\n", name((n+1)%notes), strings.Repeat("text ", 200)))
		}
		h.file(t, "vault/picture.png", strings.Repeat("not really a picture", 5000))
	}
	args := func(h *home) []string { return []string{"import", filepath.Join(h.dir, "vault"), "--yes"} }
	check := func(t *testing.T, h *home, o outcome) error {
		if !o.done() || o.code != "" { // a report is printed even of an import that failed
			if err := os.MkdirAll(filepath.Join(h.dir, "vault"), 0o700); err != nil {
				return err
			}
			if err := h.ask(t, nil, args(h)...); err != nil {
				return err
			}
		}
		there, err := h.names(t)
		if err != nil {
			return err
		}
		for n := range notes {
			if there[name(n)] != 1 {
				return fmt.Errorf("%q is there %d times", name(n), there[name(n)])
			}
		}
		return nil
	}
	return scenario{name: "import", prepare: prepare, args: args, check: check}
}
