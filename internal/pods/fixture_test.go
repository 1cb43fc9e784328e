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
			if _, err := rotate(t, f, x.pod, token(t, x.owner)); locket.CodeOf(err) != locket.CodeConflict {
				t.Errorf("rotated without the passphrase at hand: %v", err)
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
