package recall

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/locketpod/locket"
)

// fields says by type which properties are read for what.
type fields map[string]*fieldsOfType

type fieldsOfType struct {
	title, body, sender []string
	time                string
}

func fieldsOf(types []locket.Type) fields {
	f := make(fields, len(types))
	for _, t := range types {
		of := &fieldsOfType{time: t.TimeProperty}
		for _, p := range t.Properties {
			switch {
			case p.Role == locket.RoleTitle, p.Name == "keywords":
				of.title = append(of.title, p.Name)
			case p.Role == locket.RoleBody && p.Name != "url":
				of.body = append(of.body, p.Name)
			case p.Role == locket.RoleSender:
				of.sender = append(of.sender, p.Name)
			}
		}
		f[t.Name] = of
	}
	return f
}

// A memory is an item on its way to becoming a hit.
type memory struct {
	found
	units  []*unit
	sure   bool    // the source has tested it; others only stand beside a hit
	near   float64 // by vector: 1 for the nearest, 0 for what is not among the near
	time   time.Time
	title  string
	from   []string        // the properties that say who said it
	sender map[string]bool // stems of these
	best   *unit
	score  float64
}

// A unit is what is scored by itself: a short text, or a passage of a long one. Units
// of a thread, or of a long text, stand beside each other.
type unit struct {
	of     *memory
	tokens []token
	length float64 // words that carry meaning
	asks   bool    // it ends with a question
	series string  // of which it is a part
	place  int64   // there
	counts []float64
	spans  []span
	read   bool // spans are
	why    reasons
	score  float64
}

// Long texts are cut where a line or a sentence ends.
const (
	longText    = 120 // words, from which on a text is cut
	passageMost = 60  // words of a passage, about
)

func (f fields) memory(it locket.Item) *memory {
	m := &memory{found: found{item: it}, time: it.Created, sender: make(map[string]bool)}
	of := f[it.Type]
	if of == nil {
		of = &fieldsOfType{}
	}
	if t, ok := it.Props[of.time].(time.Time); ok {
		m.time = t
	}
	m.from = of.sender
	m.title = strings.Join(texts(it, of.title), "\n")
	for _, t := range tokens(strings.Join(texts(it, of.sender), " ")) {
		m.sender[stem(t.raw)] = true
	}
	body := strings.Join(texts(it, of.body), "\n")
	title := tokens(m.title)
	passages := cut(body)
	for i, p := range passages {
		u := &unit{of: m, asks: strings.HasSuffix(strings.TrimSpace(p.text), "?"), series: it.Text("thread"), length: p.length}
		u.tokens = append(p.tokens, title...) // of a title each passage has the words
		u.place, _ = it.Props["position"].(int64)
		if len(passages) > 1 || u.series == "" {
			u.series, u.place = "\x00"+string(it.ID), int64(i)
		}
		m.units = append(m.units, u)
	}
	return m
}

func texts(it locket.Item, names []string) []string {
	var list []string
	for _, n := range names {
		switch v := it.Props[n].(type) {
		case string:
			list = append(list, v)
		case []any:
			for _, x := range v {
				if s, ok := x.(string); ok {
					list = append(list, s)
				}
			}
		}
	}
	return list
}

type passage struct {
	text   string
	tokens []token
	length float64
}

// cut makes passages of a text: one, if it isn't long.
func cut(text string) []passage {
	all := tokens(text)
	if len(all) <= longText {
		return []passage{{text, all, meaning(all)}}
	}
	var list []passage
	for line := range strings.Lines(text) {
		for line != "" {
			var part string
			part, line = sentences(line, passageMost*6)
			t := tokens(part)
			if n := len(list); n > 0 && len(t) < 4 { // too little to stand alone
				list[n-1].tokens = append(list[n-1].tokens, t...)
				continue
			}
			list = append(list, passage{part, t, meaning(t)})
		}
	}
	return list
}

// sentences cuts off about so many bytes from a line, at the end of a sentence where
// there is one.
func sentences(line string, most int) (string, string) {
	if len(line) <= 2*most {
		return line, ""
	}
	end := most
	if i := strings.IndexAny(line[most:2*most], ".!?"); i >= 0 {
		end = most + i + 1
	}
	for end < len(line) && !utf8.RuneStart(line[end]) {
		end++
	}
	return line[:end], line[end:]
}

// meaning counts the words that are no stop words.
func meaning(list []token) float64 {
	n := 0.0
	for _, t := range list {
		if !stopWords[t.raw] {
			n++
		}
	}
	return n
}

// times are the stretches that a unit speaks of.
func (u *unit) times() []span {
	if !u.read {
		u.spans, u.read = spansOf(u.tokens, u.of.time), true
	}
	return u.spans
}

// timely reports whether a unit speaks of a time, or of how long something takes.
func (u *unit) timely() bool {
	return len(u.times()) > 0 || slices.ContainsFunc(u.tokens, func(t token) bool { return timeUnits[t.raw] })
}

var timeUnits = set("hour hours day days week weeks month months year years")
