package locket_test

import (
	"testing"
	"time"

	"github.com/locketpod/locket"
)

func TestParseSpan(t *testing.T) {
	for text, want := range map[string][2]string{
		"2026":                      {"2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"2026-12":                   {"2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		"2024-02-29":                {"2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"},
		"2026-05-31T18:00:00+02:00": {"2026-05-31T16:00:00Z", "2026-05-31T16:00:00Z"},
		"2026-13":                   {}, "26": {}, "": {}, "tomorrow": {}, "2026-02-30": {},
	} {
		from, to, ok := locket.ParseSpan(text)
		if ok != (want[0] != "") {
			t.Errorf("%q: read %t", text, ok)
			continue
		}
		if ok && (from.UTC().Format(time.RFC3339) != want[0] || to.UTC().Format(time.RFC3339) != want[1]) {
			t.Errorf("%q: %v to %v", text, from, to)
		}
	}
}
