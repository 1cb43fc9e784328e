package powerloss

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// traced are the calls that change files, or say which file a number stands for.
const traced = "openat,open,creat,openat2,close,dup,dup2,dup3,fcntl,lseek,clone,clone3,fork,vfork," +
	"write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,splice,mmap," +
	"rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir," +
	"fsync,fdatasync,sync,syncfs"

const (
	maxWrite = 8 << 20      // bytes that one call may write
	maxLine  = 5 * maxWrite // of the log, where each byte takes four
)

// A call is one system call that succeeded.
type call struct {
	thread int
	name   string
	args   []string // as strace prints them, with texts in hexadecimal digits
	ret    int64
	began  int // how many calls had returned by then
}

// parse reads a log of strace -f -y -xx. Calls stand in the order in which they returned.
func parse(log io.Reader) ([]call, error) {
	var calls []call
	type begun struct {
		text  string
		calls int
	}
	open := make(map[int]begun) // calls that have not returned, by thread
	lines := bufio.NewScanner(log)
	lines.Buffer(make([]byte, 0, 1<<20), maxLine)
	for lines.Scan() {
		id, text, _ := strings.Cut(lines.Text(), " ")
		thread, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("powerloss: not a line of strace -f: %.100q", lines.Text())
		}
		text = strings.TrimLeft(text, " ")
		if strings.HasPrefix(text, "---") || strings.HasPrefix(text, "+++") || strings.HasSuffix(text, "<detached ...>") {
			continue // a signal, an end, or a call from which the end of the process came first
		}
		if start, ok := strings.CutSuffix(text, " <unfinished ...>"); ok {
			if !strings.HasPrefix(start, "close(") {
				open[thread] = begun{start, len(calls)}
				continue
			}
			text = start + ") = 0" // the number is free for other threads before the call returns
		} else if strings.HasPrefix(text, "<... close resumed>") {
			continue
		}
		b := begun{"", len(calls)}
		if rest, ok := strings.CutPrefix(text, "<... "); ok {
			b = open[thread]
			_, text, _ = strings.Cut(rest, " resumed>")
		}
		c := call{thread: thread, began: b.calls}
		done, err := c.parse(b.text + text)
		if err != nil {
			return nil, err
		}
		if done {
			calls = append(calls, c)
		}
	}
	return calls, lines.Err()
}

// parse reads "name(args) = ret", and reports whether the call succeeded.
func (c *call) parse(text string) (done bool, err error) {
	eq := strings.LastIndex(text, " = ")
	name, args, ok := strings.Cut(text[:max(eq, 0)], "(")
	args, closed := strings.CutSuffix(strings.TrimRight(args, " "), ")")
	if !ok || !closed {
		return false, fmt.Errorf("powerloss: not a system call: %.200q", text)
	}
	ret := text[eq+3:]
	ret = ret[:len(ret)-len(strings.TrimLeft(ret, "-0123456789abcdefx?"))]
	if ret == "?" {
		return false, nil // it never returned
	}
	if c.ret, err = strconv.ParseInt(ret, 0, 64); err != nil {
		return false, fmt.Errorf("powerloss: what did this return? %.200q", text)
	}
	c.name, c.args = name, split(args)
	return c.ret >= 0, nil
}

// split cuts arguments at the commas that are in no braces. Texts have none: they are
// in hexadecimal digits.
func split(s string) (args []string) {
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				args = append(args, strings.TrimSpace(s[from:i]))
				from = i + 1
			}
		}
	}
	return append(args, strings.TrimSpace(s[from:]))
}

func (c *call) arg(i int) string {
	if i < len(c.args) {
		return c.args[i]
	}
	return ""
}

// file is an argument that is the number of an open file.
func (c *call) file(i int) int {
	digits, _, _ := strings.Cut(c.arg(i), "<")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

func (c *call) number(i int) (int64, error) {
	n, err := strconv.ParseInt(c.arg(i), 0, 64)
	if err != nil {
		return 0, fmt.Errorf("powerloss: %s: argument %d is no number: %.100q", c.name, i, c.arg(i))
	}
	return n, nil
}

// has tells whether an argument of flags has one.
func (c *call) has(i int, flag string) bool {
	for f := range strings.SplitSeq(c.arg(i), "|") {
		if f == flag {
			return true
		}
	}
	return false
}

// text is an argument of bytes, or of several texts that are written one after the other.
func (c *call) text(i int) ([]byte, error) {
	var all []byte
	rest := c.arg(i)
	for {
		_, quoted, ok := strings.Cut(rest, `"`)
		if !ok {
			return all, nil
		}
		var digits string
		digits, rest, _ = strings.Cut(quoted, `"`)
		if strings.HasPrefix(rest, "...") {
			return nil, fmt.Errorf("powerloss: %s: the log has not all that was written", c.name)
		}
		b, err := hex.DecodeString(strings.ReplaceAll(digits, `\x`, ""))
		if err != nil {
			return nil, fmt.Errorf("powerloss: %s: argument %d is no text: %w", c.name, i, err)
		}
		all = append(all, b...)
	}
}

// path is a path from an argument. If from is not -1, that argument is the open folder
// where a relative one starts.
func (c *call) path(from, i int) (string, error) {
	name, err := c.text(i)
	if err != nil || path.IsAbs(string(name)) {
		return path.Clean(string(name)), err
	}
	if from < 0 {
		return "", fmt.Errorf("powerloss: %s: the path %q is relative to an unknown folder", c.name, name)
	}
	_, dir, _ := strings.Cut(c.arg(from), "<")
	dir, _, _ = strings.Cut(dir, ">")
	start, err := hex.DecodeString(strings.ReplaceAll(dir, `\x`, ""))
	if err != nil {
		return "", fmt.Errorf("powerloss: %s: %.100q names no folder: %w", c.name, c.arg(from), err)
	}
	return path.Join(string(start), string(name)), nil
}
