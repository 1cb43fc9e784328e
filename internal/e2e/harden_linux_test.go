package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/harden"
)

const nobody = 65534

// TestSameUser lets another process of the server's user try to read the server's
// memory. The control is a process that does not defend itself.
func TestSameUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only root can start the server and its attacker as another user")
	}
	h := newHome(t)
	s := h.serveAs(t, nobody)
	if _, err := s.client(t).Create(t.Context(), "Note", map[string]any{"name": "seen by nobody"}); err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks(s.cmd.Process.Pid, nobody) {
		if !errors.Is(a.err, syscall.EPERM) && !errors.Is(a.err, syscall.EACCES) {
			t.Errorf("the server, %s: %v", a.what, a.err)
		}
	}
	victim := exec.CommandContext(t.Context(), "sleep", "600")
	victim.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks(victim.Process.Pid, nobody) {
		if a.err != nil {
			yama, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope") // from 1 on, parents only
			missing(t, fmt.Sprintf("the control, %s: %v (Yama: %q)", a.what, a.err, yama))
		}
	}
	_ = victim.Process.Kill()
	_ = victim.Wait() // says that it was killed
}

// serveAs starts a server as another user, to whom it gives the home.
func (h *home) serveAs(t *testing.T, uid uint32) *server {
	t.Helper()
	own := filepath.Join(h.dir, "locket")
	copyFile(t, program, own)
	for path, mode := range map[string]os.FileMode{own: 0o755, filepath.Dir(h.dir): 0o711} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(h.dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, int(uid), int(uid)))
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.command(t, nil, "serve", "--addr", "127.0.0.1:0", "--json")
	cmd.Path = own
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return h.started(t, cmd)
}

// started starts a prepared command that serves.
func (h *home) started(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var ready struct{ URL string }
	if err != nil || json.Unmarshal(line, &ready) != nil {
		t.Fatalf("the server did not start: %v\n%s", err, line)
	}
	return &server{url: ready.URL, cmd: cmd, key: h.key}
}

// An attack is one way to read another process's memory.
type attack struct {
	what string
	err  error
}

// attacks tries all of them as a user. Users are those of threads; this one is not
// used again, since it is locked when its goroutine ends.
func attacks(pid int, uid uintptr) []attack {
	results := make(chan []attack)
	go func() {
		runtime.LockOSThread()
		if err := becomeUser(uid); err != nil {
			results <- []attack{{"becoming the user", err}}
			return
		}
		results <- []attack{
			{"reading environ", readable(pid, "environ")},
			{"reading maps", readable(pid, "maps")},
			{"opening mem", openable(pid, "mem")},
			{"process_vm_readv", readRemote(pid)},
			{"ptrace", trace(pid)},
		}
	}()
	return <-results
}

// becomeUser changes the user of this thread alone, as the calls of Go would not.
func becomeUser(uid uintptr) error {
	_, _, e1 := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
	_, _, e2 := unix.RawSyscall(unix.SYS_SETRESGID, uid, uid, uid)
	_, _, e3 := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid)
	for _, e := range []syscall.Errno{e1, e2, e3} {
		if e != 0 {
			return fmt.Errorf("becoming the user: %w", os.NewSyscallError("setres[ug]id", e))
		}
	}
	return nil
}

func readable(pid int, file string) error {
	_, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	return err
}

func openable(pid int, file string) error {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return err
	}
	return f.Close()
}

func readRemote(pid int) error {
	b := make([]byte, 1)
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(1)
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 1 << 20, Len: 1}}, 0)
	if errors.Is(err, unix.EFAULT) {
		return nil // it may look, but nothing is there
	}
	return err
}

func trace(pid int) error {
	if err := unix.PtraceAttach(pid); err != nil {
		return err
	}
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, unix.WALL, nil)
	return errors.Join(err, unix.PtraceDetach(pid))
}

