package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/locketpod/locket/internal/secret"
	"github.com/locketpod/locket/internal/sqlcipher"
)

// program is the path of the binary under test; set by TestMain.
var program string

func TestMain(m *testing.M) {
	status, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func buildAndRun(m *testing.M) (status int, err error) {
	dir, err := os.MkdirTemp("", "locket-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "locket")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-o", program, "github.com/locketpod/locket/cmd/locket")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	// The first database that a process opens decides on SQLite's allocator for all,
	// and one of the tests opens a plain one.
	key := secret.Random(sqlcipher.KeySize)
	defer key.Wipe()
	db, err := sqlcipher.Open(context.Background(), filepath.Join(dir, "first.db"), key, sqlcipher.Options{})
	if err != nil {
		return 1, err
	}
	if err := db.Close(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// inCI tells whether everything must run, and nothing may be skipped.
func inCI() bool { return os.Getenv("LOCKET_CI") == "1" }

// need skips the test if there is no such tool.
func need(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		missing(t, fmt.Sprintf("%s is not installed (Debian: apt install %[1]s)", tool))
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if inCI() {
		t.Fatal(what)
	}
	t.Skip("NOT TESTED: " + what)
}

// rounds is how often a test repeats: the first number in CI, the last with -short.
func rounds(ci, usual, short int) int {
	switch {
	case inCI():
		return ci
	case testing.Short():
		return short
	}
	return usual
}
