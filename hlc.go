package locket

import (
	"sync"
	"time"
)

// An HLC is a hybrid logical clock reading: milliseconds since 1970 in the upper
// 48 bits, a counter in the lower 16. Readings of one clock only grow, and a
// clock that has seen a reading gives only later ones, so order by HLC agrees
// with cause and effect while staying close to wall time.
// (Kulkarni et al., Logical Physical Clocks, 2014.)
type HLC int64

// MaxDrift is how far ahead of the local wall clock a foreign reading may be.
const MaxDrift = 24 * time.Hour

// HLCAt returns the first reading of the millisecond of t.
func HLCAt(t time.Time) HLC { return HLC(t.UnixMilli() << 16) }

// Time returns the wall time of the reading, to the millisecond, in UTC.
func (h HLC) Time() time.Time { return time.UnixMilli(int64(h) >> 16).UTC() }

// A Clock gives HLC readings. The zero value is ready. Safe for concurrent use.
type Clock struct {
	mu   sync.Mutex
	last HLC // the latest reading given or seen
}

// Now returns a reading later than every one given or observed before.
func (c *Clock) Now(wall time.Time) HLC {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(HLCAt(wall), c.last+1)
	return c.last
}

// Observe takes note of a reading made elsewhere. It refuses one that is more
// than [MaxDrift] ahead of wall, so that one wrong clock cannot drag all others.
func (c *Clock) Observe(h HLC, wall time.Time) error {
	if h > HLCAt(wall.Add(MaxDrift)) {
		return Errorf(CodeInvalid, "a change is dated %s, too far in the future; check the clocks of both machines",
			h.Time().Format(time.RFC3339))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, h)
	return nil
}
