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
	countMost   = 500 // a word in more items than that is a frequent one
	reach       = 500 // items that may be found by rare words, by the counts
	poolMost    = 250 // items that are loaded for words
	pairsMost   = 100 // and for frequent words that occur together
	nearMost    = 50  // and by vector
	threadsMost = 16  // stretches of threads that are loaded beside hits
	besideMost  = 24  // hits beside which is looked
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
		weights: usual, question: understand(q.Text, now), byItem: make(map[locket.ItemID]*memory), stems: make(map[string]string),
	}}
}

// gather finds what may answer and loads it.
func (r *run) gather(ctx context.Context) error {
	if err := r.weigh(ctx); err != nil {
		return err
	}
	rare, frequent := r.split()
	if len(rare) > 0 {
		if err := r.load(ctx, rare, nil, poolMost); err != nil {
			return err
		}
	}
	if len(frequent) > 0 {
		most := pairsMost
		var and []string
		if len(rare) == 0 {
			most = poolMost
		}
		if len(frequent) > 1 {
			frequent, and = frequent[:1], frequent[1:]
			for i := range and[:len(and)-1] { // each with any that is more frequent
				if err := r.load(ctx, and[i:i+1], and[i+1:], most/2); err != nil {
					return err
				}
			}
		}
		if err := r.load(ctx, frequent, and, most); err != nil {
			return err
		}
	}
	return nil
}

// weigh finds out how frequent the terms are.
func (r *run) weigh(ctx context.Context) error {
	p := &r.pool
	words := make([]string, len(p.terms))
	for i, t := range p.terms {
		words[i] = t.words[0]
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
// and the others, the rarest first.
func (r *run) split() (rare, frequent []string) {
	terms := slices.Clone(r.pool.terms)
	slices.SortStableFunc(terms, func(a, b term) int { return cmp.Compare(a.count, b.count) })
	sum := 0
	for _, t := range terms {
		if t.count == 0 {
			continue
		}
		if sum += t.count; sum <= reach {
			rare = append(rare, t.words...)
		} else {
			frequent = append(frequent, t.words[0])
		}
	}
	return rare, frequent
}

func (r *run) load(ctx context.Context, any, and []string, limit int) error {
	list, err := r.source.matching(ctx, any, and, limit)
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
	m.hit = m.hit || sure || r.query.admits(r.fields, f.item, r.now)
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
