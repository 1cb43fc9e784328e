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
