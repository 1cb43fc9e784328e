package pods_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/canon"
	"github.com/locketpod/locket/internal/keyring"
	"github.com/locketpod/locket/internal/pods"
	"github.com/locketpod/locket/internal/store"
)

// A fixture is a pod that an earlier version wrote. Each has a passphrase, an API key of the
// owner's and one of an agent that may read notes, a note that was changed, one that was
// deleted, and a file of 70,000 bytes that the first note links to.
type fixture struct {
	name     string // of its folder in testdata
	header   int    // version
	schema   int
	pod      locket.PodID
	owner    string // API key
	agent    string
	password string
	file     string // SHA-256 of the file
}

var fixtures = []fixture{{
	name: "v1", header: 1, schema: 1, pod: "22c772c9-2ca6-43a3-a801-aa4e55bdd20e",
	owner:    "lk_eldxfsjmuzb2hkabvjhflposb2jc6vtnfeflbgajgbfskrc3vuchyehwydlvkgr4ewaj5fib3cdb574qxcnus2nt5t5sk4ne",
	agent:    "lk_eldxfsjmuzb2hkabvjhflposbyv2jo3mndvtjsagcgvghpspyemzvizgllf6247anfufhtce63qmhb7kphvzr723imgcs3tx",
	password: "correct horse battery staple",
	file:     "0733528c5f4e4c9dfebfc8d67d6e112e21f8fc2a6d0458027c5b55211922be1e",
}, {
	name: "v2", header: 2, schema: 2, pod: "03c51b33-9a7b-43df-8832-440c8d625c26",
	owner:    "lk_apcrwm42pnb57cbsiqgi2ys4ezcidfgemmszvjjhzkqkk5qha6uiyz75xtldryqykiduicb66zrnpw7xv5fjz4zsavj4f6es",
	agent:    "lk_apcrwm42pnb57cbsiqgi2ys4e2g4vpvxgbhdgheo23nh3zsppjm6iimwsauvmqcn766nks7ewebjokpzlpfzfxhu3zr6r2ci",
	password: "correct horse battery staple",
	file:     "96d0ab24ccb7f3de5bca4e8de527f97c16f9b2f71bff2d68673280993897c178",
}}

func (x fixture) open(t *testing.T) (*pods.Folder, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pods")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", x.name))); err != nil {
		t.Fatal(err)
	}
	return place(t, dir, t.TempDir()), filepath.Join(dir, string(x.pod))
}

func token(t *testing.T, text string) *keyring.Token {
	t.Helper()
	k, err := keyring.ParseToken([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Every version's pod opens with all its keys, is migrated, and loses nothing, then and
// when its key is changed.
func TestPodsOfEarlierVersions(t *testing.T) {
	for _, x := range fixtures {
		t.Run(x.name, func(t *testing.T) {
			f, dir := x.open(t)
			if v := headerVersion(t, dir); v != int64(x.header) {
				t.Fatalf("the fixture has header version %d", v)
			}
			x.check(t, f)
			err := f.Keys(t.Context(), x.pod, token(t, x.owner), func(k *pods.Keys) error {
				_, err := k.AddRecovery(t.Context(), "paper", "", keyring.NewSecret(), nil, nil)
				return err
			})
			if err != nil || headerVersion(t, dir) != keyring.HeaderVersion {
				t.Fatalf("header version %d, %v", headerVersion(t, dir), err)
			}
			x.check(t, f)
			// Headers of the first version can't go over to another key without the passphrase.
			if _, err := rotate(t, f, x.pod, token(t, x.owner)); (err == nil) != (x.header > 1) || err != nil && locket.CodeOf(err) != locket.CodeConflict {
				t.Errorf("rotated with the API key alone: %v", err)
			}
			x.check(t, f)
			if err := f.Do(t.Context(), x.pod, token(t, x.owner), func(v *store.View) error { return remembers(t, v) }); err != nil {
				t.Error(err)
			}
			x.check(t, f)
		})
	}
}

func headerVersion(t *testing.T, dir string) int64 {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "header"))
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]any
	if err := canon.Unmarshal(data, &h); err != nil {
		t.Fatal(err)
	}
	return h["v"].(int64)
}

