package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/embed"
	"github.com/locketpod/locket/internal/memory/recall"
	"github.com/locketpod/locket/internal/store"
)

// embedder is what the environment names, nil if nothing. It may be on this machine.
func embedder(ctx context.Context) (embed.Embedder, error) {
	url := os.Getenv("LOCKET_EMBED_URL")
	if url == "" {
		return nil, nil
	}
	return embed.Open(ctx, embed.Config{URL: url, Model: os.Getenv("LOCKET_EMBED_MODEL"), AllowLocal: true})
}

// A granularity is what one memory is.
type granularity string

const (
	byTurn    granularity = "turn"
	bySession granularity = "session"
)

// memories are the properties of a conversation's memories, and by turn the number of the
// one that it is in.
func (g granularity) memories(c conversation) (list []map[string]any, place map[string]int) {
	place = make(map[string]int)
	for _, s := range c.sessions {
		var lines []string
		for i, t := range s.turns {
			place[t.ID] = len(list)
			if g == byTurn {
				list = append(list, map[string]any{
					"text": t.text(), "kind": "turn", "sender": t.Speaker, "thread": s.id, "position": int64(i), "dateCreated": s.at,
				})
			}
			lines = append(lines, t.Speaker+": "+t.text())
		}
		if g == bySession {
			list = append(list, map[string]any{"text": strings.Join(lines, "\n"), "kind": "note", "dateCreated": s.at})
		}
	}
	return list, place
}

// A row is one way to find, measured over all conversations.
type row struct {
	By         granularity       `json:"by"`
	Way        string            `json:"way"`
	All        score             `json:"all"`
	Categories map[string]*score `json:"categories"`
	P50        float64           `json:"p50ms"`
	P99        float64           `json:"p99ms"`
	times      []time.Duration
}

// A score is a sum over questions until it is divided by their number.
type score struct {
	Questions int     `json:"questions"`
	At5       float64 `json:"recallAt5"`
	At10      float64 `json:"recallAt10"`
	At20      float64 `json:"recallAt20"`
	Any5      float64 `json:"anyAt5"` // questions with any of their evidence among the first five
	MRR       float64 `json:"mrr"`
	Tokens    float64 `json:"tokens"` // of the first ten hits, at four bytes each
}

// A finder returns the numbers of memories, the best first, at most twenty.
type finder func(v *store.View, question string) ([]locket.Item, error)

func measure(ctx context.Context, dir string, g granularity, conversations []conversation, e embed.Embedder) ([]row, error) {
	ours := func(e embed.Embedder) finder {
		return func(v *store.View, question string) ([]locket.Item, error) {
			res, err := recall.Run(ctx, v, recall.Query{Text: question, Limit: 20, Budget: 100_000}, e)
			var items []locket.Item
			for _, h := range res.Hits {
				items = append(items, h.Item)
			}
			return items, err
		}
	}
	rows := []row{{By: g, Way: "plain FTS5, any word, bm25"}, {By: g, Way: "recall, words"}}
	ways := []finder{func(v *store.View, question string) ([]locket.Item, error) { return plain(ctx, v, question) }, ours(nil)}
	if e != nil {
		rows, ways = append(rows, row{By: g, Way: "recall, words and " + e.Model()}), append(ways, ours(e))
	}
	for _, c := range conversations {
		if err := inPod(ctx, dir, g, c, e, rows, ways); err != nil {
			return nil, err
		}
	}
	for i := range rows {
		rows[i].finish()
	}
	return rows, nil
}

