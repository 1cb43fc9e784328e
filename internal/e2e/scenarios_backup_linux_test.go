package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// backupScenarios are the commands that write backups, or pods from them. Each check runs
// many commands, so that some rows are for CI and campaigns only.
func backupScenarios() []scenario {
	some := []scenario{nextBackup(), replacePod()}
	if inCI() || thorough() {
		some = append(some, firstBackup(), restoreBackup(), pruneBackups())
	}
	return some
}

// repo is the folder of the backups; the one that it is in is missing before the first.
func (h *home) repo() string { return filepath.Join(h.dir, "disk", "backups") }

// backUp adds an item and a file to the pod, and makes a snapshot.
func (h *home) backUp(t *testing.T, name string) {
	t.Helper()
	h.must(t, "add", "File", "name="+name, "--file", h.file(t, "content "+name, strings.Repeat(name, 5_000)))
	h.must(t, "backup", "create", h.repo())
}

// snapshots returns how many there are, all of them without a fault.
func (h *home) snapshots(t *testing.T) (int, error) {
	t.Helper()
	var v struct {
		Snapshots int
		Foreign   []string
	}
	err := h.ask(t, &v, "backup", "verify", h.repo())
	if err == nil && len(v.Foreign) > 0 {
		err = fmt.Errorf("snapshots that can't be read: %q", v.Foreign)
	}
	return v.Snapshots, err
}

// has finds out whether the pod has exactly these items, and is whole.
func (h *home) has(t *testing.T, names ...string) error {
	t.Helper()
	there, err := h.names(t)
	if err != nil {
		return err
	}
	for _, name := range names {
		if there[name] != 1 {
			return fmt.Errorf("%q is there %d times", name, there[name])
		}
	}
	if len(there) != len(names) {
		return fmt.Errorf("there are %v, and not only %q", there, names)
	}
	var v struct{ Fault string }
	if err := h.ask(t, &v, "verify"); err != nil || v.Fault == "" {
		return err
	}
	return errors.New("verify: " + v.Fault)
}

// in is the home with another folder of pods.
func (h *home) in(dir string) *home {
	other := *h
	other.pods = dir
	return &other
}

// firstBackup: there is a snapshot that can be restored, or none.
func firstBackup() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.must(t, "add", "Note", "name=one")
	}
	return backup("backup create, first", prepare, 0, "one")
}

// nextBackup: the snapshots that were there are as they were, and the new one is there
// whole or not at all.
func nextBackup() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.backUp(t, "one")
		h.must(t, "add", "Note", "name=two")
	}
	return backup("backup create", prepare, 1, "one", "two")
}

// backup makes one snapshot more than there were before, of a pod with the named items.
func backup(name string, prepare func(*home, *testing.T), before int, items ...string) scenario {
	args := func(h *home) []string { return []string{"backup", "create", h.repo()} }
	check := func(t *testing.T, h *home, o outcome) error {
		n, err := h.snapshots(t)
		switch {
		case err != nil:
			return err
		case o.done() && n != before+1:
			return fmt.Errorf("the snapshot was made, but there are %d", n)
		case n != before && n != before+1:
			return fmt.Errorf("there are %d snapshots", n)
		}
		if n == before {
			if err := h.ask(t, nil, args(h)...); err != nil {
				return fmt.Errorf("the next: %w", err)
			}
		}
		dir := filepath.Join(h.dir, "restored")
		if err := h.ask(t, nil, "backup", "restore", h.repo(), "--dir", dir); err != nil {
			return err
		}
		if err := h.in(dir).has(t, items...); err != nil {
			return fmt.Errorf("restored: %w", err)
		}
		if n == before+1 {
			return h.ask(t, nil, args(h)...)
		}
		return nil
	}
	return scenario{name: name, slow: true, prepare: prepare, args: args, check: check}
}

