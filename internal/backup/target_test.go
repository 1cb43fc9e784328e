package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket/internal/backup"
)

// conform checks what every Target promises; it must be empty.
func conform(t *testing.T, target backup.Target, many int) {
	ctx := t.Context()
	big := random(8<<20 + 5000)
	for name, data := range map[string][]byte{"a/b/empty": {}, "a/b/one": {1}, "a/bc": random(70000), "d": big} {
		if err := target.Put(ctx, name, data); err != nil {
			t.Fatalf("put %s: %v (%v)", name, err, errors.Unwrap(err))
		}
		if err := target.Put(ctx, name, []byte("other")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("put %s again: %v", name, err)
		}
		got, err := target.Get(ctx, name, int64(len(data)))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("get %s: %d bytes, %v", name, len(got), err)
		}
		if len(data) > 0 {
			if _, err := target.Get(ctx, name, int64(len(data))-1); !errors.Is(err, backup.ErrTooLong) {
				t.Errorf("get %s with a lower limit: %v", name, err)
			}
		}
	}
	if _, err := target.Get(ctx, "a/none", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get what is not there: %v", err)
	}
	for _, name := range []string{"", "/a", "a/", "../a", "a/../b", "a//b", "a/.b", "a b", "a\nb", "a/./b", "ü"} {
		if err := target.Put(ctx, name, nil); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("put %q: %v", name, err)
		}
		if _, err := target.Get(ctx, name, 10); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("get %q: %v", name, err)
		}
		if err := target.Delete(ctx, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("delete %q: %v", name, err)
		}
	}
	for i := range many {
		if err := target.Put(ctx, fmt.Sprintf("many/%04d", i), []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string]int{"": 4 + many, "a/": 3, "a/b/": 2, "many/": many, "none/": 0} {
		if got := list(t, target, prefix); len(got) != want {
			t.Errorf("list %q: %d, want %d", prefix, len(got), want)
		}
	}
	if got := list(t, target, "a/b/"); got["a/b/one"] != 1 {
		t.Errorf("got %v", got)
	}
	for range 2 {
		if err := target.Delete(ctx, "a/b/one"); err != nil {
			t.Error(err)
		}
	}
	if _, err := target.Get(ctx, "a/b/one", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("get what was deleted: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := target.Put(cancelled, "late", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("put after the end: %v", err)
	}
	listed, cancel := context.WithCancel(ctx)
	defer cancel()
	var last error
	for _, last = range target.List(listed, "") {
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a list that is cancelled ends with %v", last)
	}
}

func list(t *testing.T, target backup.Target, prefix string) map[string]int64 {
	t.Helper()
	got := make(map[string]int64)
	for o, err := range target.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := got[o.Name]; ok || o.Modified.IsZero() {
			t.Errorf("%+v is listed twice, or without a time", o)
		}
		got[o.Name] = o.Size
	}
	return got
}

func folder(t *testing.T) (*backup.Folder, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := backup.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, dir
}

func TestFolder(t *testing.T) {
	f, dir := folder(t)
	conform(t, f, 20)
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && d.Type().IsRegular() && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What else is in the folder, or leads out of it, is neither read nor followed.
func TestFolderIsNotLeft(t *testing.T) {
	f, dir := folder(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "x"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here")
	}
	if err := os.Symlink(filepath.Join(outside, "x"), filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link/x", "file"} {
		if data, err := f.Get(t.Context(), name, 100); err == nil {
			t.Errorf("read %q through %s", data, name)
		}
	}
	if err := f.Put(t.Context(), "link/y", nil); err == nil {
		t.Error("wrote through a link")
	}
	if got := list(t, f, ""); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
}

func TestBackupInFolder(t *testing.T) {
	f, _ := folder(t)
	h := newHolder(t)
	p := newPod(1500, 100, 9<<20)
	create(t, f, p, h.keys())
	p.change(7)
	sum := create(t, f, p, h.keys())
	mustRestore(t, f, h.keys(), sum.ID, p.files())
	if v := verify(t, f, h.keys()); len(v.Findings) != 0 || v.Snapshots != 2 {
		t.Errorf("%+v", v)
	}
}
