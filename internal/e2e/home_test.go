package e2e_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base32"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/keyring"
)

const passphrase = "velvet-otter-93-lantern"

// A home is one user's account: a folder of pods with one pod in it, a temporary
// folder, and an API key in the environment.
type home struct {
	dir  string // holds everything else
	pods string // LOCKET_DIR
	tmp  string // TMPDIR
	pod  locket.PodID
	key  string // API key
	more []string
}

// newHome makes a pod with locket init.
func newHome(t *testing.T) *home {
	t.Helper()
	h := newAccount(t)
	h.makePod(t)
	return h
}

// newAccount is a home without a pod.
func newAccount(t *testing.T) *home {
	t.Helper()
	dir := t.TempDir()
	h := &home{dir: dir, pods: filepath.Join(dir, "pods"), tmp: filepath.Join(dir, "tmp")}
	if err := os.Mkdir(h.tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	h.file(t, "passphrase", passphrase+"\n")
	return h
}

func (h *home) makePod(t *testing.T) {
	t.Helper()
	var made struct{ Pod, Key string }
	h.mustJSON(t, &made, "init", "--passphrase-file", filepath.Join(h.dir, "passphrase"), "--no-keyring", "--print-key")
	h.pod, h.key = locket.PodID(made.Pod), made.Key
}

// file writes a file beside the pods, and returns its path.
func (h *home) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// database is the path of the pod's database.
func (h *home) database() string { return filepath.Join(h.pods, string(h.pod), "pod.db") }

// command is a run of locket, or of tool with locket as its last argument.
func (h *home) command(t *testing.T, tool []string, args ...string) *exec.Cmd {
	t.Helper()
	argv := append(append(append([]string{}, tool...), program), args...)
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "TMPDIR=" + h.tmp, "LOCKET_DIR=" + h.pods, "LOCKET_KEY=" + h.key,
		"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent", // no keyring of the machine's owner
	}, h.more...)
	if os.Getuid() != 0 {
		cmd.Env = append(cmd.Env, "LOCKET_TRACEABLE=1") // else nobody but root may look at it
	}
	return cmd
}

// A result is how a run ended.
type result struct {
	out, err string // what it printed
	status   int
}

// code is the code of the error that was printed with --json, if any.
func (r result) code() locket.Code {
	var e struct{ Error struct{ Code locket.Code } }
	for line := range bytes.Lines([]byte(r.err)) {
		if json.Unmarshal(line, &e) == nil && e.Error.Code != "" {
			break
		}
	}
	return e.Error.Code
}

// run runs locket with JSON output.
func (h *home) run(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, h.command(t, nil, append(args, "--json")...))
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	r := result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return r
}

// must runs locket, which must succeed, and returns what it printed.
func (h *home) must(t *testing.T, args ...string) string {
	t.Helper()
	r := h.run(t, args...)
	if r.status != 0 {
		t.Fatalf("locket %q: exit status %d\n%s", args, r.status, r.err)
	}
	return r.out
}

func (h *home) mustJSON(t *testing.T, v any, args ...string) {
	t.Helper()
	if out := h.must(t, args...); json.Unmarshal([]byte(out), v) != nil {
		t.Fatalf("locket %q printed no such JSON: %s", args, out)
	}
}

// secrets are the keys of a pod, for searching after them.
type secrets struct {
	pod      []byte // the pod key
	database []byte // the raw key of the database
	signing  []byte // seed of the pod's own signing key
	token    []byte // the secret in the API key
}

// secrets opens the pod's header as the program does.
func (h *home) secrets(t *testing.T) secrets {
	t.Helper()
	root, err := os.OpenRoot(filepath.Dir(h.database()))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	header, err := keyring.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	token, err := keyring.ParseToken([]byte(h.key))
	if err != nil {
		t.Fatal(err)
	}
	podKey, _, err := header.Open(t.Context(), keyring.NewKDF(1), token)
	if err != nil {
		t.Fatal(err)
	}
	database, err := keyring.Derive(podKey, keyring.PurposeDatabase, 32)
	if err != nil {
		t.Fatal(err)
	}
	signing, err := keyring.Derive(podKey, keyring.PurposeSigning, ed25519.SeedSize)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base32.StdEncoding.DecodeString(strings.ToUpper(strings.TrimPrefix(h.key, "lk_")))
	if err != nil {
		t.Fatal(err)
	}
	return secrets{podKey.Bytes(), database.Bytes(), signing.Bytes(), raw[24:56]} // pod id ‖ slot id ‖ secret ‖ checksum
}
