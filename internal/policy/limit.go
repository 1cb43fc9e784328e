package policy

import (
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// period is how long one of the language's spans of time lasts, 0 for others.
func period(per string) time.Duration {
	switch per {
	case "minute":
		return time.Minute
	case "hour":
		return time.Hour
	case "day":
		return 24 * time.Hour
	}
	return 0
}

// Spend takes one request for p out of the buckets of all limits that count p, or
// out of none. A bucket holds Count and refills evenly over Per. spent[i] is when the
// bucket of limits[i] is full again, in microseconds since 1970; if it has another
// length than limits, all are full. If wait is not 0 the request is refused,
// next is spent, and there is room after wait.
//
// This is the generic cell rate algorithm (ITU-T I.371): a bucket is one number.
func Spend(limits []locket.Limit, spent []int64, p locket.Permission, now time.Time) (next []int64, wait time.Duration) {
	at := now.UnixMicro()
	next = make([]int64, len(limits))
	if len(spent) == len(limits) {
		copy(next, spent)
	}
	for i, l := range limits {
		if limited(l)&action(p) == 0 {
			continue
		}
		each, depth := bucket(l)
		full := max(next[i], at)
		// That far ahead it is of another policy, or the clock was set back.
		if full > at+2*depth {
			full = at
		}
		next[i] = full + each
		wait = max(wait, time.Duration(next[i]-depth-at)*time.Microsecond)
	}
	if wait > 0 {
		return slices.Clone(spent), wait
	}
	return next, 0
}

// bucket returns how long a bucket takes to refill by one request, and from empty, in
// microseconds. It rounds up, so that never more than Count fit into Per.
func bucket(l locket.Limit) (each, depth int64) {
	count := int64(max(l.Count, 1))
	each = (period(l.Per).Microseconds() + count - 1) / count
	return each, each * count
}
