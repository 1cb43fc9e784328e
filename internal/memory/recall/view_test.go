package recall_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/memory/recall"
	"github.com/locketpod/locket/internal/podtest"
	"github.com/locketpod/locket/internal/store"
)

var day = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)

func create(p *podtest.Pod, v *store.View, list ...map[string]any) []locket.ItemID {
	var ids []locket.ItemID
	p.Write(v, func(w *store.Writer) error {
		for _, props := range list {
			it, err := w.Create(store.Draft{Type: "Memory", Props: props})
			if err != nil {
				return err
			}
			ids = append(ids, it.ID)
		}
		return nil
	})
	return ids
}

func ask(t *testing.T, v *store.View, q recall.Query) recall.Result {
	t.Helper()
	res, err := recall.Run(t.Context(), v, q, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func textsOf(res recall.Result) []string {
	var list []string
	for _, h := range res.Hits {
		list = append(list, h.Item.Text("text"))
	}
	return list
}

// line is a memory of a thread of a namespace, of words that many share.
func line(r *rand.Rand, namespace string, i int) map[string]any {
	words := strings.Fields("tea coffee garden river violin bakery orchard bicycle candle harbour")
	var text []string
	for range 3 + r.IntN(6) {
		text = append(text, words[r.IntN(len(words))])
	}
	return map[string]any{
		"text": fmt.Sprintf("%s %d", strings.Join(text, " "), i), "namespace": namespace, "thread": fmt.Sprintf("t%d", i/8), "position": int64(i % 8),
		"sender": []string{"Ann", "Bob"}[i%2], "dateCreated": day.AddDate(0, 0, i),
	}
}

// What a principal may not see changes neither hits, order, scores, reasons nor numbers: the
// same memories give the same answers with and without hidden ones, in the same threads.
func TestHiddenMemoriesChangeNothing(t *testing.T) {
	policy := locket.Policy{Rules: []locket.Rule{{
		Actions: []locket.Permission{locket.MayRead, locket.MaySearch}, Types: []string{"Memory"},
		Where: map[string]locket.Match{"namespace": {In: []any{"mine"}}},
	}}}
	var answers [2][]recall.Result
	for round, hidden := range []int{0, 300} {
		p := podtest.New(t)
		owner := p.View(p.Owner)
		r, h := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(3, 4))
		var list []map[string]any
		for i := range 120 {
			list = append(list, line(r, "mine", i))
			for range hidden / 120 {
				list = append(list, line(h, "other", i))
			}
		}
		for i := range hidden {
			list = append(list, map[string]any{"text": "violin candle bakery zebra " + fmt.Sprint(i), "namespace": "other", "thread": "t3", "position": int64(i % 8)})
		}
		create(p, owner, list...)
		agent := p.Add(locket.KindAgent, "agent", policy)
		for _, q := range []string{
			"Where did Ann play the violin?", "zebra", "tea and coffee in the garden", "What did Bob say in April 2026?", "river harbour bicycle",
			"the candle or the violin, the bakery or the orchard",
		} {
			res := ask(t, agent, recall.Query{Text: q, Limit: 50, Budget: 5000, Neighbours: 1})
			for i := range res.Hits { // ids and clocks are of each pod
				res.Hits[i].Item = locket.Item{Props: res.Hits[i].Item.Props}
				for j := range res.Hits[i].Around {
					res.Hits[i].Around[j] = locket.Item{Props: res.Hits[i].Around[j].Props}
				}
			}
			answers[round] = append(answers[round], res)
		}
	}
	for i := range answers[0] {
		if len(answers[0][i].Hits) == 0 && i != 1 {
			t.Errorf("question %d finds nothing", i)
		}
		if !reflect.DeepEqual(answers[0][i], answers[1][i]) {
			t.Errorf("question %d: %q without hidden memories, %q with", i, textsOf(answers[0][i]), textsOf(answers[1][i]))
		}
	}
}

func TestWhatHoldsNoMoreIsLeftOut(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ids := create(p, v,
		map[string]any{"text": "The violin is with the maker in Lyon.", "thread": "t", "position": int64(0)},
		map[string]any{"text": "The violin is with the maker in Turin.", "thread": "t", "position": int64(1)},
		map[string]any{"text": "The violin maker is out this hour.", "expires": past, "thread": "t", "position": int64(2)},
		map[string]any{"text": "The violin costs forty a month.", "validThrough": past, "thread": "t", "position": int64(3)},
		map[string]any{"text": "The violin costs fifty a month.", "validFrom": future, "thread": "t", "position": int64(4)},
		map[string]any{"text": "The violin has four strings.", "expires": future, "thread": "t", "position": int64(5)},
	)
	p.Write(v, func(w *store.Writer) error {
		return w.Link(locket.Edge{Source: ids[1], Name: "supersedes", Target: ids[0]})
	})
	want := []string{"The violin has four strings.", "The violin is with the maker in Turin."}
	// The second question finds some only as neighbours of others.
	for _, q := range []string{"violin", "Turin strings"} {
		res := ask(t, v, recall.Query{Text: q, Neighbours: 3})
		got := textsOf(res)
		slices.Sort(got)
		for _, h := range res.Hits {
			for _, it := range h.Around {
				if !slices.Contains(want, it.Text("text")) {
					t.Errorf("%s: %q stands beside a hit", q, it.Text("text"))
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", q, got)
		}
	}
	if got := ask(t, v, recall.Query{Text: "violin", All: true}); len(got.Hits) != 6 {
		t.Errorf("all: %q", textsOf(got))
	}
}

func TestFilters(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	create(p, v,
		map[string]any{"text": "one lamp", "namespace": "a", "kind": "fact", "keywords": []any{"x"}, "dateCreated": day, "thread": "t", "position": int64(0)},
		map[string]any{"text": "two lamp", "namespace": "a/b", "kind": "event", "dateCreated": day.AddDate(0, 1, 0), "thread": "t", "position": int64(1)},
		map[string]any{"text": "three lamp", "namespace": "ab", "dateCreated": day.AddDate(0, 2, 0), "thread": "t", "position": int64(2)},
	)
	p.Write(v, func(w *store.Writer) error {
		_, err := w.Create(store.Draft{Type: "Note", Props: map[string]any{"name": "four lamp"}})
		return err
	})
	for _, c := range []struct {
		q    recall.Query
		want string
	}{
		{recall.Query{}, "one lamp,three lamp,two lamp"},
		{recall.Query{Namespace: "a"}, "one lamp,two lamp"},
		{recall.Query{Namespace: "a/b"}, "two lamp"},
		{recall.Query{Kinds: []string{"fact"}}, "one lamp"},
		{recall.Query{Tags: []string{"x"}}, "one lamp"},
		{recall.Query{After: day.AddDate(0, 1, 0)}, "three lamp,two lamp"},
		{recall.Query{Before: day.AddDate(0, 1, 0)}, "one lamp"},
	} {
		c.q.Text = "lamp"
		got := textsOf(ask(t, v, c.q))
		slices.Sort(got)
		if strings.Join(got, ",") != c.want {
			t.Errorf("%+v: %q", c.q, got)
		}
	}
	res := ask(t, v, recall.Query{Text: "lamp", Types: []string{"Note"}})
	if len(res.Hits) != 1 || res.Hits[0].Item.Text("name") != "four lamp" {
		t.Errorf("notes: %+v", res)
	}
}

func TestUsesAreCounted(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	create(p, v, map[string]any{"text": "one lamp"})
	ask(t, v, recall.Query{Text: "lamp"})
	found, err := v.Matching(t.Context(), store.MemoryFilter{}, store.Term("lamp"), 1)
	if err != nil || len(found) != 1 || found[0].Uses != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

// A question about a time without a word that anything says is answered by what there is
// of that time.
func TestAskedForATime(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	create(p, v,
		map[string]any{"text": "dinner with Anna", "namespace": "mine", "dateCreated": time.Date(2024, 5, 12, 19, 0, 0, 0, time.UTC)},
		map[string]any{"text": "the boat was painted", "namespace": "mine", "dateCreated": time.Date(2024, 8, 2, 9, 0, 0, 0, time.UTC)})
	for question, want := range map[string]string{
		"What happened in May 2024?": "dinner with Anna", "anything on 2 August 2024?": "the boat was painted", "What happened in June 2023?": "",
	} {
		res := ask(t, v, recall.Query{Text: question})
		if got := strings.Join(textsOf(res), "|"); got != want {
			t.Errorf("%s: %q", question, got)
		}
	}
}

// toy is a model that knows two things.
type toy struct{}

func (toy) Model() string { return "toy/8" }

func (toy) Embed(_ context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	for i, text := range texts {
		out[i] = make([]float32, 8)
		out[i][0] = 0.6
		if strings.Contains(text, "tea") || strings.Contains(text, "drink") {
			out[i][1] = 0.8
		} else {
			out[i][2] = 0.8
		}
	}
	return out, nil
}

// By meaning alone a memory is found however few there are.
func TestNearWithoutWords(t *testing.T) {
	p := podtest.New(t)
	v := p.View(p.Owner)
	for _, text := range []string{"green tea in the morning", "a boat at the pier"} {
		create(p, v, map[string]any{"text": text, "namespace": "mine"})
		items, err := v.Unembedded(t.Context(), store.MemoryFilter{}, "toy/8", 10)
		if err != nil || len(items) != 1 {
			t.Fatal(len(items), err)
		}
		vectors, err := toy{}.Embed(t.Context(), []string{items[0].Text("text")})
		if err != nil {
			t.Fatal(err)
		}
		p.Write(v, func(w *store.Writer) error { return w.SetVector(items[0].ID, "toy/8", vectors[0]) })
		res, err := recall.Run(t.Context(), v, recall.Query{Text: "which drink?"}, toy{})
		if err != nil || len(res.Hits) == 0 || res.Hits[0].Item.Text("text") != "green tea in the morning" || res.Mode != "words+vectors" {
			t.Errorf("%q by %s, %v", textsOf(res), res.Mode, err)
		}
	}
}
