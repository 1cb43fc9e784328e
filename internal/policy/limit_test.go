package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A spender makes requests and keeps what Spend gives it.
type spender struct {
	t      *testing.T
	limits []locket.Limit
	spent  []int64
	now    time.Time
}

// burst counts how many requests go through at once, up to a thousand, and returns
// what the next one is told to wait.
func (s *spender) burst(p locket.Permission) (n int, wait time.Duration) {
	s.t.Helper()
	for n < 1000 {
		next, wait := policy.Spend(s.limits, s.spent, p, s.now)
		if wait != 0 {
			if !slices.Equal(next, s.spent) {
				s.t.Errorf("a refused request changed %v to %v", s.spent, next)
			}
			return n, wait
		}
		s.spent = next
		n++
	}
	return n, 0
}

func TestSpend(t *testing.T) {
	s := &spender{t: t, now: now, limits: []locket.Limit{
		{Count: 60, Per: "minute"},
		{Actions: []locket.Permission{locket.MayCreate, locket.MayDelete}, Count: 7, Per: "hour"},
	}}
	check := func(p locket.Permission, requests int, wait time.Duration) {
		t.Helper()
		if n, w := s.burst(p); n != requests || w != wait {
			t.Errorf("%s: %d requests, then wait %v; want %d, %v", p, n, w, requests, wait)
		}
	}
	const seventh = 514_285_715 * time.Microsecond // of an hour, rounded up
	check(locket.MayDelete, 7, seventh)
	check(locket.MayRead, 53, time.Second)
	s.now = s.now.Add(time.Second - time.Microsecond)
	check(locket.MayRead, 0, time.Microsecond)
	s.now = s.now.Add(time.Microsecond)
	check(locket.MayRead, 1, time.Second)
	check(locket.MayCreate, 0, seventh-time.Second) // the longer of two waits
	s.now = s.now.Add(seventh - time.Second)
	check(locket.MayCreate, 1, seventh)
	s.now = s.now.Add(10 * time.Hour)
	check(locket.MayRead, 60, time.Second) // a bucket holds no more than Count
	check(locket.MayCreate, 0, time.Second)
}

// TestSpendOverTime: however often it is tried, Count a Per go through.
func TestSpendOverTime(t *testing.T) {
	for _, l := range []locket.Limit{{Count: 7, Per: "minute"}, {Count: 1000, Per: "hour"}, {Count: 1, Per: "day"}} {
		span := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[l.Per]
		s := &spender{t: t, now: now, limits: []locket.Limit{l}}
		s.burst(locket.MayRead)
		got := 0
		for end := now.Add(10 * span); s.now.Before(end); s.now = s.now.Add(span / 2500) {
			if next, wait := policy.Spend(s.limits, s.spent, locket.MayRead, s.now); wait == 0 {
				s.spent = next
				got++
			}
		}
		if want := 10 * l.Count; got > want || got < want*7/10-1 {
			t.Errorf("%d %s: %d went through in ten", l.Count, l.Per, got)
		}
	}
}

func TestSpendAnew(t *testing.T) {
	limits := []locket.Limit{{Count: 2, Per: "hour"}}
	spent, _ := policy.Spend(limits, nil, locket.MayRead, now)
	spent, _ = policy.Spend(limits, spent, locket.MayRead, now)
	refused := func(limits []locket.Limit, now time.Time) bool {
		_, wait := policy.Spend(limits, spent, locket.MayRead, now)
		return wait > 0
	}
	if !refused(limits, now) || !refused(limits, now.Add(-time.Second)) {
		t.Error("a clock that goes back a little fills the bucket")
	}
	if refused(limits, now.Add(-24*time.Hour)) {
		t.Error("a clock that was set back a day locks out for a day")
	}
	if refused([]locket.Limit{{Count: 2, Per: "hour"}, {Count: 2, Per: "day"}}, now) {
		t.Error("the count of another policy was kept")
	}
	if refused(nil, now) {
		t.Error("refused without limits")
	}
}
