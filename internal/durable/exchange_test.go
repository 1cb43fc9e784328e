package durable_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/locketpod/locket/internal/durable"
)

func TestExchange(t *testing.T) {
	root, dir := open(t)
	for _, name := range []string{"a", "b"} {
		if err := root.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(filepath.Join(name, "was "+name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := durable.Exchange(root, "a", "b")
	if errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "linux" {
		t.Skip("this system cannot")
	} else if err != nil {
		t.Fatal(err)
	}
	for name, was := range map[string]string{"a": "was b", "b": "was a"} {
		if ns := names(t, filepath.Join(dir, name)); len(ns) != 1 || ns[0] != was {
			t.Errorf("%s has %v", name, ns)
		}
	}
	if err := durable.Exchange(root, "a", "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with a file that is not there: %v", err)
	}
}
