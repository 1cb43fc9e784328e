package demo

import (
	"fmt"
	"time"
)

// regular are the events that come again: an RFC 5545 rule, who comes, and where.
var regular = []struct {
	name, rule, place string
	circle            circle
	hour, minutes     int
}{
	{"Choir rehearsal", "RRULE:FREQ=WEEKLY;BYDAY=TU", "Nicolaïkerk", choir, 19, 150},
	{"Stand-up", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH", "Rotterdam Centraal", work, 8, 15},
	{"Atlas review", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TH", "Rotterdam Centraal", work, 12, 60},
	{"Allotment work morning", "RRULE:FREQ=MONTHLY;BYDAY=1SA", "De Bilt", garden, 8, 180},
	{"Piano lesson (Ida)", "RRULE:FREQ=WEEKLY;BYDAY=WE", "Oudegracht", services, 14, 45},
	{"Korean class", "RRULE:FREQ=WEEKLY;BYDAY=MO", "Domtoren", friends, 18, 90},
	{"Sunday lunch at my parents'", "RRULE:FREQ=MONTHLY;BYDAY=2SU", "De Bilt", family, 11, 180},
	{"Bread day", "RRULE:FREQ=WEEKLY;BYDAY=SA", "Oudegracht", friends, 6, 240},
	{"Bird walk", "RRULE:FREQ=MONTHLY;BYDAY=3SU", "Kromme Rijn", friends, 5, 150},
	{"Chess with Dov", "RRULE:FREQ=MONTHLY;BYMONTHDAY=13", "Wilhelminapark", friends, 18, 120},
}

// occasions are the events that happen once.
var occasions = []struct {
	circle circle
	names  []string
}{
	{work, []string{"Survey day at $place", "Proof meeting: $chart", "Planning with $person", "Talk: $tool", "Lunch with $person"}},
	{family, []string{"Ice skating with Ida", "Teun's swimming diploma", "Weekend at $place", "Dinner for Greta", "Parents' evening"}},
	{friends, []string{"Dinner: $dish", "Walk to $place", "Concert with $person", "Baking $bread with $person", "Film: $book"}},
	{choir, []string{"Concert: $piece", "Dress rehearsal: $piece", "Choir weekend"}},
	{garden, []string{"Harvest of the $crop", "Meeting of the allotments", "Bees with Birgit"}},
	{services, []string{"Dentist", "Kitchen: $thing", "Bicycle repair", "Doctor, Teun", "Notary"}},
}

const occasionCount = 150

func (l *life) addEvents() {
	for _, e := range regular {
		start := l.today.AddDate(-1, 0, -l.between(0, 300)).Add(time.Duration(e.hour) * time.Hour)
		l.addEvent(e.name, start, e.minutes, e.place, some(l, 5, l.of(e.circle)), e.rule)
	}
	for _, p := range append(l.of(family), l.of(friends)...) {
		day := l.today.AddDate(-1, 0, -l.between(0, 364))
		l.emit("Event", "Birthday: "+p.name, day, props{
			"startDate": day, "endDate": day.AddDate(0, 0, 1), "allDay": true, "recurrence": "RRULE:FREQ=YEARLY",
			"keywords": list("birthday"),
		}, nil, link{"about", p.id})
	}
	for range occasionCount {
		o := pick(l, occasions)
		start := l.daysAgo(l.between(-60, 700)).Truncate(15 * time.Minute)
		l.addEvent(l.fill(pick(l, o.names)), start, 30*l.between(1, 6), pick(l, l.onTrip(false)).name,
			some(l, l.between(1, 4), l.of(o.circle)), "")
	}
	l.addTrip()
}

func (l *life) addEvent(name string, start time.Time, minutes int, where string, guests []person, rule string) {
	p := props{
		"startDate": start, "endDate": start.Add(time.Duration(minutes) * time.Minute), "timeZone": "Europe/Amsterdam",
		"location": where, "organizer": l.me.address(), "attendee": addresses(guests),
		"eventStatus": "CONFIRMED", "identifier": fmt.Sprintf("%016x@example.org", l.rng.Uint64()),
	}
	if rule != "" {
		p["recurrence"] = rule
	}
	links := []link{{"organizer", l.me.id}}
	for _, g := range guests {
		links = append(links, link{"attendee", g.id})
	}
	for _, place := range l.places {
		if place.name == where {
			links = append(links, link{"location", place.id})
		}
	}
	l.events = append(l.events, l.emit("Event", name, start.AddDate(0, 0, -l.between(60, 90)), p, nil, links...))
}

// tripStart is the first day of the journey to Portugal: last October.
func (l *life) tripStart() time.Time {
	year := l.today.Year()
	if l.today.Month() < time.November {
		year--
	}
	return time.Date(year, time.October, 9, 0, 0, 0, 0, time.UTC)
}

// addTrip gives each place of the journey its day.
func (l *life) addTrip() {
	guests := some(l, 2, l.of(family))
	for i, p := range l.onTrip(true) {
		start := l.tripStart().AddDate(0, 0, i).Add(10 * time.Hour)
		l.addEvent("Portugal, day "+fmt.Sprint(i+1)+": "+p.name, start, 8*60, p.name, guests, "")
	}
}
