package recall

import "time"

// A question is a query text, understood.
type question struct {
	terms []term // what is looked for, in the order of the text
	spans []span // the times it speaks of
	timed bool   // it asks for a time
}

// A term is a word that is looked for.
type term struct {
	raw, stem string
	words     []string // what to ask an index for: the word, and its forms that have another stem
	weight    float64  // 1 for a word of the question
	idf       float64  // how rare it is among what may be seen
	count     int      // in how many items it is, at most countMost
	name      bool     // it is somebody who says things
}

// Bounds on what is looked for.
const (
	maxTerms = 32
	maxAlike = 16
	// alikeWeight is what a word of about the same meaning counts.
	alikeWeight = 0.4
)

// understand reads a question. It never fails: what it doesn't understand are words
// to look for.
func understand(text string, now time.Time) question {
	list := tokens(text)
	q := question{spans: spansOf(list, now), timed: asksTime(list)}
	said := make([]bool, len(list)) // as a time
	for i, s := range q.spans {
		q.spans[i] = s.open(list)
		for j := s.words[0]; j < s.words[1]; j++ {
			said[j] = true
		}
	}
	seen := make(map[string]bool)
	for i, t := range list {
		if i > 0 && list[i-1].raw == "how" && measures[t.raw] {
			continue
		}
		if s := stem(t.raw); !said[i] && !stopWords[t.raw] && !seen[s] && len(q.terms) < maxTerms {
			seen[s] = true
			q.terms = append(q.terms, term{raw: t.raw, stem: s, words: formsOf(t.raw), weight: 1})
		}
	}
	for _, t := range q.terms {
		for _, w := range alike[t.stem] {
			if s := stem(w); !seen[s] && len(q.terms) < maxTerms+maxAlike {
				seen[s] = true
				q.terms = append(q.terms, term{raw: w, stem: s, words: formsOf(w), weight: alikeWeight})
			}
		}
	}
	return q
}

// measures ask for something behind "how" and are not looked for there.
var measures = set("long often many much far old")

// asksTime reports questions that a time answers.
func asksTime(list []token) bool {
	for i, t := range list {
		next := ""
		if i+1 < len(list) {
			next = list[i+1].raw
		}
		switch t.raw {
		case "when":
			return true
		case "how":
			if next == "long" || next == "often" {
				return true
			}
		case "what", "which":
			switch next {
			case "year", "month", "day", "date", "time":
				return true
			}
		}
	}
	return false
}

// open makes "before May" and "since May" what they mean.
func (s span) open(list []token) span {
	before := ""
	for i := s.words[0] - 1; i >= 0 && (before == "" || before == "the"); i-- {
		before = list[i].raw
	}
	switch before {
	case "before", "until", "till":
		return span{To: s.From, Yearly: s.Yearly, words: s.words}
	case "after", "since":
		if before == "since" {
			s.To = s.From
		}
		return span{From: s.To, To: s.To.AddDate(1000, 0, 0), Yearly: s.Yearly, words: s.words}
	}
	return s
}
