package importer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-ical"
)

var errNotKept = errors.New("not a kind of thing that is imported")

// A calendar is what is known of a whole calendar file.
type calendar struct {
	folder string // name of the calendar, else of the file
	zones  zoneTable
	latest map[string]revision // by key
}

// A revision orders the versions of one event: by SEQUENCE, then by date.
type revision struct {
	sequence int
	stamp    string // LAST-MODIFIED or DTSTAMP, in UTC, so texts compare like times
	sum      [sha256.Size]byte
}

func (r revision) before(o revision) bool {
	if r.sequence != o.sequence {
		return r.sequence < o.sequence
	}
	return r.stamp < o.stamp
}

// survey notes the zones of the calendar, its name, and the latest version of each
// event.
func (cal *calendar) survey(c component) {
	switch c.name {
	case "":
		for _, line := range contentLines(c.raw) {
			name, value, _ := strings.Cut(line, ":")
			switch strings.ToUpper(name) {
			case "X-WR-CALNAME", "NAME":
				if name := oneLine(unescape(value)); name != "" {
					cal.folder = clip(name, 200)
				}
			case "X-WR-TIMEZONE", "TZ":
				cal.zones.standard = strings.TrimSpace(value)
			}
		}
	case "VTIMEZONE":
		if comp, _, err := parseComponent(c); err == nil {
			cal.zones.define(comp)
		}
	case "VEVENT", "VTODO", "VJOURNAL":
		comp, _, err := parseComponent(c)
		if err != nil {
			return
		}
		key, rev := eventKey(comp), revisionOf(comp, c.raw)
		if known, ok := cal.latest[key]; !ok || known.before(rev) {
			cal.latest[key] = rev
		}
	}
}

func revisionOf(comp *ical.Component, raw []byte) revision {
	rev := revision{sum: sha256.Sum256(bytes.TrimSpace(raw))}
	rev.sequence, _ = strconv.Atoi(strings.TrimSpace(propValue(comp, "SEQUENCE"))) // 0 if absent or no number
	rev.stamp = propValue(comp, "LAST-MODIFIED")
	if rev.stamp == "" {
		rev.stamp = propValue(comp, "DTSTAMP")
	}
	return rev
}

// record makes a record of a component. ok is false for what belongs to the
// calendar itself.
func (cal *calendar) record(c component) (rec Record, ok bool) {
	switch {
	case c.raw == nil:
		rec.Err = fmt.Errorf("the component is %d bytes long; the limit is %d", c.end-c.at, maxComponent)
		return rec, true
	case c.name == "":
		rec.Err = errors.New("text that is not part of a calendar")
		return rec, !isProperties(c.raw)
	case c.name == "VTIMEZONE":
		return rec, false
	case c.name != "VEVENT" && c.name != "VTODO" && c.name != "VJOURNAL":
		rec.Err = fmt.Errorf("%s: %w", clip(strings.ToValidUTF8(c.name, "?"), 40), errNotKept)
		return rec, true
	}
	comp, lost, err := parseComponent(c)
	if err != nil {
		rec.Err = err
		return rec, true
	}
	key, rev := eventKey(comp), revisionOf(comp, c.raw)
	latest := cal.latest[key]
	if rev.before(latest) {
		rec.Err = errors.New("a later version of the same event stands in the file")
		return rec, true
	}
	e := eventReader{cal: cal, comp: comp, kind: c.name, draft: Draft{Key: key, Type: "Event", Props: map[string]any{}}}
	switch {
	case rev.sequence > 0 && rev.sum == latest.sum:
		e.draft.Replaces = differs(e.draft.Props, eventProperties)
	case propValue(comp, "UID") != "":
		e.draft.Key, e.draft.Aliases = key+":"+eventSum(comp)[:16], []string{key}
	}
	if lost > 0 {
		e.odd("%d lines could not be read", lost)
	}
	if !c.closed {
		e.odd("the component has no end")
	}
	return e.read(), true
}

// isProperties says whether text outside of all events belongs there: properties of
// the calendar and nothing else.
func isProperties(raw []byte) bool {
	for _, line := range contentLines(raw) {
		if _, ok := modernLine(line); !ok && strings.TrimSpace(line) != "" {
			return false
		}
	}
	return true
}

