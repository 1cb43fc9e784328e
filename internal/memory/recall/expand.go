package recall

import (
	"cmp"
	"math"
	"slices"
)

// expand adds the words that the best memories have in common: what the owner of the
// pod calls the thing that was asked for.
func (p *pool) expand() bool {
	best := p.memories[:min(p.ExpandDocs, len(p.memories))]
	all, total := 0.0, 0.0
	for _, t := range p.terms {
		if t.weight == 1 && t.stem != meaningStem {
			all++
		}
	}
	in := p.frequencies(best)
	gain := make(map[string]float64)
	for _, m := range best {
		total += m.score
		for s := range in.of[m] {
			gain[s] += m.score * p.idf(in.count[s])
		}
	}
	type gained struct {
		stem string
		gain float64
	}
	var list []gained
	for s, g := range gain {
		list = append(list, gained{s, g})
	}
	slices.SortFunc(list, func(a, b gained) int { return cmp.Or(cmp.Compare(b.gain, a.gain), cmp.Compare(a.stem, b.stem)) })
	list = list[:min(p.ExpandTerms, len(list))]
	sum := 0.0
	for _, g := range list {
		sum += g.gain
	}
	if sum == 0 || total == 0 {
		return false
	}
	for _, g := range list {
		p.terms = append(p.terms, term{raw: g.stem, stem: g.stem, words: []string{in.raw[g.stem]}, weight: p.Expand * all * g.gain / sum, idf: p.idf(in.count[g.stem])})
	}
	return true
}

type frequencies struct {
	of    map[*memory]map[string]bool
	raw   map[string]string
	count map[string]int // scaled to all that may be seen
}

// frequencies are the new words of some memories, and how frequent these are in the pool.
func (p *pool) frequencies(best []*memory) frequencies {
	f := frequencies{of: make(map[*memory]map[string]bool), raw: make(map[string]string), count: make(map[string]int)}
	old := make(map[string]bool)
	for _, t := range p.terms {
		old[t.stem] = true
	}
	for _, m := range best {
		f.of[m] = make(map[string]bool)
		for _, t := range m.best.tokens {
			if len(t.raw) < 3 || stopWords[t.raw] {
				continue
			}
			s := stem(t.raw)
			if old[s] || p.senders[s] {
				continue
			}
			f.of[m][s] = true
			f.raw[s] = t.raw
			f.count[s] = 0
		}
	}
	starts := make(map[string]bool)
	for s := range f.raw {
		starts[start(s)] = true
	}
	for _, m := range p.memories {
		seen := make(map[string]bool)
		for _, u := range m.units {
			for _, t := range u.tokens {
				if !starts[start(t.raw)] {
					continue
				}
				s, ok := p.stems[t.raw]
				if !ok {
					s = stem(t.raw)
					p.stems[t.raw] = s
				}
				if _, ok := f.count[s]; ok && !seen[s] {
					seen[s] = true
					f.count[s]++
				}
			}
		}
	}
	scale := float64(p.total) / float64(max(len(p.memories), 1))
	for s, n := range f.count {
		f.count[s] = int(math.Ceil(float64(n) * scale))
	}
	return f
}
