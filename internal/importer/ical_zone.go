package importer

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zone rules where the system has none: Windows, bare containers

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"
)

// Bounds on the zones that a calendar defines.
const (
	maxZones       = 1000
	maxObservances = 1000
)

var errNoDate = errors.New("not a date")

// A moment is a point in time as a calendar gives it.
type moment struct {
	time time.Time // of a date: midnight UTC
	date bool      // a whole day
	zone string    // IANA name, "UTC" or an offset such as "+10:00"; "" if none was given
}

// A zoneTable resolves the zone names of a calendar.
type zoneTable struct {
	standard string                 // zone of times that have none
	defined  map[string]definedZone // VTIMEZONEs by TZID
	loaded   map[string]*time.Location
}

// A definedZone is a zone whose rules stand in the calendar.
type definedZone struct {
	location    string // X-LIC-LOCATION: the IANA name, if its writer said
	observances []observance
}

// An observance is a period of a defined zone: from its start, and again by its
// rule, clocks show offset.
type observance struct {
	start        time.Time // wall clock, as UTC
	dates        []time.Time
	rule         *rrule.ROption
	offset, from int // seconds east of UTC, in it and before it
}

// moment reads a date or a time. note says what had to be guessed.
func (z *zoneTable) moment(value, tzid string) (m moment, note string, err error) {
	value = strings.ToUpper(strings.TrimSpace(value))
	if t, err := time.Parse("20060102", value); err == nil {
		return moment{time: t, date: true}, "", nil
	}
	if t, err := time.Parse("20060102T150405Z", value); err == nil {
		return moment{time: t, zone: "UTC"}, "", nil
	}
	wall, err := time.Parse("20060102T150405", value)
	if err != nil {
		return moment{}, "", errNoDate
	}
	floating := tzid == ""
	if floating {
		tzid = z.standard
	}
	if tzid == "" {
		return moment{time: wall}, "", nil
	}
	loc, name, ok := z.find(tzid, wall)
	if !ok {
		return moment{time: wall}, fmt.Sprintf("unknown time zone %q, read as UTC", clip(cleanText(tzid), 60)), nil
	}
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, loc)
	if floating {
		name = ""
	}
	return moment{time: t, zone: name}, "", nil
}

// find resolves a zone name: as a name of the IANA database or of Windows, also as
// the end of a longer one ("custom_America/New_York"); else by its definition in the
// calendar; else by an offset in the name ("(GMT+10:00) Canberra").
func (z *zoneTable) find(tzid string, wall time.Time) (loc *time.Location, name string, ok bool) {
	tzid = strings.Trim(unescape(tzid), `" `)
	if loc := z.load(tzid); loc != nil {
		return loc, loc.String(), true
	}
	if d, ok := z.defined[tzid]; ok {
		if loc := z.load(d.location); loc != nil {
			return loc, loc.String(), true
		}
		if offset, ok := d.offsetAt(wall); ok {
			loc := fixedZone(offset)
			return loc, loc.String(), true
		}
	}
	if m := offsetInName.FindStringSubmatch(tzid); m != nil {
		hours, _ := strconv.Atoi(m[2])   // digits, by the expression
		minutes, _ := strconv.Atoi(m[3]) // as well, or nothing
		offset := hours*3600 + minutes*60
		if m[1] == "-" {
			offset = -offset
		}
		loc := fixedZone(offset)
		return loc, loc.String(), true
	}
	return nil, "", false
}

var (
	offsetInName = regexp.MustCompile(`(?i)(?:GMT|UTC) ?([+-])(\d{1,2})(?::?(\d{2}))?`)
	zoneAtEnd    = regexp.MustCompile(`(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Za-z0-9_+/-]+$`)
	offsetName   = regexp.MustCompile(`^([+-])(\d{2}):(\d{2})$`)
)

// load returns the zone of a name of the IANA database or of Windows, nil if it is
// neither.
func (z *zoneTable) load(name string) *time.Location {
	if loc, ok := z.loaded[name]; ok {
		return loc
	}
	loc := loadZone(name)
	if z.loaded == nil {
		z.loaded = map[string]*time.Location{}
	}
	if len(z.loaded) < maxZones {
		z.loaded[name] = loc
	}
	return loc
}

