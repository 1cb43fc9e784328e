package demo

import (
	"fmt"
	"time"
)

const (
	chatCount   = 20
	memoryCount = 130
)

var chatLines = []string{
	"Are you at $place already?", "Ten minutes. The bridge is up.", "Bring $bread if you can 🙂", "I have $n photographs of the same $bird.",
	"$person says hello.", "Who has the key?", "At $hour then.", "Ja, prima!", "Claro que sí", "좋아요!", "好的,到时候见", "Tot straks", "C'est noté.",
	"Did you see the fog this morning?", "We saved you some $dish.", "Teun hid it. Ask Teun.", "The $weekday rehearsal starts half an hour later.",
}

// addChats writes short messages in groups, each group a Conversation.
func (l *life) addChats() {
	for range chatCount {
		c := pick(l, []circle{family, friends, choir, garden, work})
		group := append(some(l, l.between(1, 4), l.of(c)), l.me)
		when := l.daysAgo(l.between(1, 400))
		name := fmt.Sprintf("Chat: %s, %s", c, when.Format("2 January"))
		var members []link
		for _, p := range group {
			members = append(members, link{"participant", p.id})
		}
		chat := l.emit("Conversation", name, when, props{
			"dateCreated": when, "dateModified": when, "participant": addresses(group), "keywords": list("chat"),
		}, nil, members...)
		for range l.between(4, 10) {
			from := pick(l, group)
			l.emit("Message", name, when, props{
				"text": l.fill(pick(l, chatLines)), "sender": from.address(), "dateSent": when, "folder": "Chat",
			}, nil, link{"isPartOf", chat.id}, link{"sender", from.id})
			when = when.Add(time.Duration(l.between(1, 45)) * time.Minute)
		}
	}
}

// memories are what an assistant has learnt: its kind and the text.
var memories = []struct{ kind, text string }{
	{"preference", "Linnea prefers trains to planes and pays up to $euro more for a sleeper."},
	{"preference", "She wants dates written as day, month, year, and times with 24 hours."},
	{"preference", "Short answers in the morning; after $hour she likes to think aloud."},
	{"fact", "The proof of $chart goes to the printer on a $weekday."},
	{"fact", "$person does not eat nuts; $person eats everything but coriander."},
	{"fact", "Teun is afraid of $toy since the holiday on Vlieland."},
	{"fact", "The allotment is plot 14 and grows $crop and $crop this year."},
	{"fact", "Her mother lives in De Bilt, ten minutes from the weather station."},
	{"procedure", "To prepare a survey at $place: check the tide, reserve the boat, tell $person."},
	{"procedure", "For $bread: start the dough at $hour the evening before."},
	{"episode", "On a $weekday we drafted the letter to $person about $tool."},
	{"episode", "We planned the journey to $place and booked the couchette for $euro."},
	{"episode", "She was $mood after the rehearsal of $piece and asked for no advice."},
	{"correction", "The rehearsal is on Tuesday, not on $weekday."},
	{"correction", "It is Ciel-d'Avril with a hyphen."},
}

// addMemories writes what an AI agent keeps about its conversations with her.
func (l *life) addMemories() {
	for i := range memoryCount {
		m := pick(l, memories)
		text := l.fill(m.text)
		when := l.daysAgo(l.between(1, 240))
		links := append(l.mentioned(text), link{"about", l.me.id})
		if l.chance(40) {
			links = append(links, link{"source", pick(l, l.threads).id})
		}
		l.emit("Memory", fmt.Sprintf("%s %d", m.kind, i+1), when, props{
			"text": text, "kind": m.kind, "namespace": "assistant/" + m.kind, "dateCreated": when,
			"importance": float64(l.between(1, 10)) / 10, "confidence": float64(l.between(5, 10)) / 10,
		}, nil, links...)
	}
}
