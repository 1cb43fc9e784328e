package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// peerEnv says to a child process which side it is, peerDirEnv in which folder.
const (
	peerEnv    = "LOCKET_BENCH_PEER"
	peerDirEnv = "LOCKET_BENCH_DIR"
)

// The sides that run in processes of their own.
const (
	plainPeer = "plaintext"
	podPeer   = "pod"
)

// A peer is the process of one side, seen from the benchmark.
type peer struct {
	in  io.Writer
	out *bufio.Reader
}

// startPeer starts a side in an empty folder with exe, a build of these tests. It
// ends with b.
func startPeer(b *testing.B, exe, kind, dir string) *peer {
	b.Helper()
	cmd := exec.Command(exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), peerEnv+"="+kind, peerDirEnv+"="+dir), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			b.Errorf("%s side: %v", kind, err)
		}
	})
	return &peer{in, bufio.NewReader(out)}
}

// self is the path of this program.
func self(b *testing.B) string {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	return exe
}

// do has the peer do something and returns what that cost, by its clocks.
func (p *peer) do(what string, i int) (cost, error) {
	if _, err := fmt.Fprintln(p.in, what, i); err != nil {
		return cost{}, err
	}
	var c cost
	_, err := fmt.Fscanln(p.out, &c.wall, &c.cpu)
	return c, err
}

// A worker is a side, seen from its own process.
type worker interface {
	work(what string, i int) (cost, error) // one piece of work, prepared before the clock starts
	end() error
}

func newWorker(kind, dir string) (worker, error) {
	ctx := context.Background()
	switch kind {
	case plainPeer:
		return newPlain(ctx, dir)
	case podPeer:
		return newGround(ctx, dir)
	}
	return nil, errors.New("unknown")
}

// servePeer is the peer's process.
func servePeer(kind, dir string, in io.Reader, out io.Writer) error {
	w, err := newWorker(kind, dir)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(in)
	for {
		var what string
		var i int
		if _, err := fmt.Fscanln(lines, &what, &i); errors.Is(err, io.EOF) {
			return w.end()
		} else if err != nil {
			return err
		}
		c, err := w.work(what, i)
		if err != nil {
			return fmt.Errorf("%s %d: %w", what, i, err)
		}
		if _, err := fmt.Fprintln(out, int64(c.wall), int64(c.cpu)); err != nil {
			return err
		}
	}
}
