package harden

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// dirs are what a child tries to use.
type dirs struct {
	Inside, Outside string // folders
	Given           string // a file outside, which may be read
	TCP, Other, UDP string // addresses that answer
}

// outcome is what became of an attempt: "" if it succeeded, "refused", or an error.
func outcome(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return "refused"
	}
	return err.Error()
}

// attempt tries everything, in a process that is confined or not.
func (d dirs) attempt(confined, connects bool) any {
	threads, release := d.threads(8)
	var failed error
	if confined {
		c := Confinement{ReadWrite: []string{d.Inside}, ReadOnly: []string{d.Given, ""}}
		if connects {
			c.Connect = []uint16{netip.MustParseAddrPort(d.TCP).Port()}
		}
		failed = Confine(c)
	}
	results := map[string]string{
		"confine":               outcome(failed),
		"work inside":           outcome(d.workInside()),
		"read given":            outcome(read(d.Given)),
		"read time zones":       outcome(readZone()),
		"write given":           outcome(write(d.Given)),
		"read outside":          outcome(read(filepath.Join(d.Outside, "file"))),
		"write outside":         outcome(write(filepath.Join(d.Outside, "new"))),
		"list outside":          outcome(list(d.Outside)),
		"move outside":          outcome(os.Rename(filepath.Join(d.Inside, "file"), filepath.Join(d.Outside, "moved"))),
		"link into inside":      outcome(os.Symlink("/etc", filepath.Join(d.Inside, "link"))),
		"execute":               outcome(exec.Command("/bin/true").Run()),
		"execute inside":        outcome(exec.Command(filepath.Join(d.Inside, "true")).Run()),
		"dial TCP":              outcome(dial("tcp", d.TCP, false)),
		"dial another port":     outcome(dial("tcp", d.Other, false)),
		"dial MPTCP":            outcome(dial("tcp", d.TCP, true)),
		"send UDP":              outcome(dial("udp", d.UDP, false)),
		"listen":                outcome(listen()),
		"signal another":        outcome(unix.Kill(os.Getppid(), 0)),
		"read another's memory": outcome(readMemory(os.Getppid())),
		"keyring":               outcome(keyring()),
	}
	close(release)
	for i := range cap(threads) {
		results[fmt.Sprint("thread ", i)] = outcome(<-threads)
	}
	return map[string]any{"results": results, "report": Report()}
}

// threads starts system threads that read a file outside and make a socket once they
// are released; each sends two results.
func (d dirs) threads(n int) (results chan error, release chan struct{}) {
	results, release = make(chan error, 2*n), make(chan struct{})
	var started sync.WaitGroup
	started.Add(n)
	for range n {
		go func() {
			runtime.LockOSThread()
			started.Done()
			<-release
			results <- read(filepath.Join(d.Outside, "file"))
			results <- socket()
		}()
	}
	started.Wait()
	return results, release
}

// workInside does all that a pod's folder needs.
func (d dirs) workInside() (err error) {
	root, err := os.OpenRoot(d.Inside)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return errors.Join(
		root.Mkdir("a", 0o700), root.Mkdir("b", 0o700),
		root.WriteFile("a/new", []byte("content"), 0o600),
		root.Rename("a/new", "b/moved"),
		os.Truncate(filepath.Join(d.Inside, "b/moved"), 3),
		read(filepath.Join(d.Inside, "b/moved")),
		list(d.Inside),
		root.RemoveAll("a"), root.RemoveAll("b"))
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

// readZone reads the zone of the machine, if it has one.
func readZone() error {
	if err := read("/etc/localtime"); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

func write(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func list(path string) error {
	_, err := os.ReadDir(path)
	return err
}

func dial(network, addr string, multipath bool) error {
	var d net.Dialer
	d.SetMultipathTCP(multipath)
	c, err := d.Dial(network, addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = c.Write([]byte("hello"))
	return err
}

func listen() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return l.Close()
}

func socket() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func readMemory(pid int) error {
	var here, there [1]byte
	local := []unix.Iovec{{Base: &here[0]}}
	local[0].SetLen(1)
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: len(there)}}, 0)
	if errors.Is(err, unix.EFAULT) {
		return nil // nothing is there, but it may look
	}
	return err
}

func keyring() error {
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true)
	return err
}

// TestConfine tries everything in a confined process. The control is the same in one
// that is not.
func TestConfine(t *testing.T) {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 4 {
		missing(t, fmt.Sprintf("the kernel has Landlock ABI %d, with TCP from 4 on: %v", abi, err))
	}
	d := newDirs(t)
	var free, confined struct {
		Results map[string]string
		Report  []Protection
	}
	child(t, "free", d, &free)
	elsewhere := map[string]bool{"read another's memory": true, "keyring": true} // containers and Yama refuse these too
	for what, got := range free.Results {
		if got != "" && !elsewhere[what] {
			t.Errorf("not confined, %s: %s", what, got)
		}
	}
	d = newDirs(t)
	child(t, "confined", d, &confined)
	allowed := map[string]bool{"confine": true, "work inside": true, "read given": true, "read time zones": true, "signal another": abi < 6}
	for what, got := range confined.Results {
		if want := map[bool]string{true: "", false: "refused"}[allowed[what]]; got != want {
			t.Errorf("confined, %s: %q, want %q", what, got, want)
		}
	}
	d = newDirs(t)
	connecting := confined
	connecting.Results, connecting.Report = nil, nil
	child(t, "connecting", d, &connecting)
	allowed["dial TCP"] = true
	for what, got := range connecting.Results {
		if what == "dial MPTCP" || what == "send UDP" || strings.HasPrefix(what, "thread") {
			continue // as far as the kernel's Landlock goes
		}
		if want := map[bool]string{true: "", false: "refused"}[allowed[what]]; got != want {
			t.Errorf("connecting, %s: %q, want %q", what, got, want)
		}
	}
	for _, c := range []struct {
		state  State
		report []Protection
	}{{Off, free.Report}, {On, confined.Report}, {On, connecting.Report}} {
		for _, p := range c.report {
			if (p.Name == fileAccess || p.Name == systemCalls) && p.State != c.state {
				t.Errorf("%s is %s (%s), want %s", p.Name, p.State, p.Detail, c.state)
			}
		}
	}
}

func newDirs(t *testing.T) dirs {
	t.Helper()
	d := dirs{Inside: t.TempDir(), Outside: t.TempDir()}
	d.Given = filepath.Join(d.Outside, "given")
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		d.Given: nil, filepath.Join(d.Outside, "file"): nil, filepath.Join(d.Inside, "file"): nil, filepath.Join(d.Inside, "true"): program,
	} {
		if err := os.WriteFile(path, content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var lc net.ListenConfig
	listener := func() string {
		l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().String()
	}
	u, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close() })
	d.TCP, d.Other, d.UDP = listener(), listener(), u.LocalAddr().String()
	return d
}
