package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"locket": main, "locket-notebook-race": raceNotebook})
}

// TestScript runs testdata/script/*.txtar against the program itself. Commands of
// ours in them:
//
//	status N COMMAND…           the command ends with exit status N
//	match VAR FILE REGEXP       the first group of the match becomes a variable
//	serve [forgetful] [FLAG…]   a server runs until the script ends; URL names it; a forgetful one keeps no state
//	mute                        URL names a server that never answers
//	talk IN OUT COMMAND…        it gets the lines of IN; OUT has an answer for each that has an id
//	tree FROM TO                the folder TO becomes a copy of the folder FROM
//	same A B                    the folders A and B hold the same files
//	only VAR PATTERN            the one file that matches becomes a variable
//	interrupt N TEXT COMMAND…   it gets Ctrl-C once it prints TEXT, and ends with status N
//	damage PATTERN OFFSET N     N bytes of the first file that matches are inverted; again mends it
//	alter FILE OLD NEW          OLD becomes NEW where it first stands in the file
//	mode FILE OCTAL             the file or folder has this mode
//	notes DIR N                 N notes are made in a new folder
//	sqlite FILE SCRIPT          SQL is run on a plain database, as another program would
//	write FILE TEXT             the file holds the text
//	sheets FILE OUT N…          OUT has the words of these sheets of a printed kit, a line for each
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("LOCKET_DIR", filepath.Join(e.WorkDir, "pods"))
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, ".tmp"))
			e.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent") // no keyring of the machine's owner
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": scriptStatus, "match": scriptMatch, "serve": scriptServe, "interrupt": scriptInterrupt, "mute": scriptMute, "talk": scriptTalk,
			"damage": scriptDamage, "alter": scriptAlter, "mode": scriptMode, "notes": scriptNotes, "only": scriptOnly,
			"tree": scriptTree, "same": scriptSame, "sqlite": scriptSQLite, "write": scriptWrite, "sheets": scriptSheets,
		},
		Condition: func(cond string) (bool, error) {
			return cond == "tty" && (runtime.GOOS == "linux" || runtime.GOOS == "darwin"), nil
		},
	})
}

func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status = %d, want %d", got, want)
	}
}

func scriptMatch(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: match VAR file regexp")
	}
	m := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(m) < 2 {
		ts.Fatalf("%s does not match %s", args[1], args[2])
	}
	ts.Setenv(args[0], m[1])
}

func scriptDamage(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: damage pattern offset n")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	off, err1 := strconv.Atoi(args[1])
	n, err2 := strconv.Atoi(args[2])
	ts.Check(errors.Join(err1, err2))
	if len(files) == 0 {
		ts.Fatalf("no file matches %s", args[0])
	}
	data, err := os.ReadFile(files[0])
	ts.Check(err)
	if off+n > len(data) {
		ts.Fatalf("%s has only %d bytes", files[0], len(data))
	}
	for i := range data[off : off+n] {
		data[off+i] ^= 0xff
	}
	ts.Check(os.WriteFile(files[0], data, 0o600))
}

func scriptAlter(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: alter file old new")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not have %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

func scriptMode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: mode file octal")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

func scriptOnly(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: only VAR pattern")
	}
	files, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%d files match %s", len(files), args[1])
	}
	ts.Setenv(args[0], files[0])
}

func scriptTree(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: tree from to")
	}
	to := ts.MkAbs(args[1])
	ts.Check(os.RemoveAll(to))
	ts.Check(os.CopyFS(to, os.DirFS(ts.MkAbs(args[0]))))
}

func scriptSame(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same a b")
	}
	files := func(dir string) map[string]string {
		found := map[string]string{}
		ts.Check(fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(filepath.Join(dir, name))
			found[name] = string(data)
			return err
		}))
		return found
	}
	if !maps.Equal(files(ts.MkAbs(args[0])), files(ts.MkAbs(args[1]))) {
		ts.Fatalf("%s and %s differ", args[0], args[1])
	}
}

// numberedWord is a word as a sheet has it.
var numberedWord = regexp.MustCompile(`\b(\d{1,2})  ([a-z]+)\b`)

