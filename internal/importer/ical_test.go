package importer

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestICal(t *testing.T) {
	raw := readFixture(t, "ical/mixed.ics")
	recs := readAll(t, icalFormat(), "x.ics", raw)
	if len(recs) != 8 {
		t.Fatalf("%d records, want 8", len(recs))
	}
	for i, r := range recs {
		checkRecord(t, r, raw)
		if r.Err == nil && r.Items[0].Props["folder"] != "Home" {
			t.Errorf("record %d is in %q", i, r.Items[0].Props["folder"])
		}
	}
	for i, want := range []map[string]any{
		0: {
			"name": "Choir, weekly", "startDate": at(t, "2024-03-04T18:00:00Z"), "endDate": at(t, "2024-03-04T19:30:00Z"),
			"timeZone": "Europe/Berlin", "allDay": false, "organizer": `Anna "A" Arndt <anna@example.com>`, "duration": "PT1H30M",
			"recurrence": "RRULE:FREQ=WEEKLY;COUNT=5\nRDATE;TZID=Europe/Berlin:20240403T190000\nEXDATE;TZID=Europe/Berlin:20240318T190000",
		},
		1: {"name": "Choir elsewhere", "startDate": at(t, "2024-03-11T19:00:00Z"), "eventStatus": "CANCELLED", "recurrenceId": "20240311T190000"},
		3: {"startDate": at(t, "2024-05-01T00:00:00Z"), "endDate": at(t, "2024-05-02T00:00:00Z"), "allDay": true},
		4: {"startDate": at(t, "2024-07-01T10:00:00Z"), "timeZone": "+02:00"},
		5: {"name": "No end, and no date"},
		6: {"name": "Taxes", "startDate": at(t, "2024-05-31T12:00:00Z"), "eventStatus": "NEEDS-ACTION", "timeZone": "UTC"},
	} {
		for name, v := range want {
			if got := recs[i].Items[0].Props[name]; !sameValue(got, v) {
				t.Errorf("record %d: %s is %v, want %v", i, name, got, v)
			}
		}
	}
	for i, want := range map[int]string{4: "ends before it starts", 5: "DTSTART is not a date; no start"} {
		if !strings.Contains(recs[i].Note, want) {
			t.Errorf("record %d: note %q, want %q", i, recs[i].Note, want)
		}
	}
	if series, moved := recs[0].Items[0], recs[1].Items[0]; series.Replaces == nil || series.Key != "event:weekly@example.com:" ||
		moved.Replaces != nil || !slices.Equal(moved.Aliases, []string{"event:weekly@example.com:20240311T190000"}) {
		t.Errorf("a changed event: %q; one that was not: %q, aliases %q", series.Key, moved.Key, moved.Aliases)
	}
	if recs[2].Err == nil || !errors.Is(recs[7].Err, errNotKept) {
		t.Errorf("the older version: %v; free and busy times: %v", recs[2].Err, recs[7].Err)
	}
	if !slices.Contains(recs[0].Links, Link{recs[0].Items[0].Key, "attendee", "person:email:ben@example.org"}) {
		t.Errorf("links %v", recs[0].Links)
	}
	if !slices.Contains(recs[1].Links, Link{recs[1].Items[0].Key, "superEvent", recs[0].Items[0].Key}) {
		t.Errorf("links of the moved instance %v", recs[1].Links)
	}
}

func TestICalOld(t *testing.T) {
	recs := readAll(t, icalFormat(), "x.vcs", readFixture(t, "ical/v1.vcs"))
	if len(recs) != 1 || recs[0].Items[0].Props["name"] != "Café Central" {
		t.Errorf("%+v", recs)
	}
}

