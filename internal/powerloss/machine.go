package powerloss

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
)

// A machine runs calls again, on a simulated disk.
type machine struct {
	dir    string // the folder that the disk stands for
	disk   *node
	nosync bool // syncs do nothing
	stdout []byte

	parents map[int]parent  // of threads
	files   map[int]openSet // by thread
	calls   int             // that have returned
	what    string          // what the last one did, for people; empty: nothing that a disk or a reader sees
	written bool            // it was a write to a file
}

// A parent is who made a thread.
type parent struct {
	thread int
	shares bool // the numbers of open files
}

// An openSet are the open files of a process, by their numbers.
type openSet map[int]*opened

// copy makes one number stand for what another does.
func (s openSet) copy(from, to int) {
	if f := s[from]; f != nil {
		s[to] = f
	} else {
		delete(s, to) // it stands for something elsewhere
	}
}

// An opened file is where one open call led. Numbers that were copied share it.
type opened struct {
	node   *node // nil for standard output
	path   string
	at     int64
	append bool
}

func newMachine(dir string, calls []call, disk *node) *machine {
	m := &machine{dir: dir, disk: disk, parents: make(map[int]parent), files: make(map[int]openSet)}
	for _, c := range calls {
		switch c.name {
		case "clone", "clone3", "fork", "vfork":
			m.parents[int(c.ret)] = parent{c.thread, strings.Contains(strings.Join(c.args, ","), "CLONE_FILES")}
		}
	}
	if len(calls) > 0 {
		m.files[calls[0].thread] = openSet{1: {path: "standard output"}}
	}
	return m
}

// of returns the open files of a thread.
func (m *machine) of(thread int) (openSet, error) {
	if set, ok := m.files[thread]; ok {
		return set, nil
	}
	p, ok := m.parents[thread]
	if !ok {
		return nil, fmt.Errorf("powerloss: nobody made thread %d", thread)
	}
	delete(m.parents, thread) // so that no circle is followed twice
	set, err := m.of(p.thread)
	if err != nil {
		return nil, err
	}
	if !p.shares {
		set = maps.Clone(set)
	}
	m.files[thread] = set
	return set, nil
}

// below turns a path into one relative to the disk, or reports that it is elsewhere.
func (m *machine) below(path string) (string, bool) {
	rel, err := filepath.Rel(m.dir, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// run does one call.
func (m *machine) run(c *call) error {
	m.what, m.written = "", false
	set, err := m.of(c.thread)
	if err == nil {
		err = m.dispatch(c, set)
	}
	m.calls++
	return err
}

func (m *machine) dispatch(c *call, set openSet) error {
	switch c.name {
	case "open", "creat":
		return m.open(c, set, -1, 0)
	case "openat":
		return m.open(c, set, 0, 1)
	case "close":
		delete(set, c.file(0))
	case "dup", "dup2", "dup3", "fcntl":
		if c.name != "fcntl" || strings.HasPrefix(c.arg(1), "F_DUPFD") {
			set.copy(c.file(0), int(c.ret))
		}
	case "lseek":
		if f := set[c.file(0)]; f != nil {
			f.at = c.ret
		}
	case "clone", "clone3", "fork", "vfork":
	case "write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate", "truncate", "fallocate", "copy_file_range":
		return m.change(c, set)
	case "fsync", "fdatasync":
		if f := set[c.file(0)]; f != nil && f.node != nil {
			m.sync(c, f.path, func() { f.node.sync(c.began) })
		}
	case "sync", "syncfs":
		m.sync(c, "everything", func() { m.disk.syncAll(c.began) })
	case "mmap":
		if f := set[c.file(4)]; f != nil && c.has(2, "PROT_WRITE") && c.has(3, "MAP_SHARED") && !shared(f.path) {
			return m.unknown(c, f.path)
		}
	case "sendfile", "splice":
		if f := set[c.file(map[string]int{"sendfile": 0, "splice": 2}[c.name])]; f != nil {
			return m.unknown(c, f.path)
		}
	case "openat2", "symlink", "symlinkat":
		return m.unknown(c, strings.Join(c.args, ", "))
	default:
		return m.names(c)
	}
	return nil
}

// unknown is the error for what the disk has no model of.
func (m *machine) unknown(c *call, path string) error {
	return fmt.Errorf("powerloss: %s of %.300s: what a power loss leaves of this is not modelled", c.name, path)
}

func (m *machine) sync(c *call, path string, sync func()) {
	m.what = c.name + " " + path
	if !m.nosync {
		sync()
	}
}

// shared tells whether a path is that of SQLite's shared memory, which is rebuilt
// after a crash and therefore left out.
func shared(path string) bool { return strings.HasSuffix(path, "-shm") }

func (m *machine) open(c *call, set openSet, from, i int) error {
	name, err := c.path(from, i)
	if err != nil {
		return err
	}
	rel, ok := m.below(name)
	if !ok {
		delete(set, int(c.ret))
		return nil
	}
	flags := i + 1
	creat := c.name == "creat"
	n := m.disk.find(rel)
	if n == nil {
		dir, base := m.disk.holder(rel)
		if dir == nil || !creat && !c.has(flags, "O_CREAT") {
			return fmt.Errorf("powerloss: %s was opened, but the disk has no such file", rel)
		}
		n = newFile(nil)
		dir.rename(&rename{at: m.calls, set: map[string]*node{base: n}})
		m.what = "create " + rel
	}
	if (creat || c.has(flags, "O_TRUNC")) && len(n.live) > 0 {
		n.write(write{at: m.calls})
		m.what, m.written = "truncate "+rel, true
	}
	if c.has(flags, "O_SYNC") || c.has(flags, "O_DSYNC") || c.has(flags, "O_DIRECT") {
		return m.unknown(c, rel+" with "+c.arg(flags))
	}
	set[int(c.ret)] = &opened{node: n, path: rel, append: c.has(flags, "O_APPEND")}
	return nil
}
