package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

const (
	threadCount = 160
	newsCount   = 90
)

// addMail writes the letters: threads between Linnea and those she knows, and
// what machines send her.
func (l *life) addMail() {
	for range threadCount {
		l.addThread(pick(l, topics))
	}
	for range newsCount {
		l.addNews()
	}
}

// addThread writes one exchange. A thread of more than one letter gets a
// Conversation that all of them are part of.
func (l *life) addThread(t topic) {
	subject := l.fill(pick(l, t.subjects))
	group := some(l, l.between(1, 3), slices.DeleteFunc(l.of(t.circle), person.isChild))
	when := l.daysAgo(l.between(14, 720))
	var links []link
	length := l.between(1, 7)
	if length > 1 {
		r := l.emit("Conversation", subject, when, props{
			"dateCreated": when, "dateModified": when, "keywords": t.keywords,
			"participant": addresses(append(group, l.me)),
		}, nil)
		l.threads = append(l.threads, r)
		links = append(links, link{"isPartOf", r.id})
	}
	var before letter
	for i := range length {
		m := letter{topic: t, subject: subject, when: when, before: before.id, refs: before.refs}
		m.from, m.to = group[0], append([]person{l.me}, group[1:]...)
		if i%2 == 1 {
			m.from, m.to = l.me, group
		}
		if i > 0 {
			m.subject = "Re: " + subject
		}
		before = l.addLetter(m, append(links, l.replies(before)...))
		when = when.Add(time.Duration(l.between(20, 60*40)) * time.Minute)
	}
}

// A letter is one e-mail to be written.
type letter struct {
	topic   topic
	subject string
	from    person
	to      []person
	when    time.Time
	id      string // Message-ID
	before  string // Message-ID of the letter it answers
	refs    []any
	item    locket.ItemID
}

func (l *life) replies(before letter) []link {
	if before.item == "" {
		return nil
	}
	return []link{{"inReplyTo", before.item}}
}

func (l *life) addLetter(m letter, links []link) letter {
	m.id = fmt.Sprintf("<%016x@example.org>", l.rng.Uint64())
	m.refs = append(m.refs[:len(m.refs):len(m.refs)], m.id)
	p := props{
		"text": l.body(m), "sender": m.from.address(), "toRecipient": addresses(m.to),
		"dateSent": m.when, "dateReceived": m.when.Add(time.Duration(l.between(1, 90)) * time.Second),
		"folder": m.topic.folder, "keywords": m.topic.keywords, "identifier": m.id,
	}
	if m.before != "" {
		p["inReplyTo"], p["references"] = m.before, m.refs[:len(m.refs)-1]
	}
	links = append(links, link{"sender", m.from.id})
	for _, to := range m.to {
		links = append(links, link{"toRecipient", to.id})
	}
	if l.chance(9) {
		links = append(links, link{"attachment", pick(l, append(l.files, l.photos...)).id})
	}
	m.item = l.emit("Message", m.subject, m.when, p, nil, links...).id
	return m
}

// body writes the text of a letter: greeting, a paragraph or two, name.
func (l *life) body(m letter) string {
	var b strings.Builder
	b.WriteString(strings.Replace(pick(l, greetings), "$name", m.to[0].given, 1))
	lines := some(l, l.between(2, 6), m.topic.lines)
	for i, line := range lines {
		if i%3 == 0 {
			b.WriteString("\n\n")
		} else {
			b.WriteString(" ")
		}
		b.WriteString(l.fill(line))
	}
	fmt.Fprintf(&b, "\n\n%s\n%s\n", pick(l, closings), m.from.given)
	return b.String()
}

func addresses(ps []person) []any {
	var out []any
	for _, p := range ps {
		out = append(out, p.address())
	}
	return out
}

// news is what machines send: sender, subject, lines.
var news = []struct {
	sender, folder string
	subjects       []string
	lines          []string
}{
	{"Night Trains Weekly <news@example.com>", "Newsletters", []string{"New: Köln to Lisboa in two nights", "Sleeper fares for $season"}, []string{
		"The couchette to $place runs again on every $weekday.", "Bicycles travel for $euro, cellos for free.", "Breakfast is served until $hour.", "Forty readers sent us their view from the window.",
	}},
	{"Library Utrecht <noreply@example.org>", "Receipts", []string{"Your loan is due on $weekday", "Reserved for you: $book"}, []string{
		"$book is waiting at the desk until $weekday.", "You have $n items on loan.", "Two reminders are free, the third is $euro.", "The reading room opens at $hour.",
	}},
	{"Fjord & Flour <orders@example.com>", "Receipts", []string{"Order $n is on its way", "Receipt for $bread flour"}, []string{
		"Your parcel was handed over at $hour.", "Total: $euro, paid.", "Ten kilograms of stone-ground rye, one proofing basket.", "Recipes for $bread are on the bag.",
	}},
	{"Waarneming Digest <digest@example.org>", "Newsletters", []string{"Seen near you: $bird", "$n new sightings around Utrecht"}, []string{
		"A $bird was reported at $place on $weekday.", "Please do not go closer than fifty metres to the nest.", "Your list stands at $n species this year.", "The count of the month is on $weekday at $hour.",
	}},
	{"Tideline Maps Calendar <calendar@example.com>", "Work/Automatic", []string{"Reminder: stand-up at $hour", "Room Haringvliet booked on $weekday"}, []string{
		"This is an automatic message; answers are not read.", "Host: $person.", "The room has $n chairs and one plant.", "Agenda: $chart.",
	}},
}

func (l *life) addNews() {
	n := pick(l, news)
	when := l.daysAgo(l.between(0, 720))
	l.emit("Message", l.fill(pick(l, n.subjects)), when, props{
		"text": l.sentences(3, n.lines), "sender": n.sender, "toRecipient": list(l.me.address()),
		"dateSent": when, "folder": n.folder, "identifier": fmt.Sprintf("<%016x@example.com>", l.rng.Uint64()),
	}, nil, link{"toRecipient", l.me.id})
}