func TestOccurrences(t *testing.T) {
	berlin := func(recurrence string) map[string]any {
		return map[string]any{"startDate": at(t, "2024-03-25T18:00:00Z"), "timeZone": "Europe/Berlin", "recurrence": recurrence}
	}
	for _, c := range []struct {
		name       string
		props      map[string]any
		limit      int
		want       string
		outOfScope bool
	}{
		{name: "once", props: berlin(""), limit: 9, want: "0325T18"},
		// On 31 March the clocks go forward: 19:00 in Berlin is an hour earlier in UTC.
		{name: "wall clock", props: berlin("RRULE:FREQ=WEEKLY;COUNT=3"), limit: 9, want: "0325T18 0401T17 0408T17"},
		{name: "limit", props: berlin("RRULE:FREQ=WEEKLY"), limit: 2, want: "0325T18 0401T17"},
		{name: "until, a date", props: berlin("RRULE:FREQ=WEEKLY;UNTIL=20240401"), limit: 9, want: "0325T18 0401T17"},
		{name: "until, no zone", props: berlin("RRULE:FREQ=WEEKLY;UNTIL=20240401T190000"), limit: 9, want: "0325T18 0401T17"},
		{name: "blanks", props: berlin("RRULE:FREQ=WEEKLY;COUNT=2;BYDAY=MO, TU"), limit: 9, want: "0325T18 0326T18"},
		{name: "exception", props: berlin("RRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20240326T190000"), limit: 9, want: "0325T18 0327T18"},
		{name: "exception, a date", props: berlin("RRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20240326"), limit: 9, want: "0325T18 0327T18"},
		{name: "empty exception", props: berlin("RRULE:FREQ=DAILY;COUNT=2\nEXDATE:"), limit: 9, want: "0325T18 0326T18"},
		{name: "extra dates", props: berlin("RDATE;VALUE=PERIOD:20240501T100000Z/PT1H,20240502T100000Z/PT1H"), limit: 9, want: "0325T18 0501T10 0502T10"},
		{name: "never", props: berlin("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), limit: 9, want: "0325T18"},
		{name: "every second", props: berlin("RRULE:FREQ=SECONDLY"), limit: 9, outOfScope: true},
		{name: "never ends its search", props: berlin("RRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=3"), limit: 9, outOfScope: true},
		{name: "too many times a day", props: berlin("RRULE:FREQ=DAILY;BYMINUTE=" + list(60) + ";BYSECOND=" + list(60)), limit: 9, outOfScope: true},
		{name: "nonsense", props: berlin("RRULE:FREQ=OFTEN"), limit: 9, outOfScope: true},
		{name: "whole days", props: map[string]any{"startDate": at(t, "2024-03-30T00:00:00Z"), "allDay": true, "recurrence": "RRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20240331"}, limit: 9, want: "0330T00 0401T00"},
	} {
		got, err := Occurrences(c.props, at(t, "2024-01-01T00:00:00Z"), at(t, "2025-01-01T00:00:00Z"), c.limit)
		if c.outOfScope != errors.Is(err, ErrRecurrence) || !c.outOfScope && err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var s []string
		for _, o := range got {
			s = append(s, o.UTC().Format("0102T15"))
		}
		if text := strings.Join(s, " "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
	hourly := map[string]any{"startDate": at(t, "1990-01-01T00:00:00Z"), "recurrence": "RRULE:FREQ=HOURLY"}
	if _, err := Occurrences(hourly, at(t, "2024-01-01T00:00:00Z"), at(t, "2024-01-02T00:00:00Z"), 5); !errors.Is(err, ErrRecurrence) {
		t.Errorf("a quarter of a million occurrences were counted: %v", err)
	}
}

func list(n int) string {
	var s []string
	for i := range n {
		s = append(s, strconv.Itoa(i))
	}
	return strings.Join(s, ",")
}

func TestZones(t *testing.T) {
	z := zoneTable{defined: map[string]definedZone{}}
	for tzid, want := range map[string]string{
		"Europe/Berlin": "Europe/Berlin", "/Europe/Stockholm": "Europe/Stockholm", "custom_America/New_York": "America/New_York",
		"posix/Europe/Vaduz": "Europe/Vaduz", "W. Europe Standard Time": "Europe/Berlin", `"Central Standard Time"`: "America/Chicago",
		"(GMT+10:00) Canberra, Melbourne, Sydney": "+10:00", "(GMT -03:30)": "-03:30", "UTC+11": "+11:00", "Etc/GMT-2": "Etc/GMT-2",
		"Local": "", "../../etc/passwd": "", "Western/Central Europe": "", "": "",
	} {
		_, got, _ := z.find(tzid, time.Time{})
		if got != want {
			t.Errorf("%q: %q, want %q", tzid, got, want)
		}
	}
	for windows, iana := range windowsZones {
		if loadZone(windows) == nil {
			t.Errorf("%s: there is no zone %s", windows, iana)
		}
	}
}

var readmeParts = regexp.MustCompile(`(\d+) (VEVENT|VTODO|VJOURNAL)`)

// TestICalCorpus compares with the number of events that the README of the sample
// data gives. Those that are rejected must be named here.
func TestICalCorpus(t *testing.T) {
	root := corpus(t, "icalendar")
	readme := string(readCorpus(t, filepath.Dir(root), "README.md"))
	_, part, _ := strings.Cut(readme, "\n## iCalendar: collective")
	part, _, _ = strings.Cut(part, "\n## Browser bookmarks")
	rejected := map[string]int{
		"collective/small_bad_calendar.ics":      1, // an event without a line
		"node-ical/duplicate-rrule-sequence.ics": 1, // an older version
	}
	rows := 0
	for _, row := range readmeRow.FindAllStringSubmatch(part, -1) {
		raw := readCorpus(t, root, row[1])
		rows++
		_, truth, _ := strings.Cut(row[2], " | ")
		want := -rejected[row[1]]
		for _, m := range readmeParts.FindAllStringSubmatch(truth, -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			want += n
		}
		recs := readAll(t, icalFormat(), row[1], raw)
		got := 0
		for _, r := range recs {
			checkRecord(t, r, raw)
			if r.Err == nil {
				got++
			}
		}
		if got != want || len(recs) == 0 {
			t.Errorf("%s: %d events of %d records, want %d", row[1], got, len(recs), want)
		}
	}
	files := 0
	err := filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	})
	if err != nil || rows != files {
		t.Errorf("%d rows for %d files, %v", rows, files, err)
	}
}

// TestICalZoneCorpus checks moments whose zones are odd.
func TestICalZoneCorpus(t *testing.T) {
	dir := corpus(t, "icalendar")
	for _, c := range []struct{ file, start, zone string }{
		{"collective/america_new_york_forward_reference.ics", "2014-08-29T12:00:00Z", "-04:00"},
		{"collective/issue_1050_forward_timezone_reference.ics", "2025-01-15T09:00:00Z", "Europe/Berlin"},
		{"collective/issue_218_bad_tzid.ics", "2017-02-28T12:00:00Z", "+11:00"},
		{"collective/issue_466_convert_tzid_with_slash.ics", "2022-10-21T18:00:00Z", "Europe/Stockholm"},
		{"biweekly/issue85.ics", "2018-07-22T10:00:00Z", "Europe/Berlin"},
	} {
		recs := readAll(t, icalFormat(), c.file, readCorpus(t, dir, c.file))
		p := recs[0].Items[0].Props
		if !sameValue(p["startDate"], at(t, c.start)) || p["timeZone"] != c.zone {
			t.Errorf("%s: %v in %v, want %s in %s", c.file, p["startDate"], p["timeZone"], c.start, c.zone)
		}
	}
}

func FuzzICal(f *testing.F) {
	seed(f, "ical/*")
	f.Fuzz(func(t *testing.T, raw []byte) {
		recs := readAll(t, icalFormat(), "x.ics", raw)
		if len(recs) == 0 {
			t.Error("nothing came of the file")
		}
		for _, r := range recs {
			checkRecord(t, r, raw)
			if r.Err != nil {
				continue
			}
			day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
			if got, err := Occurrences(r.Items[0].Props, day, day.AddDate(0, 1, 0), 10); err == nil && len(got) > 10 {
				t.Errorf("%d occurrences", len(got))
			}
		}
	})
}