// inPod asks a conversation's questions in all ways, in a pod of its own.
func inPod(ctx context.Context, dir string, g granularity, c conversation, e embed.Embedder, rows []row, ways []finder) (err error) {
	pod, err := newGround(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pod.end()) }()
	return pod.do(func(v *store.View) error {
		list, place := g.memories(c)
		ids, err := pod.fill(v, list)
		if err != nil {
			return err
		}
		if e != nil {
			var texts []string
			for _, props := range list {
				texts = append(texts, props["text"].(string))
			}
			if err := pod.embed(v, e, ids, texts); err != nil {
				return err
			}
		}
		for _, q := range c.questions {
			wanted := make(map[locket.ItemID]bool)
			for _, id := range q.Evidence {
				wanted[ids[place[id]]] = true
			}
			for i, way := range ways {
				start := time.Now()
				items, err := way(v, q.Text)
				if err != nil {
					return fmt.Errorf("%q: %w", q.Text, err)
				}
				rows[i].times = append(rows[i].times, time.Since(start))
				rows[i].add(q.Category, items, wanted)
			}
		}
		return nil
	})
}

// plain is what one would do without an engine: any word of the question, by bm25.
func plain(ctx context.Context, v *store.View, question string) ([]locket.Item, error) {
	var words []store.Expr
	for _, w := range strings.FieldsFunc(question, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		words = append(words, store.Term(w))
	}
	found, err := v.Matching(ctx, store.MemoryFilter{}, store.AnyOf(words...), 20)
	var items []locket.Item
	for _, f := range found {
		items = append(items, f.Item)
	}
	return items, err
}

func (r *row) add(category int, items []locket.Item, wanted map[locket.ItemID]bool) {
	if r.Categories == nil {
		r.Categories = make(map[string]*score)
	}
	name := categories[category]
	if r.Categories[name] == nil {
		r.Categories[name] = &score{}
	}
	for _, s := range []*score{&r.All, r.Categories[name]} {
		s.Questions++
		first := true
		for i, it := range items {
			if i < 10 {
				s.Tokens += float64(len(it.Text("text"))+3) / 4
			}
			if !wanted[it.ID] {
				continue
			}
			part := 1 / float64(len(wanted))
			for most, sum := range map[int]*float64{5: &s.At5, 10: &s.At10, 20: &s.At20} {
				if i < most {
					*sum += part
				}
			}
			if first {
				s.MRR += 1 / float64(i+1)
				if i < 5 {
					s.Any5++
				}
				first = false
			}
		}
	}
}

func (r *row) finish() {
	for _, s := range r.Categories {
		s.divide()
	}
	r.All.divide()
	slices.Sort(r.times)
	r.P50, r.P99 = quantile(r.times, 0.5), quantile(r.times, 0.99)
}

func (s *score) divide() {
	n := float64(max(s.Questions, 1))
	for _, x := range []*float64{&s.At5, &s.At10, &s.At20, &s.Any5, &s.MRR, &s.Tokens} {
		*x /= n
	}
}

// quantile is of sorted times, in milliseconds.
func quantile(times []time.Duration, q float64) float64 {
	if len(times) == 0 {
		return 0
	}
	return float64(times[min(int(q*float64(len(times))), len(times)-1)].Microseconds()) / 1000
}

func print(w io.Writer, rows []row, verbose, wordsOnly bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "by\tway\tquestions\trecall@5\t@10\t@20\tany@5\tMRR\ttokens of 10\tp50 ms\tp99 ms")
	line := func(by granularity, way string, s score, times string) {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.3f\t%.0f\t%s\n", by, way, s.Questions, 100*s.At5, 100*s.At10, 100*s.At20, 100*s.Any5, s.MRR, s.Tokens, times)
	}
	for _, r := range rows {
		line(r.By, r.Way, r.All, fmt.Sprintf("%.1f\t%.1f", r.P50, r.P99))
		for n := 1; verbose && n <= len(categories); n++ {
			if s := r.Categories[categories[n]]; s != nil {
				line(r.By, "  "+categories[n], *s, "\t")
			}
		}
	}
	if err := t.Flush(); err != nil || !wordsOnly {
		return err
	}
	_, err := fmt.Fprintln(w, "no embedder configured: LOCKET_EMBED_URL is empty")
	return err
}
