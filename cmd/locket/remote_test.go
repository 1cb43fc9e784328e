package main

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/api"
	"github.com/locketpod/locket/internal/pods"
)

// TestRunsAtOnce has runs that overlap, against a real server, and then puts an old copy
// of the pod under them.
func TestRunsAtOnce(t *testing.T) {
	dir, state, copied := filepath.Join(t.TempDir(), "pods"), t.TempDir(), t.TempDir()
	folder, err := pods.Open(dir, pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := folder.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api.New(api.Config{Doer: folder, Log: slog.New(slog.DiscardHandler)}))
	defer func() {
		s.Close()
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	}()
	var log bytes.Buffer
	begin := func(state string) *remote {
		t.Helper()
		c := testCLI(new(bytes.Buffer), &log)
		c.server, c.state, c.key = s.URL, state, made.Token.Text()
		r, err := c.newRemote()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	add := func(r *remote) error {
		_, err := run[locket.Item](t.Context(), r, "items.create", map[string]string{"type": "Note", "props": `{"name":"Tea"}`})
		return err
	}
	end := func(r *remote, want locket.Code) {
		t.Helper()
		if err := r.close(t.Context()); locket.CodeOf(err) != want {
			t.Errorf("a run ends with %v, want code %q", err, want)
		}
	}
	kept := func() int64 {
		t.Helper()
		n, err := openTestNotebook(state, s.URL, string(made.Token.Text().Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		defer n.close()
		got, err := n.begin()
		if err != nil {
			t.Fatal(err)
		}
		return sizeOf(got)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	long, short, silent := begin(state), begin(state), begin("")
	must(errors.Join(add(long), add(short)))
	end(short, "")
	first := kept()
	must(errors.Join(add(silent), add(long)))
	end(silent, "")
	if kept() != first {
		t.Errorf("a run that keeps nothing changed what is kept")
	}
	end(long, "") // shows that it has grown from what the short one kept
	second := kept()
	if second <= first {
		t.Errorf("%d entries are kept after %d and two more", second, first)
	}

	pod := filepath.Join(dir, string(made.Pod))
	must(errors.Join(os.RemoveAll(copied), os.CopyFS(copied, os.DirFS(pod))))
	long, short, silent = begin(state), begin(state), begin("")
	must(add(short))
	end(short, "")
	third := kept()
	must(errors.Join(os.RemoveAll(pod), os.CopyFS(pod, os.DirFS(copied))))
	for range third { // until the other journal is longer
		must(add(silent))
	}
	end(silent, "")
	must(add(long)) // to this run it has grown
	end(long, locket.CodeRolledBack)
	if kept() != third {
		t.Errorf("%d entries are kept, want the %d from before the old copy", kept(), third)
	}
	next := begin(state)
	if err := add(next); locket.CodeOf(err) != locket.CodeRolledBack {
		t.Errorf("the next run: got %v, want rolled_back", err)
	}
	end(next, "")
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", log.String())
	}
}
