package recall

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// How much is looked at for one question.
const (
	countMost   = 300 // words in more items than that are not counted but estimated
	reach       = 150 // items that may be found by rare words, by the counts
	poolMost    = 150 // items that are loaded for words
	enough      = 100 // with so many found by rare words no others are looked for
	latestMost  = 20  // of a time that is asked about, whatever they say
	pairsMost   = 40  // and for frequent words that occur together
	nearMost    = 100 // and by vector
	threadsMost = 8   // stretches of threads that are loaded beside hits
	besideMost  = 12  // hits beside which is looked
	beside      = 2   // units before and after them
)

// A run is one question on its way to its answer.
type run struct {
	source source
	fields fields
	query  Query
	now    time.Time
	pool   pool
}

func newRun(s source, f fields, q Query, now time.Time) *run {
	return &run{source: s, fields: f, query: q, now: now, pool: pool{
		weights: usual, now: now, question: understand(q.Text, now), byItem: make(map[locket.ItemID]*memory), stems: make(map[string]string),
	}}
}

// gather finds what may answer and loads it. Frequent words drive nothing: they are looked
// for only together, and those of most memories only if there is no other.
func (r *run) gather(ctx context.Context) error {
	if err := r.weigh(ctx); err != nil {
		return err
	}
	rare, frequent, common := r.split()
	if err := r.load(ctx, rare, period{}, poolMost); err != nil {
		return err
	}
	if len(r.pool.memories) < enough {
		if err := r.load(ctx, pairsOf(frequent), period{}, pairsMost); err != nil {
			return err
		}
	}
	for _, s := range r.pool.spans {
		if s.Yearly {
			continue
		}
		if err := r.gatherTold(ctx, s, slices.Concat(rare, singles(frequent), singles(common))); err != nil {
			return err
		}
	}
	if len(r.pool.memories) > 0 || len(frequent)+len(common) == 0 {
		return nil
	}
	all := slices.Concat(frequent, common)
	if err := r.load(ctx, [][]string{all}, period{}, pairsMost); err != nil || len(r.pool.memories) > 0 {
		return err
	}
	return r.load(ctx, singles(all[:1]), period{}, pairsMost)
}

// gatherTold loads what tells of a time: what happened is told then, or soon after. Where
// nothing has the words, it is what there is of that time.
func (r *run) gatherTold(ctx context.Context, s span, words [][]string) error {
	before := len(r.pool.memories)
	if err := r.load(ctx, words, period{s.From, s.To.AddDate(0, 1, 0)}, pairsMost); err != nil || len(r.pool.memories) > before {
		return err
	}
	list, err := r.source.latest(ctx, period{s.From, s.To}, latestMost)
	for _, f := range list {
		r.add(f, true)
	}
	return err
}

// pairsOf are any two of the rarest words.
func pairsOf(words []string) (pairs [][]string) {
	words = words[:min(len(words), 6)]
	for i, a := range words {
		for _, b := range words[i+1:] {
			pairs = append(pairs, []string{a, b})
		}
	}
	return pairs
}

func singles(words []string) (list [][]string) {
	for _, w := range words {
		list = append(list, []string{w})
	}
	return list
}

// weigh finds out how frequent the terms are.
func (r *run) weigh(ctx context.Context) error {
	p := &r.pool
	words := make([][]string, len(p.terms))
	for i, t := range p.terms {
		words[i] = t.words
	}
	counts, total, err := r.source.counts(ctx, words, countMost)
	if err != nil {
		return err
	}
	p.total = total
	for i := range p.terms {
		p.terms[i].count = counts[i]
		p.terms[i].idf = p.idf(counts[i])
	}
	return nil
}

// split parts the words to look for: rare ones, all of whose items can be looked at,
// frequent ones, the rarest first, and those that are too frequent to count.
func (r *run) split() (rare [][]string, frequent, common []string) {
	terms := slices.Clone(r.pool.terms)
	slices.SortStableFunc(terms, func(a, b term) int { return cmp.Compare(a.count, b.count) })
	sum := 0
	for _, t := range terms {
		switch sum += t.count; {
		case t.count == 0:
		case sum <= reach:
			rare = append(rare, singles(t.words)...)
		case t.count < countMost:
			frequent = append(frequent, t.words[0])
		default:
			common = append(common, t.words[0])
		}
	}
	return rare, frequent, common
}

func (r *run) load(ctx context.Context, words [][]string, in period, limit int) error {
	if len(words) == 0 {
		return nil
	}
	list, err := r.source.matching(ctx, words, in, limit)
	if err != nil {
		return err
	}
	for _, f := range list {
		r.add(f, true)
	}
	return nil
}

// add takes an item into the pool, once. Sure ones have been tested by the source; the
// others must still be.
func (r *run) add(f found, sure bool) *memory {
	p := &r.pool
	m, ok := p.byItem[f.item.ID]
	if !ok {
		m = r.fields.memory(f.item)
		m.found = f
		p.byItem[f.item.ID] = m
		p.memories = append(p.memories, m)
	}
	m.sure = m.sure || sure
	return m
}

// loadBeside loads what stands beside the best memories in their threads.
func (r *run) loadBeside(ctx context.Context) error {
	type stretch struct {
		thread   string
		from, to int64
	}
	var list []stretch
	for _, m := range r.pool.memories[:min(besideMost, len(r.pool.memories))] {
		at, ok := m.item.Props["position"].(int64)
		thread := m.item.Text("thread")
		if !ok || thread == "" {
			continue
		}
		list = append(list, stretch{thread, at - beside, at + beside})
	}
	order := make(map[string]int)
	for i, s := range list {
		if _, ok := order[s.thread]; !ok {
			order[s.thread] = i
		}
	}
	slices.SortFunc(list, func(a, b stretch) int {
		return cmp.Or(cmp.Compare(order[a.thread], order[b.thread]), cmp.Compare(a.from, b.from))
	})
	var joined []stretch
	for _, s := range list {
		if n := len(joined); n > 0 && joined[n-1].thread == s.thread && s.from <= joined[n-1].to+beside {
			joined[n-1].to = max(joined[n-1].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	for _, s := range joined[:min(threadsMost, len(joined))] {
		items, err := r.source.around(ctx, s.thread, s.from-1, 0, int(s.to-s.from)+1)
		if err != nil {
			return err
		}
		for _, it := range items {
			r.add(found{item: it}, false)
		}
	}
	return nil
}
