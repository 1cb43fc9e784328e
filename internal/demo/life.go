package demo

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// A ref is an item that later ones may link to.
type ref struct {
	id   locket.ItemID
	name string
	when time.Time
}

// A life is one run of the generator: the source of chance, and what it made so
// far.
type life struct {
	rng     *rand.Rand
	today   time.Time
	yield   func(Entry) bool
	stopped bool // yield said no

	places  []place
	me      person
	persons []person // without me
	events  []ref
	photos  []ref
	files   []ref
	threads []ref
	notes   []ref
}

// props are the properties of an item to be.
type props = map[string]any

// emit hands out one item that came to be at when. Each link is an edge from the
// new item.
func (l *life) emit(typ, name string, when time.Time, p props, content []byte, links ...link) ref {
	p["name"] = name
	r := ref{id: l.id(when), name: name, when: when}
	e := Entry{Item: store.Draft{ID: r.id, Type: typ, Props: p}, Content: content}
	for _, k := range links {
		e.Links = append(e.Links, locket.Edge{Source: r.id, Name: k.name, Target: k.to})
	}
	if !l.stopped {
		l.stopped = !l.yield(e)
	}
	return r
}

type link struct {
	name string
	to   locket.ItemID
}

func (l *life) id(when time.Time) locket.ItemID {
	var r [10]byte
	binary.BigEndian.PutUint64(r[:], l.rng.Uint64())
	binary.BigEndian.PutUint16(r[8:], uint16(l.rng.Uint32()))
	return locket.ItemIDFrom(when, r)
}

// pick returns one of the choices.
func pick[T any](l *life, choices []T) T { return choices[l.rng.IntN(len(choices))] }

// some returns n different choices, or all if there are fewer.
func some[T any](l *life, n int, choices []T) []T {
	var out []T
	for _, i := range l.rng.Perm(len(choices))[:min(n, len(choices))] {
		out = append(out, choices[i])
	}
	return out
}

// chance is true in percent of 100 cases.
func (l *life) chance(percent int) bool { return l.rng.IntN(100) < percent }

// between returns a number from low to high, both included.
func (l *life) between(low, high int) int { return low + l.rng.IntN(high-low+1) }

// daysAgo returns a waking hour of the day n days before today.
func (l *life) daysAgo(n int) time.Time {
	return l.today.AddDate(0, 0, -n).Add(time.Duration(l.between(7*60, 22*60)) * time.Minute)
}

// fill replaces each $word of a template by something that fits.
func (l *life) fill(template string) string {
	return os.Expand(template, func(word string) string {
		switch word {
		case "person":
			return pick(l, l.persons).given
		case "place":
			return pick(l, l.places).name
		case "n":
			return fmt.Sprint(l.between(2, 48))
		case "euro":
			return fmt.Sprintf("%d,%02d €", l.between(4, 260), l.between(0, 99))
		case "hour":
			return fmt.Sprintf("%02d:%02d", l.between(8, 20), 15*l.between(0, 3))
		}
		return pick(l, words[word])
	})
}

// sentences fills n different templates and joins them.
func (l *life) sentences(n int, templates []string) string {
	chosen := some(l, n, templates)
	for i, t := range chosen {
		chosen[i] = l.fill(t)
	}
	return strings.Join(chosen, " ")
}

// list turns strings into the value of a property with many values.
func list(values ...string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