// restoreBackup: the pod is there whole or not at all, and can be restored then.
func restoreBackup() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.backUp(t, "one")
		if err := os.RemoveAll(h.pods); err != nil {
			t.Fatal(err)
		}
	}
	args := func(h *home) []string { return []string{"backup", "restore", h.repo()} }
	check := func(t *testing.T, h *home, o outcome) error {
		entries, err := os.ReadDir(h.pods)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		there := false
		for _, e := range entries {
			switch {
			case e.Name() == string(h.pod):
				there = true
			case !strings.HasPrefix(e.Name(), ".restoring-"):
				return fmt.Errorf("beside the pod there is %s", e.Name())
			}
		}
		if o.done() && !there {
			return errors.New("the pod was restored and is lost")
		}
		if !there {
			if err := h.ask(t, nil, args(h)...); err != nil {
				return fmt.Errorf("again: %w", err)
			}
		}
		return h.has(t, "one")
	}
	return scenario{name: "backup restore", slow: true, prepare: prepare, args: args, check: check}
}

// replacePod: the pod is the old one or the restored one at any moment, and the old one
// is aside then. While the restored one is to take its place it may be aside, too.
func replacePod() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		h.backUp(t, "one")
		h.must(t, "add", "Note", "name=two")
	}
	args := func(h *home) []string {
		return []string{"backup", "restore", h.repo(), "--replace", "--accept-older"}
	}
	check := func(t *testing.T, h *home, o outcome) error {
		there, err := h.names(t)
		if err != nil {
			return err
		}
		aside, err := filepath.Glob(filepath.Join(h.pods, string(h.pod)+".replaced-*"))
		switch {
		case err != nil:
			return err
		case len(aside) > 1:
			return fmt.Errorf("aside are %q", aside)
		case there["two"] == 1 && o.done():
			return errors.New("the pod was restored, but it is the old one")
		case there["two"] == 1:
			return h.has(t, "one", "two")
		case len(aside) == 0:
			return errors.New("the old pod is lost")
		}
		if err := h.has(t, "one"); err != nil {
			return err
		}
		old := h.in(filepath.Join(h.dir, "old"))
		if err := errors.Join(os.Mkdir(old.pods, 0o700), os.Rename(aside[0], filepath.Join(old.pods, string(h.pod)))); err != nil {
			return err
		}
		old.more = append(old.more, "LOCKET_STATE=") // it is newer than the one in its place
		if err := old.has(t, "one", "two"); err != nil {
			return fmt.Errorf("the old pod: %w", err)
		}
		return nil
	}
	return scenario{name: "backup restore, replace", slow: true, prepare: prepare, args: args, check: check}
}

// pruneBackups: every snapshot that is left is whole, the newest is, and pruning again
// removes the rest.
func pruneBackups() scenario {
	prepare := func(h *home, t *testing.T) {
		h.makePod(t)
		for _, name := range []string{"one", "two", "three"} {
			h.backUp(t, name)
		}
		// What is of today stays, named or not: it may be of a snapshot that is being made.
		then := time.Now().Add(-48 * time.Hour)
		err := filepath.WalkDir(h.repo(), func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Chtimes(path, then, then))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	args := func(h *home) []string { return []string{"backup", "prune", h.repo(), "--keep-last", "1"} }
	check := func(t *testing.T, h *home, o outcome) error {
		n, err := h.snapshots(t)
		switch {
		case err != nil:
			return err
		case n < 1 || n > 3 || o.done() && n != 1:
			return fmt.Errorf("there are %d snapshots", n)
		}
		if err := h.ask(t, nil, args(h)...); err != nil {
			return fmt.Errorf("again: %w", err)
		}
		if n, err = h.snapshots(t); err == nil && n != 1 {
			err = fmt.Errorf("%d snapshots are left", n)
		}
		if err != nil {
			return fmt.Errorf("after the next prune: %w", err)
		}
		return nil
	}
	return scenario{name: "backup prune", slow: true, prepare: prepare, args: args, check: check}
}
