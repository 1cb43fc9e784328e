package recall

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// bytesPerToken is about what models make of English: a budget is a rough thing.
const bytesPerToken = 4

// sameWords is the share of words from which on two texts say the same.
const sameWords = 0.9

// choose takes the best that differ from each other and fit the budget.
func (r *run) choose(ctx context.Context) (Result, error) {
	res := Result{Hits: []Hit{}}
	if err := r.makeSure(ctx); err != nil {
		return res, err
	}
	var taken []map[string]bool
	n := 0
	for _, m := range r.pool.memories {
		if n == r.query.Limit {
			break
		}
		if !m.sure || m.score <= 0 {
			continue
		}
		words := m.words()
		if slices.ContainsFunc(taken, func(o map[string]bool) bool { return alikeWords(words, o) }) {
			continue
		}
		n++
		size := tokensOf(r.fields, m.item)
		if res.Tokens+size > r.query.Budget {
			res.Left++
			continue
		}
		res.Tokens += size
		taken = append(taken, words)
		res.Hits = append(res.Hits, Hit{Item: m.item, Score: m.score, Why: r.pool.reasons(m)})
	}
	return res, r.neighbours(ctx, &res)
}

// makeSure asks the source about those of the best that only stood beside others.
func (r *run) makeSure(ctx context.Context) error {
	var list []locket.Item
	for _, m := range r.pool.memories[:min(r.query.Limit, len(r.pool.memories))] {
		if !m.sure && r.query.admits(r.fields, m.item, r.now) {
			list = append(list, m.item)
		}
	}
	passed, err := r.source.passing(ctx, list)
	for _, it := range list {
		r.pool.byItem[it.ID].sure = passed[it.ID]
	}
	return err
}

// neighbours adds what stands beside the hits while the budget lasts.
func (r *run) neighbours(ctx context.Context, res *Result) error {
	shown := make(map[locket.ItemID]bool)
	for _, h := range res.Hits {
		shown[h.Item.ID] = true
	}
	n := r.query.Neighbours
	var all []locket.Item
	for i := range res.Hits {
		h := &res.Hits[i]
		at, ok := h.Item.Props["position"].(int64)
		thread := h.Item.Text("thread")
		if n == 0 || !ok || thread == "" {
			continue
		}
		items, err := r.source.around(ctx, thread, at, n, n)
		if err != nil {
			return err
		}
		for _, it := range items {
			if !shown[it.ID] && r.query.admits(r.fields, it, r.now) {
				shown[it.ID] = true
				h.Around = append(h.Around, it)
			}
		}
		all = append(all, h.Around...)
	}
	passed, err := r.source.passing(ctx, all)
	if err != nil {
		return err
	}
	for i := range res.Hits {
		h := &res.Hits[i]
		h.Around = slices.DeleteFunc(h.Around, func(it locket.Item) bool {
			size := tokensOf(r.fields, it)
			if !passed[it.ID] || res.Tokens+size > r.query.Budget {
				return true
			}
			res.Tokens += size
			return false
		})
	}
	return nil
}

// tokensOf is about how many tokens an item's texts are.
func tokensOf(f fields, it locket.Item) int {
	n := 0
	if of := f[it.Type]; of != nil {
		for _, names := range [][]string{of.title, of.body, of.sender} {
			for _, t := range texts(it, names) {
				n += len(t)
			}
		}
	}
	return (n + bytesPerToken - 1) / bytesPerToken
}

func (m *memory) words() map[string]bool {
	words := make(map[string]bool)
	for _, u := range m.units {
		for _, t := range u.tokens {
			words[t.raw] = true
		}
	}
	return words
}

// alikeWords reports whether two texts have nearly all words in common.
func alikeWords(a, b map[string]bool) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if float64(len(a)) < sameWords*float64(len(b)) {
		return false
	}
	both := 0
	for w := range a {
		if b[w] {
			both++
		}
	}
	return float64(both) >= sameWords*float64(len(a)+len(b)-both)
}

// reasons says for people what spoke for a memory.
func (p *pool) reasons(m *memory) []string {
	var list []string
	why := m.best.why
	if len(why.words) > 0 {
		var words []string
		for _, i := range why.words {
			words = append(words, "“"+p.terms[i].raw+"”")
		}
		list = append(list, "says "+strings.Join(words, ", "))
	}
	if why.by {
		list = append(list, "by "+strings.Join(texts(m.item, m.from), ", "))
	}
	if why.time {
		list = append(list, "in "+m.time.Format("January 2006"))
	}
	if why.beside {
		list = append(list, "next to a hit")
	}
	if m.near > 0 {
		list = append(list, "similar in meaning")
	}
	if len(list) == 0 {
		list = append(list, "in a thread about it")
	}
	return list
}

// admits reports whether an item that was loaded beside a hit may be shown for the query.
func (q *Query) admits(f fields, it locket.Item, now time.Time) bool {
	types := q.Types
	if len(types) == 0 {
		types = []string{"Memory"}
	}
	m := f.memory(it)
	in := it.Text("namespace")
	switch {
	case it.Deleted, !slices.Contains(types, it.Type):
		return false
	case q.Namespace != "" && in != q.Namespace && !strings.HasPrefix(in, strings.TrimSuffix(q.Namespace, "/")+"/"):
		return false
	case len(q.Kinds) > 0 && !slices.Contains(q.Kinds, it.Text("kind")):
		return false
	case !q.After.IsZero() && m.time.Before(q.After), !q.Before.IsZero() && !m.time.Before(q.Before):
		return false
	}
	tags := texts(it, []string{"keywords"})
	if slices.ContainsFunc(q.Tags, func(t string) bool { return !slices.Contains(tags, t) }) {
		return false
	}
	return q.All || lasting(it, now)
}

// lasting reports whether an item is valid and not expired.
func lasting(it locket.Item, now time.Time) bool {
	before := func(name string) bool {
		t, ok := it.Props[name].(time.Time)
		return ok && !t.After(now)
	}
	from, ok := it.Props["validFrom"].(time.Time)
	return !before("expires") && !before("validThrough") && !(ok && from.After(now))
}
