package recall

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/locketpod/locket"
)

// memorySource is a source over items in memory, with the same promises as a view.
type memorySource struct {
	items   []locket.Item
	words   []map[string]float64
	lengths []float64
	average float64
	vectors map[locket.ItemID][]float32
}

func newMemorySource(items []locket.Item) *memorySource {
	s := &memorySource{items: items}
	f := fieldsOf(locket.BuiltinTypes())
	for _, it := range items {
		m := make(map[string]float64)
		of := f[it.Type]
		n := 0.0
		for _, names := range [][]string{of.title, of.body, of.sender} {
			for _, text := range texts(it, names) {
				for _, t := range tokens(text) {
					m[stem(t.raw)]++
					n++
				}
			}
		}
		s.words = append(s.words, m)
		s.lengths = append(s.lengths, n)
		s.average += n / float64(len(items))
	}
	return s
}

func (s *memorySource) count(stem string) int {
	n := 0
	for _, m := range s.words {
		if m[stem] > 0 {
			n++
		}
	}
	return n
}

func (s *memorySource) counts(_ context.Context, words [][]string, most int) ([]int, int, error) {
	list := make([]int, len(words))
	for i, w := range words {
		list[i] = min(most, s.count(stem(w[0]))) // the stem of all forms is the same
	}
	return list, len(s.items), nil
}

func (s *memorySource) matching(_ context.Context, words [][]string, in period, limit int) ([]found, error) {
	idf := make(map[string]float64)
	for _, w := range slices.Concat(words...) {
		c, n := float64(s.count(stem(w))), float64(len(s.items))
		idf[stem(w)] = math.Log(1 + (n-c+0.5)/(c+0.5))
	}
	score := make(map[int]float64)
	var places []int
	for i, m := range s.words {
		lacks := func(w string) bool { return m[stem(w)] == 0 }
		at, _ := s.items[i].Props["dateCreated"].(time.Time)
		if !slices.ContainsFunc(words, func(list []string) bool { return !slices.ContainsFunc(list, lacks) }) ||
			at.Before(in.from) || !in.to.IsZero() && !at.Before(in.to) {
			continue
		}
		for _, w := range slices.Sorted(maps.Keys(idf)) {
			score[i] += idf[w] * m[w] * 2.2 / (m[w] + 1.2*(0.25+0.75*s.lengths[i]/s.average))
		}
		places = append(places, i)
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	var list []found
	for _, i := range places[:min(limit, len(places))] {
		list = append(list, found{item: s.items[i]})
	}
	return list, nil
}

func (s *memorySource) latest(_ context.Context, in period, limit int) ([]found, error) {
	var list []found
	for _, it := range s.items {
		if at, _ := it.Props["dateCreated"].(time.Time); !at.Before(in.from) && (in.to.IsZero() || at.Before(in.to)) {
			list = append(list, found{item: it})
		}
	}
	slices.Reverse(list)
	return list[:min(limit, len(list))], nil
}

func (s *memorySource) around(_ context.Context, thread string, position int64, before, after int) ([]locket.Item, error) {
	var ahead, behind []locket.Item
	for _, it := range s.items { // in the order of their positions
		at, ok := it.Props["position"].(int64)
		switch {
		case !ok || it.Text("thread") != thread:
		case at < position:
			ahead = append(ahead, it)
		case at > position:
			behind = append(behind, it)
		}
	}
	return append(ahead[max(0, len(ahead)-before):], behind[:min(after, len(behind))]...), nil
}

func (s *memorySource) nearest(_ context.Context, _ string, vector []float32, limit int) ([]found, error) {
	near := make(map[locket.ItemID]float64)
	var list []found
	for _, it := range s.items {
		if v, ok := s.vectors[it.ID]; ok {
			for i := range v {
				near[it.ID] += float64(v[i]) * float64(vector[i])
			}
			list = append(list, found{item: it})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int { return cmp.Compare(near[b.item.ID], near[a.item.ID]) })
	for i := range list {
		list[i].similarity = near[list[i].item.ID]
	}
	return list[:min(limit, len(list))], nil
}

func (s *memorySource) passing(_ context.Context, items []locket.Item) (map[locket.ItemID]bool, error) {
	passed := make(map[locket.ItemID]bool)
	for _, it := range items {
		passed[it.ID] = true
	}
	return passed, nil
}
