package blob_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/locketpod/locket/internal/blob"
	"github.com/locketpod/locket/internal/secret"
)

const chunk = 64 << 10

func open(t *testing.T) (*blob.Dir, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	d, err := blob.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return d, filepath.Join(dir, "blobs")
}

func create(t *testing.T, d *blob.Dir, content []byte) blob.Written {
	t.Helper()
	w, err := d.Create(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func entries(t *testing.T, d *blob.Dir) []blob.Entry {
	t.Helper()
	var es []blob.Entry
	for e, err := range d.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

// content returns n bytes, no two chunks alike.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>16*13 + 1)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	d, dir := open(t)
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 9, 1000, chunk - 1, chunk, chunk + 1, 3*chunk + 5} {
		want := content(n)
		w := create(t, d, want)
		if w.Size != int64(n) || w.SHA256 != sha256.Sum256(want) || len(w.Name) != 32 || w.Key.Len() != 32 {
			t.Errorf("%d bytes: got %+v", n, w)
		}
		r, err := d.Open(w.Name, w.Key, w.Size)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d, %v", n, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReaderConforms(t *testing.T) {
	d, _ := open(t)
	want := content(chunk + 1000)
	w := create(t, d, want)
	r, err := d.Open(w.Name, w.Key, w.Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, want); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.ReadAt(make([]byte, 1), 0); n != 0 || err == nil {
		t.Errorf("read %d bytes after Close, %v", n, err)
	}
}

func TestOnlyCiphertextIsOnDisk(t *testing.T) {
	d, dir := open(t)
	marker := []byte("a secret that must not be on the disk")
	w := create(t, d, bytes.Repeat(marker, 10))
	file, err := os.ReadFile(filepath.Join(dir, w.Name))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, marker[:8]) {
		t.Error("plaintext in the file")
	}
	if bytes.Contains(file, w.Key.Bytes()) {
		t.Error("key in the file")
	}
	if runtime.GOOS == "windows" {
		return // no modes
	}
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, filepath.Join(dir, w.Name): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// Contents of nearly the same length give files of the same length.
func TestPadding(t *testing.T) {
	d, dir := open(t)
	length := func(n int) int64 {
		info, err := os.Stat(filepath.Join(dir, create(t, d, content(n)).Name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for _, tt := range []struct{ size, padded int }{ // Padmé, by hand
		{0, 0}, {1, 1}, {2, 2}, {7, 7}, {8, 8}, {9, 10}, {100, 104}, {1000, 1024}, {9999, 10240}, {65000, 65536},
	} {
		if got, want := length(tt.size), int64(16+16+tt.padded); got != want {
			t.Errorf("%d bytes: file has %d, want %d", tt.size, got, want)
		}
	}
	if a, b := length(131073), length(135168); a != b || a != 16+3*16+135168 {
		t.Errorf("131073 bytes take %d, 135168 take %d", a, b)
	}
}

func TestCreateLimit(t *testing.T) {
	d, _ := open(t)
	for _, tt := range []struct {
		size  int
		limit int64
		ok    bool
	}{{10, 10, true}, {11, 10, false}, {3 * chunk, 2 * chunk, false}, {0, 0, true}, {1, 0, false}, {10, math.MaxInt64, true}} {
		before := len(entries(t, d))
		w, err := d.Create(bytes.NewReader(content(tt.size)), tt.limit)
		if tt.ok && (err != nil || w.Size != int64(tt.size)) {
			t.Errorf("%d of %d: %v", tt.size, tt.limit, err)
		}
		if !tt.ok && (!errors.Is(err, blob.ErrTooLarge) || w.Key != nil || len(entries(t, d)) != before) {
			t.Errorf("%d of %d: %+v, %v, %d files", tt.size, tt.limit, w, err, len(entries(t, d)))
		}
	}
}

func TestCreateFailureLeavesNothing(t *testing.T) {
	d, _ := open(t)
	broken := errors.New("broken")
	r := io.MultiReader(bytes.NewReader(content(3*chunk)), iotest.ErrReader(broken))
	if _, err := d.Create(r, math.MaxInt64); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if es := entries(t, d); len(es) != 0 {
		t.Errorf("left behind: %v", es)
	}
}

func TestTampering(t *testing.T) {
	d, dir := open(t)
	want := content(2*chunk + 100)
	w, other := create(t, d, want), create(t, d, want)
	path := filepath.Join(dir, w.Name)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	swap, err := os.ReadFile(filepath.Join(dir, other.Name))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) []byte { b := slices.Clone(file); b[i] ^= 1; return b }
	for name, bad := range map[string][]byte{
		"emptied":           {},
		"cut by a byte":     file[:len(file)-1],
		"cut by a chunk":    file[:16+2*(chunk+16)],
		"a byte more":       append(slices.Clone(file), 0),
		"nonce altered":     flip(0),
		"first chunk":       flip(100),
		"second chunk":      flip(16 + chunk + 16 + 100),
		"padding altered":   flip(len(file) - 17),
		"the other's file":  swap,
		"the other's chunk": slices.Concat(file[:16], swap[16:16+chunk+16], file[16+chunk+16:]),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := readAll(d, w); !errors.Is(err, blob.ErrTampered) {
			t.Errorf("%s: read %d bytes, %v", name, n, err)
		}
	}
}

func readAll(d *blob.Dir, w blob.Written) (int64, error) {
	r, err := d.Open(w.Name, w.Key, w.Size)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, r)
	return n, errors.Join(err, r.Close())
}

func TestOpenRefuses(t *testing.T) {
	d, _ := open(t)
	w, other := create(t, d, content(1000)), create(t, d, content(1000))
	for _, tt := range []struct {
		what string
		w    blob.Written
		want error
	}{
		{"other key", blob.Written{Name: w.Name, Key: other.Key, Size: w.Size}, blob.ErrTampered},
		{"size too small", blob.Written{Name: w.Name, Key: w.Key, Size: 100}, blob.ErrTampered},
		{"size too large", blob.Written{Name: w.Name, Key: w.Key, Size: 2000}, blob.ErrTampered},
		{"size negative", blob.Written{Name: w.Name, Key: w.Key, Size: -1}, blob.ErrTampered},
		{"size absurd", blob.Written{Name: w.Name, Key: w.Key, Size: math.MaxInt64}, blob.ErrTampered},
		{"missing", blob.Written{Name: strings.Repeat("0", 32), Key: w.Key, Size: w.Size}, fs.ErrNotExist},
	} {
		if n, err := readAll(d, tt.w); !errors.Is(err, tt.want) {
			t.Errorf("%s: read %d bytes, %v, want %v", tt.what, n, err, tt.want)
		}
	}
}

func TestNamesAreValidated(t *testing.T) {
	d, _ := open(t)
	for _, name := range []string{
		"", ".", "..", "header", "../header", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32),
		strings.Repeat("A", 32), "../" + strings.Repeat("0", 29), strings.Repeat("0", 32) + ".tmp-1", strings.Repeat("0", 32) + "/x",
	} {
		if _, err := d.Open(name, secret.Random(32), 1); !errors.Is(err, blob.ErrName) {
			t.Errorf("Open(%q): %v", name, err)
		}
		if err := d.Remove(name); !errors.Is(err, blob.ErrName) {
			t.Errorf("Remove(%q): %v", name, err)
		}
	}
}

func TestRemove(t *testing.T) {
	d, _ := open(t)
	w := create(t, d, content(10))
	for range 2 { // the second time it is missing
		if err := d.Remove(w.Name); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Open(w.Name, w.Key, w.Size); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// pausing lets the test look while a blob is being written.
type pausing struct {
	io.Reader
	look func()
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.look != nil {
		p.look()
		p.look = nil
	}
	return p.Reader.Read(b)
}

func TestEntries(t *testing.T) {
	d, dir := open(t)
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o600); err != nil { // not ours
		t.Fatal(err)
	}
	var during []blob.Entry
	w, err := d.Create(&pausing{bytes.NewReader(content(10)), func() { during = entries(t, d) }}, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(during) != 1 || !during[0].Unfinished || !strings.HasPrefix(during[0].Name, w.Name) {
		t.Errorf("while writing: %+v", during)
	}
	after := entries(t, d)
	if len(after) != 1 || after[0].Unfinished || after[0].Name != w.Name || time.Since(after[0].ModTime).Abs() > time.Hour {
		t.Errorf("after: %+v", after)
	}
	// What a crash leaves can be collected.
	if err := os.WriteFile(filepath.Join(dir, during[0].Name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries(t, d) {
		if err := d.Remove(e.Name); err != nil {
			t.Error(err)
		}
	}
	if es := entries(t, d); len(es) != 0 {
		t.Errorf("left: %v", es)
	}
}

func TestEntriesStopsWhenAsked(t *testing.T) {
	d, _ := open(t)
	create(t, d, nil)
	create(t, d, nil)
	n := 0
	for range d.Entries() {
		n++
		break
	}
	if n != 1 {
		t.Errorf("got %d", n)
	}
}