func scriptSheets(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: sheets file out n...")
	}
	_, sheets, _ := strings.Cut(ts.ReadFile(args[0]), "LOCKET RECOVERY SHEET")
	printed := strings.Split(sheets, "LOCKET RECOVERY SHEET")
	var out strings.Builder
	for _, a := range args[2:] {
		n, err := strconv.Atoi(a)
		ts.Check(err)
		_, text, _ := strings.Cut(printed[n-1], "THE WORDS")
		text, _, _ = strings.Cut(text, "THE SAME")
		words := make([]string, 33)
		for _, m := range numberedWord.FindAllStringSubmatch(text, -1) {
			i, err := strconv.Atoi(m[1])
			ts.Check(err)
			words[i-1] = m[2]
		}
		out.WriteString(strings.Join(words, " ") + "\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out.String()), 0o600))
}

func scriptNotes(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: notes dir n")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.Mkdir(ts.MkAbs(args[0]), 0o700))
	for i := range n {
		name := filepath.Join(ts.MkAbs(args[0]), strconv.Itoa(i)+".md")
		ts.Check(os.WriteFile(name, []byte("note number "+strconv.Itoa(i)+"\n"), 0o600))
	}
}

func scriptSQLite(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sqlite file script")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), ts.ReadFile(args[1]))
	ts.Check(errors.Join(err, db.Close()))
}

func scriptWrite(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: write file text")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(args[1]+"\n"), 0o600))
}

// start starts a command in the script's environment.
func start(ts *testscript.TestScript, args ...string) *exec.Cmd {
	var path string
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p, err := exec.LookPath(filepath.Join(dir, args[0])); err == nil && path == "" {
			path = p
		}
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "LOCKET_DIR", "LOCKET_KEY", "TMPDIR", "DBUS_SESSION_BUS_ADDRESS", "GOCOVERDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	forgetful := len(args) > 0 && args[0] == "forgetful"
	if forgetful {
		args = args[1:]
	}
	cmd := start(ts, append([]string{"locket", "serve", "--addr", "127.0.0.1:0", "--json"}, args...)...)
	if forgetful {
		cmd.Env = append(cmd.Env, "LOCKET_STATE=")
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		if runtime.GOOS == "windows" {
			ts.Check(cmd.Process.Kill()) // it has no softer signal
		} else {
			ts.Check(cmd.Process.Signal(syscall.SIGTERM))
		}
		if err := cmd.Wait(); err != nil {
			ts.Logf("server: %v\n%s", err, log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		ts.Fatalf("the server did not start: %v\n%s", err, log.String())
	}
	ts.Setenv("URL", strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), `{"url":"`), `"}`))
}

func scriptTalk(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: talk in out command...")
	}
	cmd := start(ts, args[2:]...)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	ts.Check(errors.Join(err1, err2, cmd.Start()))
	answers := bufio.NewReader(out)
	var heard strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		_, err := io.WriteString(in, line)
		ts.Check(err)
		if strings.Contains(line, `"id":`) {
			answer, err := answers.ReadString('\n')
			heard.WriteString(answer)
			ts.Check(err)
		}
	}
	ts.Check(errors.Join(in.Close(), cmd.Wait(), os.WriteFile(ts.MkAbs(args[1]), []byte(heard.String()), 0o600)))
}

func scriptMute(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ts.Check(l.Close()) })
	ts.Setenv("URL", "http://"+l.Addr().String())
}

func scriptInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: interrupt status text command...")
	}
	want, text := args[0], args[1]
	cmd := start(ts, args[2:]...)
	r, w, err := os.Pipe()
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = w, w
	ts.Check(cmd.Start())
	ts.Check(w.Close())
	sent := false
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		ts.Logf("%s", lines.Text())
		if !sent && strings.Contains(lines.Text(), text) {
			ts.Check(cmd.Process.Signal(os.Interrupt))
			sent = true
		}
	}
	err = cmd.Wait()
	ts.Check(r.Close())
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); !sent || got != want {
		ts.Fatalf("sent = %t, ended with %v, want exit status %s", sent, err, want)
	}
}
