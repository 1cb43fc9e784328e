package e2e_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
)

// ageKeys makes a key pair of age: the recipient, and a file with the identity.
func (h *home) ageKeys(t *testing.T) (recipient, identityFile string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String(), h.file(t, "identity.txt", id.String()+"\n")
}

// stockAge builds the age command.
func stockAge(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "age")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-modfile=../../tools/go.mod", "-o", path, "filippo.io/age/cmd/age").CombinedOutput()
	if err != nil {
		missing(t, "the age command cannot be built: "+string(out))
	}
	return path
}

// TestExportForStockAge has age and tar read an export, and locket import what age wrote.
func TestExportForStockAge(t *testing.T) {
	stock := stockAge(t)
	h := newHome(t)
	recipient, identity := h.ageKeys(t)
	h.must(t, "add", "Note", "name=Tulips", "text=yellow")
	h.must(t, "export", filepath.Join(h.dir, "out.age"), "--age-recipient", recipient)
	plain, err := exec.CommandContext(t.Context(), stock, "--decrypt", "-i", identity, filepath.Join(h.dir, "out.age")).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found = found || f.Name == "notes/Tulips.md" && strings.HasSuffix(string(content), "---\nyellow")
	}
	if !found {
		t.Error("the note is not in what age decrypts")
	}
	cmd := exec.CommandContext(t.Context(), stock, "--encrypt", "-r", recipient, "-o", filepath.Join(h.dir, "theirs.age"))
	cmd.Stdin = bytes.NewReader(plain)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	other := newHome(t)
	other.must(t, "import", filepath.Join(h.dir, "theirs.age"), "--yes", "--age-identity", identity)
	if got := other.must(t, "search", "yellow"); !strings.Contains(got, "Tulips") {
		t.Errorf("after import the search finds %s", got)
	}
	// A damaged file is imported nowhere.
	b, err := os.ReadFile(filepath.Join(h.dir, "out.age"))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	r := newHome(t).run(t, "import", h.file(t, "damaged.age", string(b)), "--yes", "--age-identity", identity)
	if r.status == 0 && strings.Contains(r.out, `"rejected": 0`) {
		t.Errorf("a damaged file is imported: %s", r.out)
	}
}
