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
	// sweepAtLatest is how long pods that are shut again and again can put it off.
	sweepAtLatest = 2 * time.Second
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
	sweep func() error
	kicks chan struct{} // of capacity 1
}

func newSweeper(log *slog.Logger) *sweeper {
	return &sweeper{log: log, sweep: sweep, kicks: make(chan struct{}, 1)}
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
	var due time.Time // when the next sweep is, at the latest; zero: none was asked for
	for {
		select {
		case <-s.kicks:
			if due.IsZero() {
				due = time.Now().Add(sweepAtLatest)
			}
			soon.Reset(min(sweepAfter, time.Until(due)))
			later.Reset(closeAfter)
			continue
		case <-soon.C:
		case <-later.C:
			closeIdle()
		case <-ctx.Done():
			return
		}
		due = time.Time{}
		if err := s.sweep(); err != nil {
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
