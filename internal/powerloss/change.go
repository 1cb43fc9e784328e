package powerloss

import (
	"bytes"
	"fmt"
	"strings"
)

// change does a call that changes the content of a file.
func (m *machine) change(c *call, set openSet) error {
	to := 0
	switch c.name {
	case "copy_file_range":
		to = 2
	case "truncate":
		name, err := c.path(-1, 0)
		if rel, ok := m.below(name); err == nil && ok {
			return m.unknown(c, rel)
		}
		return err
	}
	f := set[c.file(to)]
	if f == nil {
		return nil
	}
	if f.node == nil {
		return m.print(c)
	}
	w := write{at: m.calls, off: f.at}
	var err error
	switch c.name {
	case "write", "writev":
		w.data, err = c.text(1)
		w.off = f.advance(c.ret)
	case "pwrite64", "pwritev", "pwritev2":
		if w.data, err = c.text(1); err == nil {
			w.off, err = c.number(3)
		}
	case "ftruncate":
		w.off, err = c.number(1)
	case "fallocate":
		return m.allocate(c, f)
	case "copy_file_range":
		w.data, err = m.source(c, set)
		if c.arg(3) == "NULL" {
			w.off = f.advance(c.ret)
		} else if err == nil {
			err = m.unknown(c, f.path+" at an offset")
		}
	}
	if err != nil {
		return err
	}
	if c.name != "ftruncate" {
		if int64(len(w.data)) < c.ret {
			return fmt.Errorf("powerloss: %s of %s: %d bytes were written, the log has %d", c.name, f.path, c.ret, len(w.data))
		}
		w.data = w.data[:c.ret:c.ret]
	}
	f.node.write(w)
	m.what = fmt.Sprintf("%s %s: %d bytes at %d", c.name, f.path, len(w.data), w.off)
	m.written = true
	return nil
}

// advance returns where n bytes are written that have no place of their own.
func (f *opened) advance(n int64) (from int64) {
	if f.append {
		f.at = int64(len(f.node.live))
	}
	from = f.at
	f.at += n
	return from
}

// print notes what the command has said.
func (m *machine) print(c *call) error {
	if c.name != "write" && c.name != "writev" {
		return m.unknown(c, "standard output")
	}
	text, err := c.text(1)
	if err != nil {
		return err
	}
	m.stdout = append(m.stdout, text[:min(c.ret, int64(len(text)))]...)
	m.what = "print"
	return nil
}

func (m *machine) allocate(c *call, f *opened) error {
	off, err := c.number(2)
	if err != nil {
		return err
	}
	size, err := c.number(3)
	switch {
	case err != nil:
		return err
	case c.arg(1) == "FALLOC_FL_KEEP_SIZE":
		return nil
	case c.arg(1) != "0":
		return m.unknown(c, f.path+" with "+c.arg(1))
	case off+size > int64(len(f.node.live)):
		f.node.write(write{at: m.calls, off: off + size})
		m.what, m.written = fmt.Sprintf("fallocate %s to %d", f.path, off+size), true
	}
	return nil
}

// source is what copy_file_range read, from a file on the disk or elsewhere. One
// elsewhere is read now: the command must not have changed it since.
func (m *machine) source(c *call, set openSet) ([]byte, error) {
	if c.arg(1) != "NULL" {
		return nil, m.unknown(c, "an offset")
	}
	if f := set[c.file(0)]; f != nil {
		from := f.at
		f.at += c.ret
		return bytes.Clone(f.node.live[from:f.at]), nil
	}
	return nil, m.unknown(c, "a file elsewhere")
}

// names does a call that changes names.
func (m *machine) names(c *call) error {
	switch c.name {
	case "mkdir":
		return m.mkdir(c, -1, 0)
	case "mkdirat":
		return m.mkdir(c, 0, 1)
	case "unlink", "rmdir":
		return m.remove(c, -1, 0)
	case "unlinkat":
		return m.remove(c, 0, 1)
	case "rename", "link":
		return m.move(c, -1, 0, -1, 1)
	case "renameat", "renameat2", "linkat":
		return m.move(c, 0, 1, 2, 3)
	}
	return m.unknown(c, strings.Join(c.args, ", "))
}

func (m *machine) mkdir(c *call, from, i int) error {
	name, err := c.path(from, i)
	rel, ok := m.below(name)
	if err != nil || !ok {
		return err
	}
	dir, base := m.disk.holder(rel)
	if dir == nil {
		return fmt.Errorf("powerloss: mkdir %s: the disk has no such folder", rel)
	}
	dir.rename(&rename{at: m.calls, set: map[string]*node{base: newFolder()}})
	m.what = "mkdir " + rel
	return nil
}

func (m *machine) remove(c *call, from, i int) error {
	name, err := c.path(from, i)
	rel, ok := m.below(name)
	if err != nil || !ok {
		return err
	}
	dir, base := m.disk.holder(rel)
	if dir == nil || dir.names[base] == nil {
		return fmt.Errorf("powerloss: unlink %s: the disk has no such file", rel)
	}
	dir.rename(&rename{at: m.calls, set: map[string]*node{base: nil}})
	m.what = "unlink " + rel
	return nil
}

// move renames or links. Between two folders a rename is two changes, the removal not
// before the other.
func (m *machine) move(c *call, oldFrom, oldAt, newFrom, newAt int) error {
	before, err := c.path(oldFrom, oldAt)
	if err != nil {
		return err
	}
	after, err := c.path(newFrom, newAt)
	if err != nil {
		return err
	}
	oldPath, oldIn := m.below(before)
	newPath, newIn := m.below(after)
	if !oldIn && !newIn {
		return nil
	}
	oldDir, oldBase := m.disk.holder(oldPath)
	newDir, newBase := m.disk.holder(newPath)
	if !oldIn || !newIn || oldDir == nil || newDir == nil || oldDir.names[oldBase] == nil {
		return m.unknown(c, before+" to "+after)
	}
	n := oldDir.names[oldBase]
	m.what = fmt.Sprintf("%s %s to %s", c.name, oldPath, newPath)
	switch {
	case c.has(4, "RENAME_EXCHANGE"):
		other := newDir.names[newBase]
		if other == nil || oldDir != newDir {
			return m.unknown(c, before+" to "+after)
		}
		newDir.rename(&rename{at: m.calls, set: map[string]*node{oldBase: other, newBase: n}})
	case strings.HasPrefix(c.name, "link"):
		newDir.rename(&rename{at: m.calls, set: map[string]*node{newBase: n}})
	case oldDir == newDir:
		newDir.rename(&rename{at: m.calls, set: map[string]*node{oldBase: nil, newBase: n}})
	default:
		added := newDir.rename(&rename{at: m.calls, set: map[string]*node{newBase: n}})
		oldDir.rename(&rename{at: m.calls, set: map[string]*node{oldBase: nil}, needs: added})
	}
	return nil
}
