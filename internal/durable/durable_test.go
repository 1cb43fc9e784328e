package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/locketpod/locket/internal/durable"
)

func open(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root, dir
}

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ns []string
	for _, e := range entries {
		ns = append(ns, e.Name())
	}
	return ns
}

func TestWriteFile(t *testing.T) {
	root, dir := open(t)
	for _, want := range []string{"old", "", "new and longer"} {
		if err := durable.WriteFile(root, "header", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := root.ReadFile("header"); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if ns := names(t, dir); len(ns) != 1 {
		t.Errorf("left behind: %v", ns)
	}
}

func TestModeIsSetBeforeContent(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	root, dir := open(t)
	f, err := durable.Create(root, "header")
	if err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for _, name := range names(t, dir) {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
			}
		}
	}
	check()
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	check()
}

func TestUncommittedFileIsNotInPlace(t *testing.T) {
	root, dir := open(t)
	if err := durable.WriteFile(root, "header", []byte("old")); err != nil {
		t.Fatal(err)
	}
	f, err := durable.Create(root, "header")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	if got, err := root.ReadFile("header"); err != nil || string(got) != "old" {
		t.Errorf("got %q, %v", got, err)
	}
	// As after a crash: the next writer is not disturbed.
	if err := durable.WriteFile(root, "header", []byte("newer")); err != nil {
		t.Error(err)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
	if ns := names(t, dir); len(ns) != 1 {
		t.Errorf("left behind: %v", ns)
	}
	if got, err := root.ReadFile("header"); err != nil || string(got) != "newer" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	root, dir := open(t)
	if err := root.Mkdir("header", 0o700); err != nil { // a folder is in the way
		t.Fatal(err)
	}
	if err := durable.WriteFile(root, "header", []byte("x")); err == nil {
		t.Error("replaced a folder")
	}
	if ns := names(t, dir); len(ns) != 1 {
		t.Errorf("left behind: %v", ns)
	}
	if err := durable.WriteFile(root, "none/header", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	if err := durable.WriteFile(root, "../header", nil); err == nil {
		t.Error("wrote outside the root")
	}
}

func TestTempOf(t *testing.T) {
	root, dir := open(t)
	if _, err := durable.Create(root, "a.b"); err != nil {
		t.Fatal(err)
	}
	if final, ok := durable.TempOf(names(t, dir)[0]); !ok || final != "a.b" {
		t.Errorf("got %q, %v for %v", final, ok, names(t, dir))
	}
	for _, name := range []string{"", "a.b", "a.tmp", "a.tmp-", "a.tmp-0011", "a.tmp-001122334455667g", "a.tmp-00112233445566778"} {
		if final, ok := durable.TempOf(name); ok {
			t.Errorf("%q passes for a temporary %q", name, final)
		}
	}
}

func TestMkdirAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	for range 2 { // the second time it is there
		if err := durable.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(d)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v", d, info.Mode())
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(file, "below")} {
		if err := durable.MkdirAll(name); err == nil {
			t.Errorf("%s: no error, although a file is in the way", name)
		}
	}
}

func TestRemoveTemps(t *testing.T) {
	root, dir := open(t)
	keep := []string{"header", "header.tmp-0011", "header.tmp-00112233445566xy", "other.tmp-0011223344556677"}
	for _, name := range append(keep, "header.tmp-0011223344556677", "header.tmp-ffffffffffffffff") {
		if err := root.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.RemoveTemps(root, "header"); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); !slices.Equal(left, keep) {
		t.Errorf("left: %v, want %v", left, keep)
	}
}
