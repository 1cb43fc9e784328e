package recall

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// weights are what speaks for a memory, measured once against another. They are round:
// results change little from one value to the next.
type weights struct {
	K1, B                   float64 // of BM25: how soon a word repeated counts no more; how much length matters
	Near, Far               float64 // what a word in the next unit, and the one after that, counts
	Reply                   float64 // what it counts more where the unit before is a question
	Thread                  float64 // what the whole thread's words count
	Said                    float64 // that it is said by who is asked about
	About                   float64 // that it names who is asked about
	Pair                    float64 // words that stand together in both
	Time                    float64 // that it is of, or speaks of, the time asked about
	Timely                  float64 // that it speaks of a time, where one is asked for
	Asks                    float64 // that it is a question itself: less
	Meaning                 float64 // the nearest vector, in the rarity of a word that only one memory has
	Expand                  float64 // the weight of words that the best hits have in common
	ExpandDocs, ExpandTerms int
}

var usual = weights{
	K1: 1, B: 0.3, Near: 0.3, Far: 0.2, Reply: 1.5, Thread: 0.3, Said: 0.5, About: 0.1, Pair: 0.5, Time: 0.7, Timely: 0.2, Asks: 0.2, Meaning: 0.7,
	Expand: 0.2, ExpandDocs: 5, ExpandTerms: 10,
}

// reasons are what spoke for a unit.
type reasons struct {
	words  []int // of the question's terms
	by     bool
	time   bool
	beside bool // words of the units beside it
}

// A pool is what was found for a question, and is scored together.
type pool struct {
	weights
	question
	memories []*memory
	byItem   map[locket.ItemID]*memory
	series   map[string][]*unit // in order
	now      time.Time
	total    int               // items that may be seen
	length   float64           // of a unit, on average
	stems    map[string]string // of the words that begin like a term
	starts   map[string]bool   // of the terms: see start
	senders  map[string]bool
}

// score scores all memories and sorts them, best first.
func (p *pool) score() {
	p.arrange()
	p.count()
	p.rank()
}

// arrange puts the units in order.
func (p *pool) arrange() {
	p.series, p.length, p.senders = make(map[string][]*unit), 0, make(map[string]bool)
	n := 0.0
	for _, m := range p.memories {
		for s := range m.sender {
			p.senders[s] = true
		}
		for _, u := range m.units {
			p.series[u.series] = append(p.series[u.series], u)
			p.length += u.length
			n++
		}
	}
	p.length = max(p.length/max(n, 1), 1)
	for _, list := range p.series {
		slices.SortStableFunc(list, func(a, b *unit) int { return cmp.Compare(a.place, b.place) })
	}
	for i := range p.terms {
		p.terms[i].name = p.senders[p.terms[i].stem] && p.terms[i].weight == 1
	}
}

// count finds the terms in the units.
func (p *pool) count() {
	p.starts = make(map[string]bool)
	index := make(map[string]int)
	for i, t := range p.terms {
		for _, w := range t.words {
			p.starts[start(w)] = true
		}
		index[t.stem] = i
	}
	for _, m := range p.memories {
		for _, u := range m.units {
			u.counts = make([]float64, len(p.terms))
			if i, ok := index[meaningStem]; ok {
				u.counts[i] = m.near
			}
			for _, t := range u.tokens {
				if s := p.stem(t.raw); s != "" {
					if i, ok := index[s]; ok {
						u.counts[i]++
					}
				}
			}
		}
	}
}

// settle estimates how frequent the words are that were too frequent to count: as among
// what was found by others.
func (p *pool) settle() {
	for i := range p.terms {
		t := &p.terms[i]
		if t.count < countMost {
			continue
		}
		in := 0
		for _, m := range p.memories {
			if slices.ContainsFunc(m.units, func(u *unit) bool { return u.counts[i] > 0 }) {
				in++
			}
		}
		t.idf = p.idf(max(countMost, p.total*in/max(len(p.memories), 1)))
	}
}

// start is what all words of one stem begin with: "try" is of one with "tries".
func start(w string) string {
	w = w[:min(3, len(w))]
	if rest, ok := strings.CutSuffix(w, "y"); ok {
		return rest + "i"
	}
	return w
}

// stem is the stem of a word that may be a term, "" of others.
func (p *pool) stem(raw string) string {
	if !p.starts[start(raw)] {
		return ""
	}
	s, ok := p.stems[raw]
	if !ok {
		s = stem(raw)
		p.stems[raw] = s
	}
	return s
}

// idf is how much a word tells that is in so many of the items.
func (p *pool) idf(count int) float64 {
	n, c := float64(p.total), float64(min(count, p.total))
	return math.Log(1 + (n-c+0.5)/(c+0.5))
}

// rank scores all memories and sorts them, best first.
func (p *pool) rank() {
	for _, list := range p.series {
		p.scoreSeries(list)
	}
	for _, m := range p.memories {
		m.best, m.score = nil, 0
		for _, u := range m.units {
			if m.best == nil || u.score > m.score {
				m.best, m.score = u, u.score
			}
		}
		m.score *= p.standing(m)
	}
	p.sort()
}

