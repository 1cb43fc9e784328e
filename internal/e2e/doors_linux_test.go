package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// addDoors adds an owner key and a kit of two shares, so that the pod has a way in of
// each kind. It is followed by enters.
func (h *home) addDoors(t *testing.T) {
	t.Helper()
	var public struct{ Recipient string }
	h.mustJSON(t, &public, "key", "keygen", "-o", filepath.Join(h.dir, "owner.key"))
	h.must(t, "key", "add", "--owner", public.Recipient, "--name", "phone")
	h.must(t, "recovery", "create", "--shares", "2-of-2", "-o", filepath.Join(h.dir, "kit.txt"))
}

// enters tries all ways in, which must all lead to the same number of items.
func (h *home) enters(t *testing.T, items int) error {
	t.Helper()
	for _, flags := range [][]string{
		{},
		{"--owner-key", filepath.Join(h.dir, "owner.key")},
		{"--passphrase-file", filepath.Join(h.dir, "passphrase")},
	} {
		with := h
		if len(flags) > 0 {
			with = h.with("")
		}
		var p struct{ Items []struct{} }
		if err := with.ask(t, &p, append([]string{"list", "--limit", "1000"}, flags...)...); err != nil {
			return err
		}
		if len(p.Items) != items {
			return fmt.Errorf("%q: there are %d items, want %d", flags, len(p.Items), items)
		}
	}
	return h.kitOpens(t, "kit.txt")
}

// kitOpens finds out whether the sheets in a file open the pod. All of them are needed.
func (h *home) kitOpens(t *testing.T, file string) error {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, file))
	if err != nil {
		return err
	}
	shares := h.file(t, file+".shares", strings.Join(codes(string(text)), "\n"))
	return h.with("").ask(t, nil, "recovery", "test", "--share-file", shares)
}

// codes are those of the sheets in the text of a kit, where each takes several lines.
func codes(kit string) []string {
	var found []string
	inside := false
	for line := range strings.Lines(kit) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "LOCKET1:"):
			found, inside = append(found, ""), true
		case line == "":
			inside = false
		}
		if inside {
			found[len(found)-1] += strings.ReplaceAll(line, " ", "")
		}
	}
	return found
}

// podDir is the folder of the pod.
func (h *home) podDir() string { return filepath.Join(h.pods, string(h.pod)) }

// oldHeaderIsDead puts an earlier header back for a moment: nothing may open with it.
func (h *home) oldHeaderIsDead(t *testing.T, old []byte) error {
	t.Helper()
	path := filepath.Join(h.podDir(), "header")
	now, err := os.ReadFile(path)
	if err != nil || bytes.Equal(now, old) {
		return err
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		return err
	}
	if h.ask(t, nil, "list") == nil || h.with("").ask(t, nil, "list", "--owner-key", filepath.Join(h.dir, "owner.key")) == nil {
		return errors.New("the header from before the rotation opens the pod")
	}
	if h.kitOpens(t, "kit.txt") == nil {
		return errors.New("the header from before the rotation opens the pod for a kit")
	}
	return os.WriteFile(path, now, 0o600)
}

// databases are the names of the pod's database files and of those beside them.
func (h *home) databases() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(h.podDir(), "pod*"))
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return paths, err
}
