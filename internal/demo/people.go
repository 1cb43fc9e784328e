package demo

import (
	"fmt"
	"strings"

	"github.com/locketpod/locket"
)

// A circle is where somebody is known from.
type circle string

const (
	family   circle = "family"
	work     circle = "work"
	friends  circle = "friends"
	choir    circle = "choir"
	garden   circle = "allotment"
	services circle = "services"
)

// A person of the made-up world.
type person struct {
	ref
	given, family string
	circle        circle
	job           string
	email         string
}

// address is how the person stands in the head of a letter.
func (p person) address() string { return fmt.Sprintf("%s <%s>", p.name, p.email) }

// isChild says who is too young to write letters.
func (p person) isChild() bool { return kinships[p.given] == "children" }

// cast is everybody, one line each: given name|family name|what they do. The
// first of the family is the person whose life this is.
var cast = []struct {
	circle circle
	lines  string
}{
	{family, `Linnea|Quillfeather|cartographer
Bram|Mossgrove|my husband, restores boats
Ida|Quillfeather|our daughter, nine
Teun|Quillfeather|our son, six
Greta|Quillfeather|my mother
Anselm|Quillfeather|my father
Jonas|Quillfeather|my brother in Göteborg
Apolline|Ciel-d'Avril|my sister-in-law
Wiebe|Mossgrove|Bram's father
Tante Roos|Mossgrove|Bram's aunt in Zeeland`},
	{work, `Priya|Thistlewick|head of Tideline Maps
Matteo|Pomodorini|cartographer
Søren|Løvetann|surveyor
Yuki|Hoshizora|designer
Amadou|Riverlight|developer
Hanneke|Zeepaardje|office manager
Cormac|Larkspurr|developer
Ludmila|Čmeláková|hydrographer
Tobias|Windelbaum|sales
Rosalind|Inkpott|editor
Ngozi|Starling-Oak|data analyst
Ignacio|Nubeclara|harbour pilot, adviser
Beatrix|Vandersloot|accountant`},
	{friends, `Juniper|Papermoon|friend since school
Casimir|Tumbledown|neighbour at number 14
Marisol|Zapatilla|friend, Lisbon
Femke|Boterbloem|friend, plays the cello
Oskar|Sternschnupp|friend from Leipzig
Mei|Lanternfield|friend, potter
Étienne|Brindelune|friend, baker
Halvard|Snøfnugg|friend in Bergen
Siobhán|Rainbarrel|friend, midwife
Dov|Hazelwink|friend, chess
Min-jun|Pearlbridge|friend from Korean class
Xiaoyu|Cloudkettle|friend, Chengdu and Utrecht
Pilar|Montesuave|friend, photographer
Rafał|Szeptucha|friend, bicycle maker`},
	{choir, `Dorothea|Bellwether|conductor
Gijs|Kwartnoot|bass
Annika|Silberklang|alto
Leopold|Hummingway|tenor
Clémence|Voixdoux|soprano
Tamsin|Overtone|soprano
Marten|Pauzeteken|bass, treasurer`},
	{garden, `Koos|Radijs|plot 12, beans
Mireille|Potiron|plot 9, pumpkins
Fatima|Olijfboom|plot 17, herbs
Hendrik|Kruiwagen|chair of the allotments
Birgit|Löwenzahn|plot 3, bees
Sunniva|Peascod|plot 21`},
	{services, `Dr. Willemijn|Molar|dentist
Dr. Farid|Stethos|our doctor
Ernst|Loodrecht|plumber
Agnieszka|Zegarek|piano teacher
Juf Marloes|Krijtje|Ida's teacher
Meester Daan|Puntenslijper|Teun's teacher
Rolf|Keukenstein|kitchen builder
Odile|Papetier|stationery shop
Piet|Fietsbel|bicycle repair
Vera|Notarisse|notary`},
}

var kinships = map[string]string{
	"Bram": "spouse", "Ida": "children", "Teun": "children", "Greta": "parent", "Anselm": "parent", "Jonas": "sibling",
}

func (l *life) addPersons() {
	for _, c := range cast {
		for line := range strings.Lines(c.lines) {
			f := strings.Split(strings.TrimSpace(line), "|")
			p := person{given: f[0], family: f[1], circle: c.circle, job: f[2]}
			if l.me.id == "" {
				l.me = l.addPerson(p)
				continue
			}
			l.persons = append(l.persons, l.addPerson(p, l.ties(p)...))
		}
	}
}

// ties links a new person with the ones there already.
func (l *life) ties(p person) []link {
	name, ok := kinships[p.given]
	if !ok {
		name = "knows"
	}
	links := []link{{name, l.me.id}}
	known := l.of(p.circle)
	for _, other := range some(l, 2, known) {
		links = append(links, link{"knows", other.id})
	}
	return links
}

func (l *life) addPerson(p person, links ...link) person {
	domain := "example.org"
	if p.circle == work || p.circle == services || p.family == "Quillfeather" && l.me.id == "" {
		domain = "example.com"
	}
	local := plain.Replace(strings.ToLower(p.given + "." + p.family))
	p.email = local + "@" + domain
	when := l.daysAgo(l.between(500, 700))
	attrs := props{
		"givenName": p.given, "familyName": p.family, "description": p.job, "email": list(p.email),
		"telephone": list(fmt.Sprintf("+44 7700 900%03d", l.rng.IntN(1000))), "keywords": list(string(p.circle)),
	}
	if p.circle == work {
		attrs["worksFor"], attrs["jobTitle"] = "Tideline Maps", p.job
	}
	if p.circle == family || l.chance(30) {
		attrs["birthDate"] = fmt.Sprintf("%d-%02d-%02d", l.between(1948, 2001), l.between(1, 12), l.between(1, 28))
	}
	p.ref = l.emit("Person", p.given+" "+p.family, when, attrs, nil, links...)
	return p
}

// plain makes the part of an address before the @ of a name.
var plain = strings.NewReplacer(" ", "-", "'", "", "dr.-", "", "dr. ", "",
	"å", "a", "á", "a", "č", "c", "é", "e", "ł", "l", "ø", "o", "ö", "o", "š", "s")

// of returns the persons of a circle.
func (l *life) of(c circle) []person {
	var out []person
	for _, p := range l.persons {
		if p.circle == c {
			out = append(out, p)
		}
	}
	return out
}

// mentioned returns links to the persons and places whose names stand in text.
func (l *life) mentioned(text string) []link {
	var links []link
	add := func(id locket.ItemID) { links = append(links, link{"mentions", id}) }
	for _, p := range l.persons {
		if strings.Contains(text, p.given) {
			add(p.id)
		}
	}
	for _, p := range l.places {
		if strings.Contains(text, p.name) {
			add(p.id)
		}
	}
	return links
}
