package durable_test

import (
	"os"
	"testing"

	"github.com/locketpod/locket/internal/durable"
)

func TestTryLock(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	for range 2 {
		unlock, ok, err := durable.TryLock(root, "a.lock")
		if !ok || err != nil {
			t.Fatalf("got %t, %v for a free lock", ok, err)
		}
		if _, ok, err := durable.TryLock(root, "a.lock"); ok || err != nil {
			t.Errorf("got %t, %v for one that is taken", ok, err)
		}
		other, ok, err := durable.TryLock(root, "b.lock")
		if !ok || err != nil {
			t.Fatalf("got %t, %v for another", ok, err)
		}
		if err := other(); err != nil {
			t.Error(err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
	if _, ok, err := durable.TryLock(root, "none/a.lock"); ok || err == nil {
		t.Error("a lock in a folder that does not exist is taken")
	}
}
