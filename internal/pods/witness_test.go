package pods_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
)

// TestOldCopyIsNoticed puts back a pod as it was, in whole and in part.
func TestOldCopyIsNoticed(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	open := func() *pods.Folder {
		t.Helper()
		f, err := pods.Open(dir, pods.Options{State: state})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open()
	c, err := f.Create(t.Context(), pods.New{KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	add := func(f *pods.Folder) error { return f.Do(t.Context(), c.Pod, c.Token, addNote("n")) }
	if err := add(f); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(dir, string(c.Pod), "pod.db")
	old, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := add(f); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(db, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := add(f); locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("by the same process: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open()
	defer func() { _ = f.Close() }()
	if err := add(f); locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("by the next process: %v", err)
	}
	if err := f.AcceptOlder(t.Context(), c.Pod, c.Token); err != nil {
		t.Fatal(err)
	}
	for range 3 { // grows past where it was, on another branch
		if err := add(f); err != nil {
			t.Errorf("after it was accepted: %v", err)
		}
	}
	now, err := os.ReadFile(filepath.Join(state, string(c.Pod)+".seen"))
	if err != nil || bytes.Contains(now, []byte("size")) {
		t.Errorf("what is remembered can be read: %q, %v", now, err)
	}
}

// What others have written counts as seen by who has only read it.
func TestWhatIsReadIsRemembered(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	writer := place(t, dir, "")
	c := create(t, writer)
	add := func() {
		t.Helper()
		if err := writer.Do(t.Context(), c.Pod, c.Token, addNote("n")); err != nil {
			t.Fatal(err)
		}
	}
	add()
	if n := count(t, place(t, dir, state), c.Pod, c.Token); n != 1 {
		t.Fatalf("%d items", n)
	}
	db := filepath.Join(dir, string(c.Pod), "pod.db")
	old, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	add()
	reader := place(t, dir, state)
	if n := count(t, reader, c.Pod, c.Token); n != 2 {
		t.Fatalf("%d items", n)
	}
	if err := os.WriteFile(db, old, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]*pods.Folder{"the same process": reader, "the next": place(t, dir, state)} {
		if err := f.Do(t.Context(), c.Pod, c.Token, addNote("x")); locket.CodeOf(err) != locket.CodeRolledBack {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A pod that does not open as it is is not accepted, and nothing is forgotten for it.
func TestAcceptOlderThatFails(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	f := place(t, dir, state)
	c := create(t, f)
	pod := filepath.Join(dir, string(c.Pod))
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(pod)); err != nil {
		t.Fatal(err)
	}
	put := func(name string) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(copied, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pod, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	everyKind(t, f, c)
	put("pod.db")
	if err := f.AcceptOlder(t.Context(), c.Pod, c.Token); locket.CodeOf(err) != locket.CodeTampered {
		t.Fatal(err)
	}
	put("header")
	for name, f := range map[string]*pods.Folder{"the same process": f, "the next": place(t, dir, state)} {
		if err := f.Do(t.Context(), c.Pod, c.Token, addNote("x")); locket.CodeOf(err) != locket.CodeRolledBack {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A pod that does not open is not accepted, also where nothing is remembered.
func TestAcceptOlderOpensThePod(t *testing.T) {
	dir := t.TempDir()
	f, err := pods.Open(dir, pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	c, err := f.Create(t.Context(), pods.New{KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AcceptOlder(t.Context(), c.Pod, c.Token); err != nil {
		t.Error(err)
	}
	if err := os.Truncate(filepath.Join(dir, string(c.Pod), "pod.db"), 4096); err != nil {
		t.Fatal(err)
	}
	if err := f.AcceptOlder(t.Context(), c.Pod, c.Token); locket.CodeOf(err) != locket.CodeTampered {
		t.Errorf("a cut database: %v", err)
	}
}