// parseComponent decodes one component. lost counts the lines that could not be
// read. The decoder panics on some input; that must not end the import.
func parseComponent(c component) (comp *ical.Component, lost int, err error) {
	defer func() {
		if p := recover(); p != nil {
			comp, err = nil, fmt.Errorf("the component could not be read: %v", p)
		}
	}()
	if c.raw == nil {
		return nil, 0, errors.New("the component is too large")
	}
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nBEGIN:" + c.name + "\r\n")
	var open []string // components within it
	written := 0
	for i, line := range contentLines(c.raw) {
		verb, name := blockLine([]byte(line))
		switch {
		case i == 0 || verb == "END" && len(open) == 0:
			continue
		case verb == "BEGIN":
			open = append(open, name)
			b.WriteString("BEGIN:" + name + "\r\n")
			continue
		case verb == "END":
			// Whatever is named, the innermost ends.
			b.WriteString("END:" + open[len(open)-1] + "\r\n")
			open = open[:len(open)-1]
			continue
		}
		modern, ok := modernLine(line)
		if !ok {
			lost++
			continue
		}
		b.WriteString(modern + "\r\n")
		written++
	}
	if written == 0 {
		return nil, lost, errors.New("the component is empty")
	}
	for _, name := range slices.Backward(open) {
		b.WriteString("END:" + name + "\r\n")
	}
	b.WriteString("END:" + c.name + "\r\nEND:VCALENDAR\r\n")
	parsed, err := ical.NewDecoder(strings.NewReader(b.String())).Decode()
	if err != nil {
		return nil, lost, fmt.Errorf("the component could not be read: %w", err)
	}
	return parsed.Children[0], lost, nil
}

// eventKey names an event: by its UID, with the RECURRENCE-ID if it is one moved
// instance of a series, else by its content.
//
// An event that was changed, as a SEQUENCE above 0 says, takes the place of the item
// with this key. Any other is an item of its own if it says anything new, and has
// this key as an alias: programs do give one UID to several events, and only
// SEQUENCE tells a new version from another event.
func eventKey(comp *ical.Component) string {
	if uid := cleanText(propValue(comp, "UID")); uid != "" {
		return "event:" + clip(uid, 500) + ":" + clip(cleanText(propValue(comp, "RECURRENCE-ID")), 40)
	}
	return "event:sha256:" + eventSum(comp)
}

// eventSum hashes what an event says, without what changes with every export.
func eventSum(comp *ical.Component) string {
	var lines []string
	for name, list := range comp.Props {
		switch name {
		case "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE":
			continue
		}
		for _, p := range list {
			lines = append(lines, name+":"+p.Value)
		}
	}
	slices.Sort(lines)
	return hexSHA256([]byte(strings.Join(lines, "\n")))
}

func propValue(comp *ical.Component, name string) string {
	if p := comp.Props.Get(name); p != nil {
		return p.Value
	}
	return ""
}

// An eventReader turns one component into a record.
type eventReader struct {
	cal   *calendar
	comp  *ical.Component
	kind  string // VEVENT, VTODO or VJOURNAL
	draft Draft
	rec   Record
	notes []string
}

// eventProperties are the properties that an event can set.
var eventProperties = []string{
	"name", "description", "location", "startDate", "endDate", "allDay", "timeZone", "duration", "recurrence",
	"recurrenceId", "eventStatus", "organizer", "attendee", "keywords", "url", "identifier",
}

