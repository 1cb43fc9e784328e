package importer

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// Bounds on the expansion of a recurrence.
const (
	maxRule      = 1 << 10 // bytes of a rule
	maxTimesADay = 24 * 60 // that a rule may name
	maxSteps     = 100_000 // occurrences counted from the start of the series
	maxDates     = 10_000  // dates listed one by one
)

// ErrRecurrence is returned for a recurrence that is malformed or beyond the bounds.
var ErrRecurrence = errors.New("recurrence not understood")

// Occurrences returns when an Event with these properties happens, from from up to
// but not including to, at most limit times, in order. An event that does not recur
// happens once. Series follow the wall clock of the event's timeZone; those of
// whole days are given as midnight UTC. Instances that were moved are Events of
// their own and known by their recurrenceId; they are not left out here.
func Occurrences(props map[string]any, from, to time.Time, limit int) ([]time.Time, error) {
	start, ok := props["startDate"].(time.Time)
	if !ok {
		return nil, nil
	}
	if name, _ := props["timeZone"].(string); name != "" {
		if loc := loadZone(name); loc != nil {
			start = start.In(loc)
		}
	}
	text, _ := props["recurrence"].(string)
	allDay, _ := props["allDay"].(bool)
	rec, err := parseRecurrence(text, start, allDay)
	if err != nil {
		return nil, err
	}
	return rec.between(from, to, limit)
}

// A recurrence is a series of dates.
type recurrence struct {
	start  time.Time
	rules  []*rrule.RRule
	dates  []time.Time
	except map[int64]bool  // Unix times
	days   map[string]bool // exceptions given as dates, "20060102"
}

// parseRecurrence reads the lines RRULE, RDATE and EXDATE. EXRULE, which RFC 5545
// dropped, is refused.
func parseRecurrence(text string, start time.Time, allDay bool) (*recurrence, error) {
	rec := &recurrence{start: start, except: map[int64]bool{}, days: map[string]bool{}}
	listed := 0
	for line := range strings.Lines(text) {
		head, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		name, params, _ := strings.Cut(head, ";")
		if !ok || value == "" {
			continue // an empty EXDATE excepts nothing
		}
		switch name {
		case "RRULE":
			option, err := parseRule(value, start)
			if err != nil {
				return nil, err
			}
			r, err := rrule.NewRRule(*option)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrRecurrence, err)
			}
			rec.rules = append(rec.rules, r)
		case "RDATE", "EXDATE":
			if listed += strings.Count(value, ",") + 1; listed > maxDates {
				return nil, fmt.Errorf("%w: more than %d dates", ErrRecurrence, maxDates)
			}
			if err := rec.list(name, params, value, allDay); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: %s", ErrRecurrence, clip(name, 20))
		}
	}
	return rec, nil
}

// list reads the dates of one RDATE or EXDATE. Of a period, the start counts.
func (rec *recurrence) list(name, params, value string, allDay bool) error {
	zones := zoneTable{}
	tzid := ""
	for p := range strings.SplitSeq(params, ";") {
		if v, ok := strings.CutPrefix(p, "TZID="); ok {
			tzid = v
		}
	}
	for v := range strings.SplitSeq(value, ",") {
		v, _, _ = strings.Cut(strings.TrimSpace(v), "/")
		if v == "" {
			continue
		}
		m, _, err := zones.moment(v, tzid)
		if err != nil {
			return fmt.Errorf("%w: %s is not a list of dates", ErrRecurrence, name)
		}
		t := m.time
		if m.zone == "" && !allDay { // in the zone of the event
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, rec.start.Location())
		}
		switch {
		case name == "RDATE" && m.date && !allDay:
			t = time.Date(t.Year(), t.Month(), t.Day(), rec.start.Hour(), rec.start.Minute(), rec.start.Second(), 0, rec.start.Location())
			rec.dates = append(rec.dates, t)
		case name == "RDATE":
			rec.dates = append(rec.dates, t)
		case m.date:
			rec.days[m.time.Format("20060102")] = true
		default:
			rec.except[t.Unix()] = true
		}
	}
	return nil
}

// between returns the occurrences in order. It gives up on a series that has too
// many before from.
func (rec *recurrence) between(from, to time.Time, limit int) ([]time.Time, error) {
	var out []time.Time
	add := func(t time.Time) bool {
		if !t.Before(from) && t.Before(to) && !rec.except[t.Unix()] && !rec.days[t.Format("20060102")] {
			out = append(out, t)
		}
		return len(out) <= 2*limit
	}
	for _, t := range append([]time.Time{rec.start}, rec.dates...) {
		add(t)
	}
	for _, r := range rec.rules {
		next := r.Iterator()
		for step := 0; ; step++ {
			t, ok := next()
			if !ok || !t.Before(to) {
				break
			}
			if step == maxSteps {
				return nil, fmt.Errorf("%w: more than %d occurrences", ErrRecurrence, maxSteps)
			}
			if !add(t) {
				break
			}
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	out = slices.CompactFunc(out, time.Time.Equal)
	return out[:min(len(out), limit)], nil
}

// parseRule reads an RRULE that begins at start. It takes blanks between values and
// an UNTIL without a zone, which many programs write.
func parseRule(s string, start time.Time) (*rrule.ROption, error) {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	if len(s) > maxRule {
		return nil, fmt.Errorf("%w: the rule is too long", ErrRecurrence)
	}
	s = strings.Trim(s, ";")
	if m := untilDate.FindStringSubmatch(s); m != nil {
		s = strings.Replace(s, m[0], m[0]+"T235959", 1) // the whole day
	}
	option, err := rrule.StrToROptionInLocation(s, start.Location())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecurrence, err)
	}
	hourly := option.Freq == rrule.HOURLY && !strings.Contains(s, ";BY") // with more, the library may search for ever
	times := max(len(option.Byhour), 1) * max(len(option.Byminute), 1) * max(len(option.Bysecond), 1)
	if option.Freq > rrule.DAILY && !hourly || times > maxTimesADay || len(option.Byeaster) > 0 {
		return nil, fmt.Errorf("%w: too often", ErrRecurrence)
	}
	if _, err := rrule.NewRRule(*option); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecurrence, err)
	}
	option.Dtstart = start
	return option, nil
}

var untilDate = regexp.MustCompile(`UNTIL=\d{8}\b`)

var durationForm = regexp.MustCompile(`^([+-]?)P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?$`)

// addDuration adds a duration of RFC 5545 §3.3.6: weeks and days by the calendar,
// whatever the clocks do in between, the rest by the clock.
func addDuration(t time.Time, s string) (time.Time, error) {
	m := durationForm.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
	if m == nil {
		return time.Time{}, errors.New("not a duration")
	}
	var n [5]int
	for i := range n {
		n[i], _ = strconv.Atoi(cmp.Or(m[i+2], "0")) // digits, by the expression
	}
	days, secs := n[0]*7+n[1], n[2]*3600+n[3]*60+n[4]
	if m[1] == "-" {
		days, secs = -days, -secs
	}
	return t.AddDate(0, 0, days).Add(time.Duration(secs) * time.Second), nil
}
