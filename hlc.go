package locket

import "time"

// An HLC is a hybrid logical clock reading: milliseconds since 1970 in the upper
// 48 bits, a counter in the lower 16. Every change of a pod has a later reading than
// the one before it, so order by HLC agrees with cause and effect while staying
// close to wall time.
// (Kulkarni et al., Logical Physical Clocks, 2014.)
type HLC int64

// HLCAt returns the first reading of the millisecond of t.
func HLCAt(t time.Time) HLC { return HLC(t.UnixMilli() << 16) }

// Time returns the wall time of the reading, to the millisecond, in UTC.
func (h HLC) Time() time.Time { return time.UnixMilli(int64(h) >> 16).UTC() }
