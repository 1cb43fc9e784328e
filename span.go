package locket

import "time"

// ParseSpan reads a moment or a stretch of time as people write it: an RFC 3339 time, a
// day (2026-05-31), a month (2026-05) or a year, in UTC where it names no zone. to is the
// first moment after it; of a moment, itself.
func ParseSpan(s string) (from, to time.Time, ok bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, t, true
	}
	for _, form := range []struct {
		layout              string
		years, months, days int
	}{{"2006", 1, 0, 0}, {"2006-01", 0, 1, 0}, {time.DateOnly, 0, 0, 1}} {
		if t, err := time.Parse(form.layout, s); err == nil {
			return t, t.AddDate(form.years, form.months, form.days), true
		}
	}
	return from, to, false
}