func (e *eventReader) odd(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

func (e *eventReader) text(name string) string { return unescape(propValue(e.comp, name)) }

func (e *eventReader) read() Record {
	props := e.draft.Props
	put(props, "name", oneLine(e.text("SUMMARY")))
	put(props, "description", e.text("DESCRIPTION"))
	put(props, "location", e.text("LOCATION"))
	put(props, "eventStatus", strings.ToUpper(e.text("STATUS")))
	put(props, "url", propValue(e.comp, "URL"))
	put(props, "identifier", propValue(e.comp, "UID"))
	put(props, "folder", e.cal.folder)
	var keywords []string
	switch e.kind {
	case "VTODO":
		keywords = []string{"todo"}
	case "VJOURNAL":
		keywords = []string{"journal"}
	}
	for _, p := range e.comp.Props["CATEGORIES"] {
		keywords = append(keywords, splitEscaped(p.Value, ',')...)
	}
	putAll(props, "keywords", keywords)
	e.times()
	e.recurrence()
	e.rec.Items = []Draft{e.draft}
	e.people()
	e.rec.Note = cleanText(strings.Join(e.notes, "; "))
	return e.rec
}

// times sets start, end, zone and whether it is all day. An event that lasts whole
// days starts and ends at midnight UTC; its end is the day after the last, as in
// iCalendar. A time without a zone is read in the zone of the calendar, if it has
// one, else as UTC, and gets no timeZone.
func (e *eventReader) times() {
	props := e.draft.Props
	start, end := "DTSTART", "DTEND"
	if e.kind == "VTODO" {
		end = "DUE"
		if e.comp.Props.Get(start) == nil {
			start = end
		}
	}
	from, ok := e.moment(start)
	switch {
	case ok:
		props["startDate"], props["allDay"] = from.time.UTC(), from.date
		put(props, "timeZone", from.zone)
	case e.kind == "VEVENT":
		e.odd("no start")
	}
	to, hasEnd := e.moment(end)
	length := propValue(e.comp, "DURATION")
	switch {
	case hasEnd:
		props["endDate"] = to.time.UTC()
	case ok && length != "":
		put(props, "duration", length)
		if t, err := addDuration(from.time, length); err == nil {
			props["endDate"] = t.UTC()
		} else {
			e.odd("the duration cannot be right")
		}
	case ok && from.date && e.kind == "VEVENT":
		props["endDate"] = from.time.AddDate(0, 0, 1).UTC()
	}
	if hasEnd && ok && to.time.Before(from.time) {
		e.odd("it ends before it starts")
	}
}

func (e *eventReader) moment(name string) (moment, bool) {
	p := e.comp.Props.Get(name)
	if p == nil || strings.TrimSpace(p.Value) == "" {
		return moment{}, false
	}
	m, note, err := e.cal.zones.moment(p.Value, p.Params.Get("TZID"))
	if err != nil {
		e.odd("%s is not a date", name)
		return moment{}, false
	}
	if note != "" && !slices.Contains(e.notes, note) {
		e.notes = append(e.notes, note)
	}
	return m, true
}

// recurrence keeps all lines that say when the event happens again.
func (e *eventReader) recurrence() {
	if p := e.comp.Props.Get("RECURRENCE-ID"); p != nil {
		put(e.draft.Props, "recurrenceId", p.Value)
		if uid := cleanText(propValue(e.comp, "UID")); uid != "" && p.Value != "" {
			e.rec.Links = append(e.rec.Links, Link{From: e.draft.Key, Name: "superEvent", To: "event:" + clip(uid, 500) + ":"})
		}
	}
	var lines []string
	for _, name := range []string{"RRULE", "EXRULE", "RDATE", "EXDATE"} {
		for _, p := range e.comp.Props[name] {
			line := name
			for _, param := range []string{"TZID", "VALUE"} {
				if v := p.Params.Get(param); v != "" {
					line += ";" + param + "=" + v
				}
			}
			lines = append(lines, line+":"+strings.TrimSpace(p.Value))
		}
	}
	if len(lines) == 0 {
		return
	}
	put(e.draft.Props, "recurrence", strings.Join(lines, "\n"))
	if start, ok := e.draft.Props["startDate"].(time.Time); !ok {
		e.odd("it recurs but has no start")
	} else if _, err := parseRecurrence(strings.Join(lines, "\n"), start, false); err != nil {
		e.odd("%v", err)
	}
}

// people adds the organiser and those invited, as far as they have addresses.
func (e *eventReader) people() {
	if p := e.comp.Props.Get("ORGANIZER"); p != nil {
		if a, ok := calendarUser(p); ok {
			e.draft.Props["organizer"] = addressText(a)
			e.person(a, "organizer")
		}
	}
	var names []string
	for _, p := range e.comp.Props["ATTENDEE"] {
		if len(names) == maxMailPeople {
			e.odd("more than %d attendees; the rest is in the raw event", maxMailPeople)
			break
		}
		if a, ok := calendarUser(&p); ok {
			names = append(names, addressText(a))
			e.person(a, "attendee")
		}
	}
	putAll(e.draft.Props, "attendee", names)
}

func (e *eventReader) person(a mail.Address, edge string) {
	d, ok := personOf(a)
	if !ok {
		return
	}
	if !slices.ContainsFunc(e.rec.Items, func(o Draft) bool { return o.Key == d.Key }) {
		e.rec.Items = append(e.rec.Items, d)
	}
	e.rec.Links = append(e.rec.Links, Link{From: e.draft.Key, Name: edge, To: d.Key})
}

var caret = strings.NewReplacer("^n", " ", "^'", `"`, "^^", "^") // RFC 6868

// calendarUser reads a "mailto:" address with the name beside it.
func calendarUser(p *ical.Prop) (mail.Address, bool) {
	value := strings.Trim(strings.TrimSpace(p.Value), `"`)
	a := mail.Address{Name: oneLine(caret.Replace(p.Params.Get("CN")))}
	if i := strings.Index(strings.ToLower(value), "mailto:"); i >= 0 {
		value = value[i+len("mailto:"):]
	}
	if v, err := url.PathUnescape(value); err == nil {
		value = v
	}
	if list := parseAddresses(value); len(list) == 1 && strings.Contains(list[0].Address, "@") {
		a.Address = list[0].Address
		if a.Name == "" {
			a.Name = list[0].Name
		}
	}
	a.Name = strings.Trim(a.Name, `"' `)
	return a, a.Name != "" || a.Address != ""
}
