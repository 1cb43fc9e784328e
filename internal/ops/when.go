package ops

import (
	"time"

	"github.com/locketpod/locket"
)

// A When is a moment or a span as people write it: an RFC 3339 time, a day
// (2026-05-31), a month (2026-05) or a year, in UTC where it names no zone. "" is none.
type When string

// begin is the first moment of w, zero for none.
func (w When) begin() (time.Time, error) {
	from, _, err := w.span()
	return from, err
}

// end is the first moment after w, or w itself if it is a moment; zero for none.
func (w When) end() (time.Time, error) {
	_, to, err := w.span()
	return to, err
}

func (w When) span() (from, to time.Time, err error) {
	s := string(w)
	if s == "" {
		return from, to, nil
	}
	if from, to, ok := locket.ParseSpan(s); ok {
		return from, to, nil
	}
	return from, to, locket.Errorf(locket.CodeInvalid, "%.40q is no time: write 2026-05-31T18:00:00+02:00, or a date such as 2026-05-31, 2026-05 or 2026", s)
}

// moments reads several at once: each as its beginning.
func moments(into map[*time.Time]When) error {
	for t, w := range into {
		var err error
		if *t, err = w.begin(); err != nil {
			return err
		}
	}
	return nil
}