func loadZone(name string) *time.Location {
	if len(name) > 100 {
		return nil
	}
	if iana, ok := windowsZones[name]; ok {
		name = iana
	}
	if strings.EqualFold(name, "Z") || strings.EqualFold(name, "GMT") {
		name = "UTC"
	}
	if end := zoneAtEnd.FindString(name); end != "" {
		name = end
	}
	if m := offsetName.FindStringSubmatch(name); m != nil {
		offset, err := parseOffset(m[1] + m[2] + m[3])
		if err != nil {
			return nil
		}
		return fixedZone(offset)
	}
	if name == "" || name == "Local" { // which time.LoadLocation takes for this machine's
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return loc
}

func fixedZone(offset int) *time.Location {
	sign, abs := '+', offset
	if offset < 0 {
		sign, abs = '-', -offset
	}
	return time.FixedZone(fmt.Sprintf("%c%02d:%02d", sign, abs/3600, abs/60%60), offset)
}

// define adds the zone of a VTIMEZONE.
func (z *zoneTable) define(comp *ical.Component) {
	if len(z.defined) >= maxZones {
		return
	}
	d := definedZone{location: propValue(comp, "X-LIC-LOCATION")}
	for _, child := range comp.Children {
		if len(d.observances) == maxObservances {
			break
		}
		if o, err := readObservance(child); err == nil {
			d.observances = append(d.observances, o)
		}
	}
	for _, p := range comp.Props["TZID"] {
		z.defined[strings.Trim(unescape(p.Value), `" `)] = d
	}
}

func readObservance(comp *ical.Component) (o observance, err error) {
	if o.start, err = time.Parse("20060102T150405", propValue(comp, "DTSTART")); err != nil {
		return o, err
	}
	if o.offset, err = parseOffset(propValue(comp, "TZOFFSETTO")); err != nil {
		return o, err
	}
	if o.from, err = parseOffset(propValue(comp, "TZOFFSETFROM")); err != nil {
		return o, err
	}
	if rule := propValue(comp, "RRULE"); rule != "" {
		if o.rule, err = parseRule(rule, o.start); err != nil {
			return o, err
		}
	}
	for _, p := range comp.Props["RDATE"] {
		for value := range strings.SplitSeq(p.Value, ",") {
			if t, err := time.Parse("20060102T150405", value); err == nil {
				o.dates = append(o.dates, t)
			}
		}
	}
	return o, nil
}

// offsetAt returns the offset that the zone has at a wall clock time: that of the
// observance which began last.
func (d definedZone) offsetAt(wall time.Time) (offset int, ok bool) {
	var latest time.Time
	for i, o := range d.observances {
		if i == 0 || !ok {
			offset = o.from
		}
		if onset, began := o.lastOnset(wall); began && (!ok || onset.After(latest)) {
			latest, offset, ok = onset, o.offset, true
		}
	}
	return offset, len(d.observances) > 0
}

func (o observance) lastOnset(wall time.Time) (last time.Time, began bool) {
	for _, t := range append([]time.Time{o.start}, o.dates...) {
		if !t.After(wall) && !t.Before(last) {
			last, began = t, true
		}
	}
	if o.rule == nil || !began {
		return last, began
	}
	rule := *o.rule
	if rule.Freq == rrule.YEARLY && rule.Count == 0 && rule.Interval <= 1 {
		// Outlook's rules begin in 1601; the years between need not be counted.
		if years := wall.Year() - 2 - o.start.Year(); years > 0 {
			rule.Dtstart = o.start.AddDate(years, 0, 0)
		}
	}
	r, err := rrule.NewRRule(rule)
	if err != nil {
		return last, began
	}
	next := r.Iterator()
	for range maxSteps {
		t, ok := next()
		if !ok || t.After(wall) {
			break
		}
		if t.After(last) {
			last = t
		}
	}
	return last, began
}

// parseOffset reads "+0100", "-033000".
func parseOffset(s string) (int, error) {
	s = strings.TrimSpace(s)
	if len(s) != 5 && len(s) != 7 || s[0] != '+' && s[0] != '-' {
		return 0, errNoDate
	}
	n, err := strconv.Atoi(s[1:])
	if err != nil || n < 0 {
		return 0, errNoDate
	}
	if len(s) == 5 {
		n *= 100
	}
	seconds := n/10000*3600 + n/100%100*60 + n%100
	if seconds > 24*3600 {
		return 0, errNoDate
	}
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, nil
}
