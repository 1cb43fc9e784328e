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
	// collections is how many it takes until nothing is found: what finalizers and
	// pools keep falls with the second, what those kept with the third and fourth.
	collections = 4
)

// A sweeper erases what requests left in memory once their pods are shut. The
// collector alone erases nothing: it runs with settings that overwrite what it
// frees (see erasing), stacks and SQLite's heap are overwritten here, and then
// freed pages go back to the system.
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
// next request: their buffers hold the last one.
func (s *sweeper) run(ctx context.Context, closeIdle func()) {
	timer := time.NewTimer(sweepAfter)
	timer.Stop()
	for {
		select {
		case <-s.kicks:
			timer.Reset(sweepAfter)
		case <-timer.C:
			closeIdle()
			if err := sweep(); err != nil {
				s.log.Error("memory not swept", slog.String("cause", err.Error()))
			}
		case <-ctx.Done():
			return
		}
	}
}

func sweep() error {
	for range collections {
		runtime.GC()
	}
	washStacks()
	err := sqlcipher.Scrub()
	debug.FreeOSMemory()
	return err
}