func (x fixture) check(t *testing.T, f *pods.Folder) {
	t.Helper()
	verify(t, f, x.pod, token(t, x.owner))
	for _, cred := range []keyring.Credential{password(x.password), token(t, x.owner)} {
		if err := f.Do(t.Context(), x.pod, cred, func(v *store.View) error { return x.contents(t, v) }); err != nil {
			t.Errorf("%T: %v", cred, err)
		}
	}
	if n := count(t, f, x.pod, token(t, x.agent)); n != 1 {
		t.Errorf("the agent sees %d items", n)
	}
}

func (x fixture) contents(t *testing.T, v *store.View) error {
	notes, err := v.Query(t.Context(), locket.Query{Type: "Note"})
	if err != nil {
		return err
	}
	if len(notes.Items) != 1 || notes.Items[0].Props["text"] != "the second text" || notes.Items[0].Version != 2 {
		t.Errorf("notes: %+v", notes.Items)
	}
	past, err := v.History(t.Context(), notes.Items[0].ID, 10, "")
	if err != nil {
		return err
	}
	if len(past.Items) < 2 {
		t.Errorf("history: %+v", past.Items)
	}
	files, err := v.Query(t.Context(), locket.Query{Type: "File"})
	if err != nil {
		return err
	}
	b, err := v.OpenBlob(t.Context(), files.Items[0].Props["blob"].(locket.BlobID))
	if err != nil {
		return err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, b)
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != x.file {
		t.Errorf("the file has the hash %s", sum)
	}
	if err := b.Close(); err != nil {
		return err
	}
	return err
}

// remembers checks that a pod takes a memory with a vector, and finds it by both.
func remembers(t *testing.T, v *store.View) error {
	vector := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	_, err := v.Write(t.Context(), func(w *store.Writer) error {
		it, err := w.Create(store.Draft{Type: "Memory", Props: map[string]any{"text": "tea, not coffee", "namespace": "shared"}})
		if err != nil {
			return err
		}
		return w.SetVector(it.ID, "model", vector)
	})
	if err != nil {
		return err
	}
	f := store.MemoryFilter{Namespace: "shared"}
	matching, err := v.Matching(t.Context(), f, store.Term("coffee"), 0)
	if err != nil {
		return err
	}
	nearest, err := v.Nearest(t.Context(), f, "model", vector, 0)
	if len(matching) != 1 || len(nearest) != 1 {
		t.Errorf("a memory matches %d times and is near %d times", len(matching), len(nearest))
	}
	return err
}

// A pod of a newer version is refused by name and left as it is.
func TestNewerHeaderIsLeftAlone(t *testing.T) {
	x := fixtures[0]
	f, dir := x.open(t)
	path := filepath.Join(dir, "header")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]any
	if err := canon.Unmarshal(data, &h); err != nil {
		t.Fatal(err)
	}
	h["v"] = int64(keyring.HeaderVersion + 1)
	if data, err = canon.Marshal(h); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for _, cred := range []keyring.Credential{password(x.password), token(t, x.owner)} {
		if err := f.Do(t.Context(), x.pod, cred, func(*store.View) error { return nil }); locket.CodeOf(err) != locket.CodeNewer {
			t.Errorf("%T: %v", cred, err)
		}
	}
	if after := tree(t, dir); after != before {
		t.Error("the folder has changed")
	}
}

// tree returns a hash over all files below a folder and their names.
func tree(t *testing.T, dir string) string {
	t.Helper()
	hash := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		_, _ = io.WriteString(hash, path+"\x00")
		_, _ = hash.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash.Sum(nil))
}
