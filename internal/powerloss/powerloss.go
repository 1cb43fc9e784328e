// Package powerloss shows what a power loss in the middle of a command may leave on
// the disk. A command runs once, under strace; from the log of its system calls every
// moment is rebuilt on a simulated disk, where only what was synced is sure.
//
// The disk is as bad as disks may be. What was written to a file is on it for sure when
// the file was synced, and a name (made, changed or removed) when its folder was. Before
// that, each sector of 512 bytes and each name may or may not be there, whatever came
// first; a file's size may be the new one, with zeros in the place of what is missing.
// One rename is there whole or not at all; between two folders the file may for a while
// be in both. The shared memory of SQLite (-shm) is left out: it is rebuilt.
//
// For tests. Works where strace does.
package powerloss

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// A Trace is what a command did below a folder.
type Trace struct {
	Stdout []byte // all that it printed
	Err    error  // how it ended, as of exec.Cmd.Run

	dir    string
	before image
	calls  []call
}

// Record runs a command, which must have no Stdout yet, and notes what it changes
// below dir. That folder must have no symbolic links in its path. Its content is read
// before, and compared with the simulated disk's afterwards, so that nothing that the
// simulation does not know goes unnoticed.
func Record(dir string, cmd *exec.Cmd) (*Trace, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp("", "powerloss-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = log.Close(), os.Remove(log.Name()) }()
	before, err := read(dir)
	if err != nil {
		return nil, err
	}
	args := []string{"strace", "-f", "-qq", "-y", "-xx", "-s", fmt.Sprint(maxWrite), "-e", "signal=none", "-e", "trace=" + traced, "-o", log.Name(), cmd.Path}
	cmd.Path, cmd.Args = strace, append(args, cmd.Args[1:]...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	ended := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](ended); ended != nil && !ok {
		return nil, ended
	}
	calls, err := parse(log)
	if err != nil {
		return nil, err
	}
	tr := &Trace{Stdout: stdout.Bytes(), Err: ended, dir: dir, calls: calls, before: before}
	return tr, tr.compare()
}

// compare finds out whether the simulated disk ends as the real one has.
func (tr *Trace) compare() error {
	after, err := read(tr.dir)
	if err != nil {
		return err
	}
	m := newMachine(tr.dir, tr.calls, tr.before.disk())
	for i := range tr.calls {
		if err := m.run(&tr.calls[i]); err != nil {
			return err
		}
	}
	if simulated := losses(nil, 3)[2].image(m.disk); !simulated.equal(after) {
		return fmt.Errorf("powerloss: the simulated disk does not end as the real one: %s", simulated.difference(after))
	}
	if !bytes.Equal(m.stdout, tr.Stdout) {
		return fmt.Errorf("powerloss: the log has %d bytes of output, %d were printed", len(m.stdout), len(tr.Stdout))
	}
	return nil
}