// TestConfinedLife lives the life of a server that is confined, over TLS: notes,
// a large file, an import, a search, Ctrl-C.
func TestConfinedLife(t *testing.T) {
	h := newHome(t)
	s := h.serveTLS(t)
	onlyConfined(t, s)
	c := s.client(t)
	if _, err := c.Create(t.Context(), "Note", map[string]any{"name": "harbour"}); err != nil {
		t.Fatal(err)
	}
	content := strings.Repeat("a large file ", 1<<20/13)
	info, err := c.PutBlob(t.Context(), strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := readBlob(t, c, info, content); err != nil {
		t.Error(err)
	}
	mail := "From x@example.org Mon Jan  5 10:00:00 2026\nFrom: x@example.org\nSubject: the harbour\nMessage-ID: <1@example.org>\n\nboats\n\n"
	r, err := http.NewRequestWithContext(t.Context(), "POST", "/v1/imports?name=k.mbox", strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
	var imported map[string]any
	if err := c.Follow(r, func(locket.Progress) {}, &imported); err != nil {
		t.Fatal(err)
	}
	if p, err := c.Search(t.Context(), locket.Search{Text: "harbour"}); err != nil || len(p.Items) != 2 {
		t.Errorf("%d items found, want 2: %v", len(p.Items), err)
	}
	onlyConfined(t, s) // threads that were started meanwhile, too
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C the server ended with %v", err)
	}
	if log := s.said(t); strings.Contains(log, `"WARN"`) || strings.Contains(log, `"ERROR"`) {
		t.Errorf("the server complained:\n%s", log)
	}
	h.must(t, "doctor")
}

// onlyConfined looks at all threads of a server.
func onlyConfined(t *testing.T, s *server) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.cmd.Process.Pid))
	if err != nil || len(threads) < 3 {
		t.Fatalf("only %d threads: %v", len(threads), err)
	}
	for _, path := range threads {
		status, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		} else if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "Umask:\t0077"} {
			if !strings.Contains(string(status), line+"\n") {
				t.Fatalf("%s does not say %q", path, line)
			}
		}
	}
}

// said is the log of a server.
func (s *server) said(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

// TestSandboxSwitch compares what servers say of themselves with what doctor says.
func TestSandboxSwitch(t *testing.T) {
	h := newHome(t)
	h.more = []string{"LOCKET_TRACEABLE="} // whatever the other tests need
	var checkup struct{ Protections []harden.Protection }
	h.mustJSON(t, &checkup, "doctor")
	known := make(map[string]harden.State)
	for _, p := range checkup.Protections {
		known[p.Name] = p.State
	}
	if known["file_access"] == harden.Unavailable || known["system_calls"] == harden.Unavailable {
		missing(t, fmt.Sprintf("this kernel cannot confine processes: %v", known))
	}
	for name, state := range known {
		if state != harden.On && name != "swap" && name != "locked_memory" {
			t.Errorf("doctor says that %s is %s", name, state)
		}
	}
	if len(known) != 8 {
		t.Errorf("doctor knows %d protections: %v", len(known), known)
	}
	switched := []string{"file_access", "system_calls"}
	for _, tt := range []struct {
		flags []string
		env   string
		off   []string
		warns bool
	}{
		{},
		{flags: []string{"--no-sandbox"}, off: switched, warns: true},
		{env: "LOCKET_TRACEABLE=1", off: []string{"tracing"}},
		{env: "GODEBUG=clobberfree=0", off: []string{"freed_memory"}},
	} {
		h.more = []string{"LOCKET_TRACEABLE=", tt.env}
		_ = os.Remove(filepath.Join(h.dir, "serve.log")) // of the last; there may be none
		s := h.serve(t, tt.flags...)
		log := s.said(t)
		s.kill()
		var line struct{ On, Off []string }
		for text := range strings.Lines(log) {
			if strings.Contains(text, `"msg":"protections"`) && json.Unmarshal([]byte(text), &line) != nil {
				t.Errorf("not JSON: %s", text)
			}
		}
		if !slices.Equal(line.Off, tt.off) || len(line.On)+len(line.Off) != 6 {
			t.Errorf("%v %s: on %q, off %q, want off %q", tt.flags, tt.env, line.On, line.Off, tt.off)
		}
		if warns := strings.Contains(log, `"WARN"`); warns != tt.warns {
			t.Errorf("%v %s: warns: %t\n%s", tt.flags, tt.env, warns, log)
		}
	}
}

// TestModes starts locket from a shell whose new files everybody may read. Its own are
// for their owner, twice: by the modes that it asks for, and by the process's umask.
func TestModes(t *testing.T) {
	h := newHome(t)
	permissive := []string{"sh", "-c", `umask 0; exec "$@"`, "sh"}
	h.pods = filepath.Join(h.dir, "others")
	r := finish(t, h.command(t, permissive, "init", "--passphrase-file", filepath.Join(h.dir, "passphrase"), "--no-keyring", "--print-key", "--json"))
	var made struct{ Key string }
	if err := json.Unmarshal([]byte(r.out), &made); r.status != 0 || err != nil {
		t.Fatalf("init: exit status %d, %v\n%s", r.status, err, r.err)
	}
	h.key = made.Key
	s := h.started(t, h.command(t, permissive, "serve", "--addr", "127.0.0.1:0", "--json", "--keep-open", "1h"))
	if _, err := s.client(t).PutBlob(t.Context(), strings.NewReader(strings.Repeat("large ", 50_000))); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil || !strings.Contains(string(status), "Umask:\t0077\n") {
		t.Errorf("the server has the shell's umask: %v", err)
	}
	files := 0
	err = filepath.WalkDir(h.pods, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil || files < 6 {
		t.Errorf("only %d files and folders: %v", files, err)
	}
}
