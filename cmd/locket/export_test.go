package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// What is stopped leaves nothing behind, neither under its name nor beside it.
func TestStoppedExportLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	stopped := errors.New("stopped")
	half := func() io.Reader {
		return io.MultiReader(bytes.NewReader(make([]byte, 100)), failing{stopped})
	}
	for _, name := range []string{"out.tar", "out"} {
		e := exportRun{c: testCLI(new(bytes.Buffer), new(bytes.Buffer)), target: filepath.Join(dir, name)}
		e.bar = e.c.newProgress()
		place, err := e.place()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := place(ctx, half()); !errors.Is(err, stopped) {
			t.Errorf("%s: %v", name, err)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("%s left %v, %v", name, left, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
