package exporter

import (
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// event writes an Event as iCalendar (RFC 5545). Zones are named, not defined
// (RFC 7809).
func (r *run) event(it *locket.Item) error {
	kind, end := kindOf(it)
	var l contentLines
	l.raw("BEGIN:VCALENDAR")
	l.raw("VERSION:2.0")
	l.raw("PRODID:-//Locket//Export//EN")
	l.raw("BEGIN:" + kind)
	l.text("UID", uidOf(it))
	l.raw("DTSTAMP:" + utc(it.Updated))
	l.moment("DTSTART", it, "startDate")
	if d := it.Text("duration"); d != "" && kind == "VEVENT" {
		l.raw("DURATION:" + strings.TrimSpace(d))
	} else if end != "" {
		l.moment(end, it, "endDate")
	}
	if id := it.Text("recurrenceId"); len(id) == len("20060102") {
		l.raw("RECURRENCE-ID;VALUE=DATE:" + id)
	} else if id != "" {
		l.raw("RECURRENCE-ID:" + id)
	}
	for _, line := range strings.Split(it.Text("recurrence"), "\n") {
		if name := strings.FieldsFunc(line, func(r rune) bool { return r == ':' || r == ';' }); len(name) > 1 && slices.Contains([]string{"RRULE", "EXRULE", "RDATE", "EXDATE"}, name[0]) {
			l.raw(line)
		}
	}
	l.text("SUMMARY", it.Text("name"))
	l.text("DESCRIPTION", it.Text("description"))
	l.text("LOCATION", it.Text("location"))
	l.text("STATUS", it.Text("eventStatus"))
	if u := it.Text("url"); u != "" {
		l.raw("URL:" + u)
	}
	l.list("CATEGORIES", without(without(textsIn(it, "keywords"), "todo"), "journal"))
	l.user("ORGANIZER", it.Text("organizer"))
	for _, who := range textsIn(it, "attendee") {
		l.user("ATTENDEE", who)
	}
	l.raw("END:" + kind)
	l.raw("END:VCALENDAR")
	return r.small(r.names.unique("calendar", it.Text("name"), ".ics", string(it.ID)), it.Updated, []byte(l.b.String()))
}

// kindOf is the component that an event becomes, and the property of its end; "" if it
// has none. An event must have a start, which the others need not.
func kindOf(it *locket.Item) (kind, end string) {
	words := textsIn(it, "keywords")
	switch {
	case slices.Contains(words, "todo"):
		return "VTODO", "DUE"
	case slices.Contains(words, "journal") || it.Props["startDate"] == nil:
		return "VJOURNAL", ""
	}
	return "VEVENT", "DTEND"
}

// moment adds a time: a date if the event lasts whole days, one in its zone if it comes
// again, so that it does so at the same hour in summer and winter, else UTC.
func (l *contentLines) moment(name string, it *locket.Item, property string) {
	t, ok := it.Props[property].(time.Time)
	if !ok {
		return
	}
	if allDay, _ := it.Props["allDay"].(bool); allDay {
		l.raw(name + ";VALUE=DATE:" + t.UTC().Format("20060102"))
		return
	}
	zone := it.Text("timeZone")
	if loc, err := time.LoadLocation(zone); err == nil && zone != "" && zone != "UTC" && zone != "Local" && it.Text("recurrence") != "" {
		l.raw(name + ";TZID=" + zone + ":" + t.In(loc).Format("20060102T150405"))
		return
	}
	l.raw(name + ":" + utc(t))
}

// user adds somebody with their address, as far as they have one.
func (l *contentLines) user(name, who string) {
	a, err := mail.ParseAddress(who)
	if err != nil {
		return
	}
	if a.Name != "" {
		name += `;CN="` + strings.NewReplacer(`"`, "'", "\n", " ").Replace(a.Name) + `"`
	}
	l.raw(name + ":mailto:" + a.Address)
}
