package recall

import (
	"testing"
	"time"
)

// A Wednesday.
var may17 = time.Date(2023, 5, 17, 15, 0, 0, 0, time.UTC)

func TestSpans(t *testing.T) {
	for _, c := range []struct{ text, from, to string }{
		{"what did she do today", "2023-05-17", "2023-05-18"},
		{"We met yesterday.", "2023-05-16", "2023-05-17"},
		{"the day before yesterday", "2023-05-15", "2023-05-16"},
		{"last night", "2023-05-16", "2023-05-17"},
		{"tomorrow", "2023-05-18", "2023-05-19"},
		{"on 7 May 2023", "2023-05-07", "2023-05-08"},
		{"the 7th of May, 2023", "2023-05-07", "2023-05-08"},
		{"on May 7, 2023", "2023-05-07", "2023-05-08"},
		{"on May 7th 2023", "2023-05-07", "2023-05-08"},
		{"on 2023-05-07", "2023-05-07", "2023-05-08"},
		{"in 2023-05", "2023-05-01", "2023-06-01"},
		{"in June 2023", "2023-06-01", "2023-07-01"},
		{"in December of 2022", "2022-12-01", "2023-01-01"},
		{"last May", "2022-05-01", "2022-06-01"},
		{"last March", "2023-03-01", "2023-04-01"},
		{"next March", "2024-03-01", "2024-04-01"},
		{"this June", "2023-06-01", "2023-07-01"},
		{"in 2022", "2022-01-01", "2023-01-01"},
		{"last year", "2022-01-01", "2023-01-01"},
		{"this month", "2023-05-01", "2023-06-01"},
		{"last month", "2023-04-01", "2023-05-01"},
		{"last week", "2023-05-08", "2023-05-15"},
		{"next week", "2023-05-22", "2023-05-29"},
		{"last Friday", "2023-05-12", "2023-05-13"},
		{"on Friday", "2023-05-12", "2023-05-13"},
		{"last Wednesday", "2023-05-10", "2023-05-11"},
		{"next Wednesday", "2023-05-24", "2023-05-25"},
		{"last weekend", "2023-05-12", "2023-05-15"},
		{"two weeks ago", "2023-04-30", "2023-05-07"},
		{"a week ago", "2023-05-07", "2023-05-14"},
		{"3 days ago", "2023-05-14", "2023-05-15"},
		{"a couple of days ago", "2023-05-15", "2023-05-16"},
		{"a few months ago", "2023-02-01", "2023-03-01"},
		{"three years ago", "2020-01-01", "2021-01-01"},
		{"in two months", "2023-07-01", "2023-08-01"},
		{"the last two weeks", "2023-05-03", "2023-05-18"},
		{"the past few days", "2023-05-14", "2023-05-18"},
		{"summer 2022", "2022-06-01", "2022-09-01"},
		{"last summer", "2022-06-01", "2022-09-01"},
		{"last winter", "2022-12-01", "2023-03-01"},
		{"May I ask what may happen in March madness", "2000-03-01", "2000-04-01"},
		{"in May", "2000-05-01", "2000-06-01"},
		{"during the fall", "2000-09-01", "2000-12-01"},
		{"on 3 June", "2000-06-03", "2000-06-04"},
		{"he may fall in love and march on", "", ""},
		{"13 apples at 5", "", ""},
		{"the other", "", ""},
		{"last", "", ""},
		{"a", "", ""},
	} {
		spans := spansOf(tokens(c.text), may17)
		if c.from == "" {
			if len(spans) > 0 {
				t.Errorf("%q: %v", c.text, spans)
			}
			continue
		}
		if len(spans) != 1 || spans[0].From.Format(time.DateOnly) != c.from || spans[0].To.Format(time.DateOnly) != c.to {
			t.Errorf("%q: %v, want %s to %s", c.text, spans, c.from, c.to)
		}
	}
}

func TestOverlaps(t *testing.T) {
	for _, c := range []struct {
		text, day string
		want      bool
	}{
		{"in May", "2021-05-31", true},
		{"in May", "2021-06-01", false},
		{"in December", "2021-12-31", true},
		{"in the winter", "2022-12-05", true},
		{"in the winter", "2022-02-05", true},
		{"in the winter", "2022-03-05", false},
		{"before May 2022", "2022-04-30", true},
		{"before May 2022", "2022-05-01", false},
		{"since May 2022", "2022-05-01", true},
		{"after May 2022", "2022-05-31", false},
		{"after May 2022", "2022-06-01", true},
	} {
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		q := understand(c.text, may17)
		if len(q.spans) != 1 || q.spans[0].overlaps(span{From: day, To: day.AddDate(0, 0, 1)}) != c.want {
			t.Errorf("%q, %s: %v", c.text, c.day, q.spans)
		}
	}
}

// FuzzUnderstand: no text is an error, and every span ends after it begins.
func FuzzUnderstand(f *testing.F) {
	for _, s := range []string{
		"When did Anna go to the doctor?", "in 2 days", "last 3 weeks ago", "31 February 2023", "2023-13-45", "the day before", "a few",
		"in the winter of", "\x00\xff", "昨日 何を", "İstanbul’da’s", "before since after May", "999 years ago", "in 1000 years",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range understand(text, may17).spans {
			if !s.To.After(s.From) {
				t.Errorf("%q: %v", text, s)
			}
			s.overlaps(span{From: may17, To: may17.Add(1)})
		}
	})
}
