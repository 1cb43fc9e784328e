package daemon

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/locketpod/locket/internal/sqlcipher"
)

const (
	// sweepAfter is how long no pod must have been shut before a sweep: a burst of
	// requests costs one.
	sweepAfter = 100 * time.Millisecond
	// closeAfter is how long no pod must have been shut before connections that wait
	// for a next request are closed, and what their buffers held is swept. A client
	// that sends its next request at the very moment of the close sees it fail, so
	// this is no shorter than servers commonly wait.
	closeAfter = 2 * time.Second
	// collections is how many it takes until nothing is found: what finalizers and
	// pools keep falls with the second, what those kept with the third and fourth.
	collections = 4
)

// A sweeper erases what requests left in memory once their pods are shut. The
// collector alone erases nothing: it runs with settings that overwrite what it
// frees (see erasing), what the database driver left is overwritten here, and then
// freed pages go back to the system. Requests wipe their stacks themselves.
type sweeper struct {
	log   *slog.Logger
	kicks chan struct{} // of capacity 1
}

func newSweeper(log *slog.Logger) *sweeper {
	return &sweeper{log: log, kicks: make(chan struct{}, 1)}
}

// kick asks for a sweep soon. It does not block.
func (s *sweeper) kick() {
	select {
	case s.kicks <- struct{}{}:
	default:
	}
}

// run sweeps until ctx ends. closeIdle closes the connections that wait for a
// next request.
func (s *sweeper) run(ctx context.Context, closeIdle func()) {
	soon, later := time.NewTimer(sweepAfter), time.NewTimer(closeAfter)
	defer soon.Stop()
	defer later.Stop()
	for {
		select {
		case <-s.kicks:
			soon.Reset(sweepAfter)
			later.Reset(closeAfter)
			continue
		case <-soon.C:
		case <-later.C:
			closeIdle()
		case <-ctx.Done():
			return
		}
		if err := sweep(); err != nil {
			s.log.Error("memory not swept", slog.String("cause", err.Error()))
		}
	}
}

func sweep() error {
	for range collections {
		runtime.GC()
	}
	err := sqlcipher.Scrub()
	debug.FreeOSMemory()
	return err
}
