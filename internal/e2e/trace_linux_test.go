package e2e_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// longestWrite is how many bytes of a write are looked at; there must be no longer one.
const longestWrite = 8 << 20

const (
	writingCalls  = "write,pwrite64,writev,pwritev,pwritev2"
	changingCalls = "open,openat,openat2,creat,truncate,ftruncate,mkdir,mkdirat,rmdir,rename,renameat,renameat2," +
		"link,linkat,symlink,symlinkat,unlink,unlinkat,mknod,mknodat,memfd_create"
)

// A diskTrace is what a command did to files, whether it succeeded in that or not.
type diskTrace struct {
	writes  []write
	changes []fileChange
}

// A write is one call that writes.
type write struct {
	fd   string
	file string // or what else the descriptor is of
	data []byte
}

// onDisk tells whether it goes to a file, and not to a standard stream or a pipe.
func (w write) onDisk() bool {
	return w.fd != "1" && w.fd != "2" && strings.HasPrefix(w.file, "/")
}

// A fileChange is a call that makes, renames or removes a file, or opens it for writing.
type fileChange struct{ call, path string }

// below tells whether a path is one of the roots or lies below it.
func below(path string, roots ...string) bool {
	for _, root := range roots {
		if path == root || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

// outside returns the changes of files that are not below the roots.
func (tr diskTrace) outside(roots ...string) (found []fileChange) {
	for _, c := range tr.changes {
		if !below(c.path, roots...) {
			found = append(found, c)
		}
	}
	return found
}

// written returns all that was written to each file, one write after the other.
func (tr diskTrace) written() map[string][]byte {
	files := make(map[string][]byte)
	for _, w := range tr.writes {
		if w.onDisk() {
			files[w.file] = append(files[w.file], w.data...)
		}
	}
	return files
}

// traceDisk runs a command with JSON output under strace.
func (h *home) traceDisk(t *testing.T, args ...string) (result, diskTrace) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace.txt")
	r := finish(t, h.command(t, []string{
		"strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", fmt.Sprint(longestWrite), "-o", log,
		"-e", "trace=" + writingCalls + "," + changingCalls, "-e", "signal=none",
	}, append(args, "--json")...))
	f, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var tr diskTrace
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4*longestWrite+4096) // four characters for a byte
	for lines.Scan() {
		tr.add(t, lines.Text())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(tr.changes) == 0 && len(tr.writes) == 0 {
		t.Fatalf("nothing was traced of %q", args)
	}
	return r, tr
}

// add takes in one line, such as
//
//	4711 pwrite64(11<\x2f\x74\x6d\x70>, "\x41\x42", 2, 0) = 2
//	4711 openat(AT_FDCWD<\x2f>, "\x78", O_WRONLY|O_CREAT|O_CLOEXEC, 0600) = 7<\x2f\x78>
func (tr *diskTrace) add(t *testing.T, line string) {
	t.Helper()
	_, line, _ = strings.Cut(line, " ")
	line = strings.TrimLeft(line, " ")
	if strings.HasPrefix(line, "<... ") || strings.HasPrefix(line, "+++") {
		return // the end of a call that was seen, or of a thread
	}
	call, args, ok := strings.Cut(line, "(")
	switch {
	case !ok:
		t.Fatalf("not understood: %.200s", line)
	case strings.Contains(","+writingCalls+",", ","+call+","):
		tr.addWrite(t, args)
	default:
		tr.addChange(t, call, args)
	}
}

func (tr *diskTrace) addWrite(t *testing.T, args string) {
	t.Helper()
	fd, after, begins := strings.Cut(args, "<")
	target, data, ends := strings.Cut(after, ">")
	if !begins || !ends || strings.ContainsAny(fd, `, "`) {
		t.Fatalf("a write to what? %.200s", args)
	}
	if strings.Contains(data, `"...`) {
		t.Fatalf("a write of more than %d bytes: %.200s", longestWrite, args)
	}
	w := write{fd: fd, file: string(unhex(t, target))}
	for i, text := range strings.Split(data, `"`) {
		if i%2 == 1 { // not between the strings
			w.data = append(w.data, unhex(t, text)...)
		}
	}
	tr.writes = append(tr.writes, w)
}

// addChange takes each string for a path, in the folder of the descriptor before it.
func (tr *diskTrace) addChange(t *testing.T, call, args string) {
	t.Helper()
	parts := strings.Split(args, `"`)
	flags := parts[len(parts)-1]
	if strings.HasPrefix(call, "open") && !strings.Contains(flags, "O_WRONLY") && !strings.Contains(flags, "O_RDWR") &&
		!strings.Contains(flags, "O_CREAT") && !strings.Contains(flags, "O_TRUNC") {
		return // only read
	}
	folder := ""
	for i, part := range parts {
		if i%2 == 0 {
			if _, after, ok := strings.Cut(part, "<"); ok && strings.HasPrefix(after, `\x`) { // and not <unfinished ...>
				target, _, _ := strings.Cut(after, ">")
				folder = string(unhex(t, target))
			}
			continue
		}
		path := string(unhex(t, part))
		if !filepath.IsAbs(path) && call != "memfd_create" {
			path = filepath.Join(folder, path)
		}
		tr.changes = append(tr.changes, fileChange{call, path})
	}
	if call == "ftruncate" { // which has no string
		tr.changes = append(tr.changes, fileChange{call, folder})
	}
}

// unhex reads a string as strace -xx prints it.
func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, `\x`, ""))
	if err != nil {
		t.Fatalf("not understood: %.200s", text)
	}
	return b
}
