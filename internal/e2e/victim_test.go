package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

const page = 4096 // bytes of a database page

// A victim is a small pod whose files are altered, one after the other.
type victim struct {
	folder  *pods.Folder
	created pods.Created
	dir     string
	blob    string            // file of its large blob
	shut    map[string][]byte // its files when it is shut
	hot     map[string][]byte // the same after a crash, with a write-ahead log
	states  []string          // dumps after each commit in that log, oldest first
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	f, err := pods.Open(filepath.Join(t.TempDir(), "pods"), pods.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	v := &victim{folder: f}
	if v.created, err = f.Create(t.Context(), pods.New{Owner: "Anna", KeyName: "laptop"}); err != nil {
		t.Fatal(err)
	}
	v.dir = filepath.Join(f.Path(), string(v.created.Pod))
	v.do(t, fill)
	v.do(t, func(ctx context.Context, w *store.View) error { return v.commit(t, ctx, w) })
	v.shut = v.files(t)
	for name, b := range v.shut {
		if filepath.Dir(name) == "blobs" && len(b) > 64<<10 {
			v.blob = name
		}
	}
	if v.blob == "" || len(v.hot["pod.db-wal"]) < 4*page || len(v.shut["pod.db-wal"]) > 0 {
		t.Fatal("the pod has no large blob or no write-ahead log")
	}
	return v
}

func (v *victim) do(t *testing.T, fn func(context.Context, *store.View) error) {
	t.Helper()
	err := v.folder.Do(t.Context(), v.created.Pod, v.created.Token, func(w *store.View) error { return fn(t.Context(), w) })
	if err != nil {
		t.Fatal(err)
	}
}

// fill writes notes, links and files of both sizes.
func fill(ctx context.Context, v *store.View) error {
	small, err := v.PutBlob(ctx, strings.NewReader("a small file"))
	if err != nil {
		return err
	}
	large, err := v.PutBlob(ctx, strings.NewReader(strings.Repeat("a large file ", 10_000)))
	if err != nil {
		return err
	}
	_, err = v.Write(ctx, func(w *store.Writer) error {
		var last locket.ItemID
		for _, d := range []store.Draft{
			{Type: "Note", Props: map[string]any{"name": "harbour", "text": strings.Repeat("boats in the harbour ", 300)}},
			{Type: "File", Props: map[string]any{"name": "small", "blob": small.ID}},
			{Type: "File", Props: map[string]any{"name": "large", "blob": large.ID}},
		} {
			it, err := w.Create(d)
			if err != nil {
				return err
			}
			if last != "" {
				if err := w.Link(locket.Edge{Source: last, Name: "mentions", Target: it.ID}); err != nil {
					return err
				}
			}
			last = it.ID
		}
		return nil
	})
	return err
}

// commit makes three changes, notes what there is after each, and copies the files
// while the pod is open.
func (v *victim) commit(t *testing.T, ctx context.Context, w *store.View) error {
	for _, name := range []string{"", "first", "second", "third"} {
		if name != "" {
			_, err := w.Write(ctx, func(w *store.Writer) error {
				_, err := w.Create(store.Draft{Type: "Note", Props: map[string]any{"name": name, "text": "seen from the harbour"}})
				return err
			})
			if err != nil {
				return err
			}
		}
		state, err := dump(ctx, w)
		if err != nil {
			return err
		}
		v.states = append(v.states, state)
	}
	v.hot = v.files(t)
	return nil
}

// dump reads everything that is in a pod.
func dump(ctx context.Context, v *store.View) (string, error) {
	items, err := v.Query(ctx, locket.Query{Order: "created", Limit: 1000})
	if err != nil {
		return "", err
	}
	hits, err := v.Search(ctx, locket.Search{Text: "harbour"})
	if err != nil {
		return "", err
	}
	all := []any{items, hits}
	for _, it := range items.Items {
		past, err := v.History(ctx, it.ID, 100, "")
		if err != nil {
			return "", err
		}
		edges, err := v.Edges(ctx, it.ID, "", "", 100, "")
		if err != nil {
			return "", err
		}
		all = append(all, past, edges)
		if id, ok := it.Props["blob"].(locket.BlobID); ok {
			content, err := content(ctx, v, id)
			if err != nil {
				return "", err
			}
			all = append(all, content)
		}
	}
	b, err := json.Marshal(all)
	return string(b), err
}

func content(ctx context.Context, v *store.View, id locket.BlobID) ([]byte, error) {
	b, err := v.OpenBlob(ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.Close() }() // only read
	return io.ReadAll(b)
}

// files reads the pod's files, by their paths in its folder.
func (v *victim) files(t *testing.T) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(v.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		name, err := filepath.Rel(v.dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// put puts files in place.
func (v *victim) put(t *testing.T, files map[string][]byte) {
	t.Helper()
	for _, name := range []string{"header", "pod.db", "pod.db-wal", "pod.db-shm", v.blob} {
		path := filepath.Join(v.dir, name)
		var err error
		if b, ok := files[name]; ok {
			err = os.WriteFile(path, b, 0o600)
		} else if err = os.Remove(path); os.IsNotExist(err) {
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// read reads the pod, and then lets it check itself, as doctor does.
func (v *victim) read(t *testing.T) (state string, noticed bool, err error) {
	t.Helper()
	err = v.folder.Do(t.Context(), v.created.Pod, v.created.Token, func(w *store.View) error {
		var err error
		if state, err = dump(t.Context(), w); err != nil {
			return err
		}
		wrong, err := w.CheckIntegrity(t.Context())
		noticed = len(wrong) > 0 || locket.CodeOf(err) == locket.CodeTampered
		if noticed {
			return nil
		}
		return err
	})
	return state, noticed, err
}

// outcome reads altered files. It is the code of the error, if that says that the
// files are not right; "noticed" if what was read is right, and doctor would find
// the damage beside it; "same" if that would find nothing; and "older" for the state
// after an earlier commit.
func (v *victim) outcome(t *testing.T, what string, files map[string][]byte) string {
	t.Helper()
	v.put(t, files)
	state, noticed, err := v.read(t)
	switch code := locket.CodeOf(err); code {
	case locket.CodeTampered, locket.CodeUnauthenticated, locket.CodeNewer:
		return string(code)
	case "":
	default:
		t.Errorf("%s: %s: %v (%v)", what, code, err, errors.Unwrap(err))
		return string(code)
	}
	switch i := slices.Index(v.states, state); {
	case i < 0:
		t.Errorf("%s: other data, and no error: %.500s", what, state)
		return "wrong"
	case noticed:
		return "noticed"
	case i < len(v.states)-1:
		return "older"
	}
	return "same"
}

// with returns the files with another content of one of them; nil removes it.
func with(files map[string][]byte, name string, b []byte) map[string][]byte {
	files = maps.Clone(files)
	if files[name] = b; b == nil {
		delete(files, name)
	}
	return files
}
