package demo

import "fmt"

// A place is a real one, as everybody may know it.
type place struct {
	ref
	address  string
	lat, lon float64
	about    string
	trip     bool // visited on the journey to Portugal
}

var gazetteer = []place{
	{ref: ref{name: "Domtoren"}, address: "Domplein, Utrecht", lat: 52.0907, lon: 5.1213, about: "The tower, and where we meet visitors."},
	{ref: ref{name: "Wilhelminapark"}, address: "Utrecht", lat: 52.0854, lon: 5.1417, about: "Playground, herons, the good ice cream cart."},
	{ref: ref{name: "Griftpark"}, address: "Utrecht", lat: 52.1010, lon: 5.1290, about: "Goats for Teun, skating for Ida."},
	{ref: ref{name: "De Bilt"}, address: "De Bilt", lat: 52.1090, lon: 5.1810, about: "Weather station, and my parents' house."},
	{ref: ref{name: "Kromme Rijn"}, address: "Bunnik", lat: 52.0667, lon: 5.1972, about: "Kingfishers between the second and the third bridge."},
	{ref: ref{name: "Oudegracht"}, address: "Utrecht", lat: 52.0885, lon: 5.1206, about: "Bram's workshop is in a wharf cellar here."},
	{ref: ref{name: "Nicolaïkerk"}, address: "Nicolaaskerkhof, Utrecht", lat: 52.0845, lon: 5.1245, about: "Choir rehearsals and the autumn concert."},
	{ref: ref{name: "Amelisweerd"}, address: "Bunnik", lat: 52.0668, lon: 5.1715, about: "Woods, pancakes, first storks of the year."},
	{ref: ref{name: "Rotterdam Centraal"}, address: "Rotterdam", lat: 51.9245, lon: 4.4697, about: "Change here for the office on Thursdays."},
	{ref: ref{name: "Maasvlakte"}, address: "Rotterdam", lat: 51.9496, lon: 4.0145, about: "Survey site of the harbour atlas."},
	{ref: ref{name: "Zierikzee"}, address: "Schouwen-Duiveland", lat: 51.6502, lon: 3.9161, about: "Tante Roos, mussels, the old harbour."},
	{ref: ref{name: "Texel"}, address: "Den Burg", lat: 53.0547, lon: 4.7973, about: "Spoonbills in May."},
	{ref: ref{name: "Vlieland"}, address: "Oost-Vlieland", lat: 53.2967, lon: 5.0728, about: "Tent, wind, no cars."},
	{ref: ref{name: "Lauwersmeer"}, address: "Groningen", lat: 53.3610, lon: 6.2010, about: "White-tailed eagle, with luck."},
	{ref: ref{name: "Göteborg"}, address: "Sweden", lat: 57.7089, lon: 11.9746, about: "Jonas and Apolline."},
	{ref: ref{name: "Bergen"}, address: "Norway", lat: 60.3913, lon: 5.3221, about: "Halvard's sauna boat."},
	{ref: ref{name: "Leipzig"}, address: "Germany", lat: 51.3397, lon: 12.3731, about: "Oskar, Bach, Thomaskirche."},
	{ref: ref{name: "Gent"}, address: "Belgium", lat: 51.0543, lon: 3.7174, about: "The old port maps in the university library."},
	{ref: ref{name: "Brugge"}, address: "Belgium", lat: 51.2093, lon: 3.2247, about: "Day trip with my mother."},
	{ref: ref{name: "Köln"}, address: "Germany", lat: 50.9375, lon: 6.9603, about: "Night train leaves from platform 4."},
	{ref: ref{name: "Antwerpen"}, address: "Belgium", lat: 51.2194, lon: 4.4025, about: "Plantin-Moretus, the first atlases."},
	{ref: ref{name: "Lisboa"}, address: "Portugal", lat: 38.7223, lon: -9.1393, about: "Ten days in October.", trip: true},
	{ref: ref{name: "Alfama"}, address: "Lisboa", lat: 38.7139, lon: -9.1260, about: "Marisol's flat, three floors up, lemon tree.", trip: true},
	{ref: ref{name: "Miradouro da Graça"}, address: "Lisboa", lat: 38.7166, lon: -9.1310, about: "Sunset, ginjinha, everybody with a guitar.", trip: true},
	{ref: ref{name: "Belém"}, address: "Lisboa", lat: 38.6970, lon: -9.2060, about: "Pastéis, cloister, tide gauge by the tower.", trip: true},
	{ref: ref{name: "Sintra"}, address: "Portugal", lat: 38.8029, lon: -9.3817, about: "Fog in the fern valley.", trip: true},
	{ref: ref{name: "Cabo da Roca"}, address: "Portugal", lat: 38.7804, lon: -9.4989, about: "The end of the land.", trip: true},
	{ref: ref{name: "Évora"}, address: "Alentejo, Portugal", lat: 38.5714, lon: -7.9135, about: "Cork oaks all the way there.", trip: true},
	{ref: ref{name: "Comporta"}, address: "Portugal", lat: 38.3807, lon: -8.7852, about: "Rice fields and storks on every pole.", trip: true},
	{ref: ref{name: "Setúbal"}, address: "Portugal", lat: 38.5244, lon: -8.8882, about: "Ferry, dolphins (two).", trip: true},
	{ref: ref{name: "Cacilhas"}, address: "Almada, Portugal", lat: 38.6867, lon: -9.1480, about: "The ferry back at night.", trip: true},
}

func (l *life) addPlaces() {
	for _, p := range gazetteer {
		p.ref = l.emit("Place", p.name, l.daysAgo(l.between(480, 720)), props{
			"address": p.address, "description": p.about, "latitude": p.lat, "longitude": p.lon,
			"url": fmt.Sprintf("https://maps.example.org/15/%.4f/%.4f", p.lat, p.lon),
		}, nil)
		l.places = append(l.places, p)
	}
}

// onTrip returns the places of the journey, or the others.
func (l *life) onTrip(trip bool) []place {
	var out []place
	for _, p := range l.places {
		if p.trip == trip {
			out = append(out, p)
		}
	}
	return out
}
