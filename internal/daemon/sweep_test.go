package daemon

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestSweepTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var sweeps, closes []time.Duration
		s := newSweeper(slog.New(slog.DiscardHandler))
		s.sweep = func() error { sweeps = append(sweeps, time.Since(began)); return nil }
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.run(ctx, func() { closes = append(closes, time.Since(began)) })
		}()
		wait := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		wait(10 * time.Second) // what starting left
		began, sweeps, closes = time.Now(), nil, nil

		s.kick()
		wait(10 * time.Second)
		if len(sweeps) != 2 || sweeps[0] != sweepAfter || len(closes) != 1 || closes[0] != closeAfter {
			t.Errorf("one kick: sweeps at %v, connections closed at %v", sweeps, closes)
		}

		began, sweeps, closes = time.Now(), nil, nil
		for range 200 { // 10 seconds without a pause that is long enough
			s.kick()
			wait(sweepAfter / 2)
		}
		if n := int(10*time.Second/sweepAtLatest) - 1; len(sweeps) < n || len(sweeps) > n+2 || len(closes) != 0 {
			t.Errorf("busy: sweeps at %v, connections closed at %v", sweeps, closes)
		}
		stop()
		<-ended
	})
}
