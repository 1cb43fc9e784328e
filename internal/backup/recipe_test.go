package backup_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/locketpod/locket/internal/backup"
	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// ageTool builds the age command of the version in go.mod and returns its folder.
func ageTool(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	where, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "filippo.io/age").Output()
	if err == nil {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "age"), "./cmd/age")
		build.Dir = strings.TrimSpace(string(where))
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		_, err = build.Output()
	}
	if err != nil {
		need(t, "the age command", fmt.Sprintf("it cannot be built: %v", err))
	}
	return dir
}

func keyFile(t *testing.T, id *age.HybridIdentity) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// The stock age command opens every file, and what it writes is read here.
func TestStockAge(t *testing.T) {
	tool := filepath.Join(ageTool(t), "age")
	h, friend := newHolder(t), newHolder(t)
	key := keyFile(t, friend.id)
	p := newPod(1100, 0, 1000)
	f, dir := folder(t)
	both := h.keys(friend.id.Recipient())
	create(t, f, p, both)
	p.change(3)
	create(t, f, p, both)
	opened := 0
	for name := range list(t, f, "") {
		if strings.HasSuffix(name, ".header") {
			continue
		}
		file := filepath.Join(dir, name)
		plain, err := exec.CommandContext(t.Context(), tool, "-d", "-i", key, file).Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		opened++
		cmd := exec.CommandContext(t.Context(), tool, "-r", h.id.Recipient().String(), "-r", friend.id.Recipient().String(), "-o", file)
		cmd.Stdin = bytes.NewReader(plain)
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	if opened < 8 {
		t.Errorf("only %d files", opened)
	}
	// Encrypted anew, the manifests' files differ, which their chain shows; all else is as it was.
	mustRestore(t, f, both, "", p.files())
	if v := verify(t, f, both); len(v.Findings) != 1 || !strings.Contains(v.Findings[0].Problem, "names another") {
		t.Errorf("%v", v.Findings)
	}
}

// recipe takes the script out of the document.
func recipe(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/design/backup.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok1 := strings.Cut(string(text), "```sh\n")
	script, _, ok2 := strings.Cut(rest, "```\n")
	if !ok1 || !ok2 {
		t.Fatal("docs/design/backup.md has no script")
	}
	return script
}

// The recipe of the document restores a pod with age and standard tools, and sqlcipher
// opens it.
func TestRecipe(t *testing.T) {
	need(t, "sqlcipher", "install sqlcipher 4.6 or newer")
	tools := ageTool(t)
	h := newHolder(t)
	p := newPod(1, 0, 1000, 9<<20)
	key := secret.Random(sqlcipher.KeySize)
	db := filepath.Join(t.TempDir(), "pod.db")
	write := func(query string) {
		t.Helper()
		d, err := sqlcipher.Open(t.Context(), db, key, sqlcipher.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if p.db, err = os.ReadFile(db); err != nil {
			t.Fatal(err)
		}
	}
	f, dir := folder(t)
	write("CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) INSERT INTO t SELECT hex(randomblob(1000)) FROM n")
	create(t, f, p, h.keys())
	write("UPDATE t SET a='changed' WHERE rowid%500=0")
	p.blobs["00000000000000000000000000000000"] = random(70000)
	sum := create(t, f, p, h.keys())
	if sum.NewPages == 0 || sum.NewPages == sum.Pages {
		t.Fatalf("%d of %d pages are new: nothing to put together", sum.NewPages, sum.Pages)
	}

	run := func(out string) error {
		cmd := exec.CommandContext(t.Context(), "sh", "-s", dir, sum.ID, keyFile(t, h.id), out)
		cmd.Stdin = strings.NewReader(recipe(t))
		cmd.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"))
		text, err := cmd.CombinedOutput()
		t.Logf("%s", text)
		return err
	}
	out := filepath.Join(t.TempDir(), "restored")
	if err := run(out); err != nil {
		t.Fatal(err)
	}
	same(t, readTree(t, out), p.files())

	sql := exec.CommandContext(t.Context(), "sqlcipher", filepath.Join(out, "pod.db"))
	sql.Stdin = strings.NewReader(".bail on\n.output /dev/null\nPRAGMA key=\"x'" + hex.EncodeToString(key.Bytes()) +
		"'\";\n.output\nPRAGMA cipher_integrity_check;\nPRAGMA integrity_check;\nSELECT count(*) FROM t WHERE a='changed';\n")
	text, err := sql.CombinedOutput()
	if err != nil || strings.TrimSpace(string(text)) != "ok\n6" {
		t.Errorf("sqlcipher: %q, %v", text, err)
	}

	// It stops at an object that is another, and leaves no header.
	whole, other := swapObjects(t, dir)
	out = filepath.Join(t.TempDir(), "damaged")
	if err := run(out); err == nil {
		t.Errorf("the recipe took %s for %s", other, whole)
	}
	if _, err := os.Stat(filepath.Join(out, "header")); err == nil {
		t.Error("a header is there")
	}
	swapObjects(t, dir)

	// The same pages pass the MAC check that a caller of Verify hooks in; one altered before
	// it was backed up does not.
	o := backup.VerifyOptions{ID: sum.ID, Page: func(_ *backup.Manifest, no uint32, page []byte) error {
		own, err := sqlcipher.NewCodec(key, p.db[:sqlcipher.SaltSize])
		if err != nil {
			return err
		}
		defer own.Wipe()
		return own.Open(bytes.Clone(page), no)
	}}
	if v, err := backup.Verify(t.Context(), f, h.keys(), o); err != nil || len(v.Findings) != 0 {
		t.Errorf("%v, %v", v.Findings, err)
	}
	p.db[5*pageSize+100] ^= 1
	o.ID = create(t, f, p, h.keys()).ID
	if v, err := backup.Verify(t.Context(), f, h.keys(), o); err != nil || len(v.Findings) != 1 {
		t.Errorf("a page that the database did not write: %v, %v", v.Findings, err)
	}
}

// swapObjects exchanges the contents of two objects.
func swapObjects(t *testing.T, dir string) (a, b string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "objects/*/*/*.age"))
	if err != nil || len(names) < 2 {
		t.Fatal(names, err)
	}
	a, b = names[0], names[1]
	for _, move := range [][2]string{{a, a + "x"}, {b, a}, {a + "x", b}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			t.Fatal(err)
		}
	}
	return a, b
}