func (p *pool) sort() {
	slices.SortFunc(p.memories, func(a, b *memory) int {
		return cmp.Or(cmp.Compare(b.score, a.score), b.time.Compare(a.time), cmp.Compare(a.item.ID, b.item.ID))
	})
}

// meaningStem is that of the term which stands for the meaning of the question: nearness by
// vector counts like a word, so that what stands beside it and who said it do too.
const meaningStem = "\x00"

// addMeaning makes a term of nearness by vector.
func (p *pool) addMeaning() {
	p.terms = append(p.terms, term{stem: meaningStem, weight: 1, idf: p.Meaning * math.Log1p(float64(p.total))})
}

// standing is what speaks for a memory whatever is asked: gently, so that it decides only
// between equals.
func (p *pool) standing(m *memory) float64 {
	importance, _ := m.item.Props["importance"].(float64)
	use := math.Min(math.Log1p(float64(m.uses))/200, 0.02)
	return 1 + 0.2*math.Min(math.Max(importance, 0), 1) + use + 0.02*freshness(p.now.Sub(m.time))
}

// freshness is 1 for what is of today, and half as much with every 90 days of age. Whole
// days count, so that the same question has the same answer a moment later.
func freshness(age time.Duration) float64 {
	return math.Exp2(-math.Floor(max(age, 0).Hours()/24) / 90)
}

func (p *pool) scoreSeries(list []*unit) {
	thread := 0.0
	for i, t := range p.terms {
		n := 0.0
		for _, u := range list {
			n += math.Min(u.counts[i], 1)
		}
		if !t.name {
			thread += t.weight * t.idf * n / (n + 1)
		}
	}
	for i, u := range list {
		u.why = reasons{}
		s := p.words(list, i) + p.Thread*thread + p.pairs(u)
		s *= 1 + p.named(u)
		if p.timed && u.timely() {
			s *= 1 + p.Timely
		}
		if len(p.spans) > 0 && p.inTime(u) {
			u.why.time = true
			s += p.Time * math.Log1p(float64(p.total))
		}
		if u.asks {
			s *= 1 - p.Asks
		}
		u.score = s
	}
}

// words is BM25 over a unit in which the units beside it count a little: an answer need
// not repeat the words of its question.
func (p *pool) words(list []*unit, at int) float64 {
	u := list[at]
	k := p.K1 * (1 - p.B + p.B*u.length/p.length)
	s := 0.0
	for i, t := range p.terms {
		if t.name {
			continue
		}
		n := u.counts[i]
		if n > 0 && t.weight == 1 && t.stem != meaningStem {
			u.why.words = append(u.why.words, i)
		}
		for j := max(0, at-2); j <= min(len(list)-1, at+2); j++ {
			o := list[j]
			if o == u || o.counts[i] == 0 {
				continue
			}
			share := math.Min(o.counts[i], 1)
			switch o.place - u.place {
			case -1:
				n += p.Near * share
				if o.asks {
					n += p.Near * p.Reply * share
				}
			case 1:
				n += p.Near * share
			case -2, 2:
				n += p.Far * share
			default:
				continue
			}
			u.why.beside = true
		}
		s += t.weight * t.idf * n * (p.K1 + 1) / (n + k)
	}
	return s
}

// pairs is for words that stand next to each other in the question and near each other
// in the unit.
func (p *pool) pairs(u *unit) float64 {
	s := 0.0
	for i := 0; i+1 < len(p.terms); i++ {
		a, b := p.terms[i], p.terms[i+1]
		if u.counts[i] == 0 || u.counts[i+1] == 0 || a.name || b.name || a.weight < 1 || b.weight < 1 {
			continue
		}
		if gap := p.gap(u, a.stem, b.stem); gap <= 6 {
			s += p.Pair * min(a.idf, b.idf) / float64(gap)
		}
	}
	return s
}

// gap is how many words two terms are apart in a unit.
func (p *pool) gap(u *unit, a, b string) int {
	const far = 1000
	lastA, lastB, gap := -far, -far, far
	for i, t := range u.tokens {
		switch p.stem(t.raw) {
		case "":
		case a:
			lastA = i
			gap = min(gap, i-lastB)
		case b:
			lastB = i
			gap = min(gap, i-lastA)
		}
	}
	return gap
}

// named is for who says it and who it names.
func (p *pool) named(u *unit) float64 {
	s, names := 0.0, 0.0
	for i, t := range p.terms {
		if !t.name {
			continue
		}
		names++
		if u.of.sender[t.stem] {
			u.why.by = true
			s += p.Said
		} else if u.counts[i] > 0 {
			s += p.About
		}
	}
	return s / max(names, 1)
}

// inTime reports whether a unit is of a time that was asked about, or speaks of it.
func (p *pool) inTime(u *unit) bool {
	own := span{From: u.of.time, To: u.of.time.Add(time.Microsecond)}
	for _, s := range p.spans {
		if s.overlaps(own) || slices.ContainsFunc(u.times(), s.overlaps) {
			return true
		}
	}
	return false
}
