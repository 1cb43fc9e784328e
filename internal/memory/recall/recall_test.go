package recall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/locketpod/locket"
)

// said makes memories of a thread.
func said(thread string, day time.Time, lines ...string) []locket.Item {
	var items []locket.Item
	for i, line := range lines {
		who, text, _ := strings.Cut(line, ": ")
		items = append(items, locket.Item{
			ID: locket.ItemID(fmt.Sprintf("%s-%02d", thread, i)), Type: "Memory",
			Props: map[string]any{"text": text, "sender": who, "thread": thread, "position": int64(i), "dateCreated": day},
		})
	}
	return items
}

func ask(t *testing.T, items []locket.Item, q Query) Result {
	t.Helper()
	if err := q.check(); err != nil {
		t.Fatal(err)
	}
	res, err := newRun(newMemorySource(items), fieldsOf(locket.BuiltinTypes()), q, may17).answer(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func hitTexts(res Result) []string {
	var list []string
	for _, h := range res.Hits {
		list = append(list, h.Item.Text("text"))
	}
	return list
}

func TestRanking(t *testing.T) {
	filler := said("filler", may17, "Zoe: The weather is fine.", "Zoe: I had soup for lunch.", "Zoe: My train was late.", "Zoe: The lamp is broken.")
	for _, c := range []struct {
		name  string
		items []locket.Item
		ask   string
		first string
	}{
		{
			"words that stand together before scattered ones",
			slices.Concat(said("a", may17, "Ann: The garden has a green chair and then a long wall and then some more and a house."), said("b", may17, "Ann: The wall has a chair and then a long lawn and then some more and a green house.")),
			"the green house", "The wall has a chair and then a long lawn and then some more and a green house.",
		},
		{
			"the answer to a question that has the words",
			said("a", may17, "Ann: Which instrument do you play?", "Bob: The clarinet.", "Ann: That's nice.", "Bob: And how are you?"),
			"What instrument does Bob play?", "The clarinet.",
		},
		{
			"what somebody said before what others said of the same",
			slices.Concat(said("a", may17, "Ann: I paint landscapes."), said("b", may17, "Bob: I paint portraits.")),
			"What does Bob paint?", "I paint portraits.",
		},
		{
			"a memory of the time asked about",
			slices.Concat(said("a", may17, "Ann: We went hiking."), said("b", may17.AddDate(0, -3, 0), "Ann: We went hiking again.")),
			"Who went hiking in February 2023?", "We went hiking again.",
		},
		{
			"a memory that speaks of the time asked about",
			slices.Concat(said("a", may17, "Ann: We went hiking today."), said("b", may17, "Ann: We went hiking last month.")),
			"Who went hiking in April 2023?", "We went hiking last month.",
		},
		{
			"other forms of a word",
			slices.Concat(said("a", may17, "Ann: I think of cars."), said("b", may17, "Ann: My brother bought a violin.")),
			"What did the brother buy?", "My brother bought a violin.",
		},
	} {
		if got := hitTexts(ask(t, slices.Concat(c.items, filler), Query{Text: c.ask})); len(got) == 0 || got[0] != c.first {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestBudget(t *testing.T) {
	var items []locket.Item
	for i := range 20 {
		items = append(items, said(fmt.Sprint("t", i), may17, fmt.Sprintf("Ann: tea number %d %s", i, strings.Repeat("word", 10+i)))...)
	}
	res := ask(t, items, Query{Text: "tea", Budget: 60, Limit: 8})
	sum := 0
	for _, h := range res.Hits {
		sum += tokensOf(fieldsOf(locket.BuiltinTypes()), h.Item)
	}
	if res.Tokens != sum || sum > 60 || len(res.Hits) == 0 || len(res.Hits)+res.Left != 8 {
		t.Errorf("%d hits of %d tokens, said to be %d, %d left", len(res.Hits), sum, res.Tokens, res.Left)
	}
}

func TestNeighbours(t *testing.T) {
	items := said("a", may17, "Ann: One.", "Ann: Two.", "Bob: The zebra ran.", "Ann: Four.", "Ann: Five.")
	res := ask(t, items, Query{Text: "zebra", Limit: 1, Neighbours: 1})
	if len(res.Hits) != 1 || len(res.Hits[0].Around) != 2 || res.Hits[0].Around[0].Text("text") != "Two." || res.Hits[0].Around[1].Text("text") != "Four." {
		t.Errorf("%+v", res.Hits)
	}
	if res = ask(t, items, Query{Text: "zebra", Limit: 1, Neighbours: 1, Budget: 5}); len(res.Hits) != 1 || len(res.Hits[0].Around) != 0 {
		t.Errorf("over the budget: %+v", res)
	}
}

func TestSameTextOnce(t *testing.T) {
	items := slices.Concat(said("a", may17, "Ann: My bike is red and fast."), said("b", may17, "Ann: My bike is red and fast!"), said("c", may17, "Ann: The bike was stolen."))
	if got := hitTexts(ask(t, items, Query{Text: "bike"})); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// Equals are put in order by their times and ids, wherever they were stored.
func TestOrderIsTheSameEachTime(t *testing.T) {
	var items []locket.Item
	for i := range 60 {
		one := said(fmt.Sprint("t", i), may17.AddDate(0, 0, i%2), fmt.Sprintf("Ann: tea with milk %d", i))
		items = append(items, one...)
	}
	q := Query{Text: "who has tea with milk and sugar?", Limit: 50}
	first := ask(t, items, q)
	slices.Reverse(items)
	again := ask(t, items, q)
	same := func(a, b Hit) bool { return a.Item.ID == b.Item.ID && a.Score == b.Score }
	if len(first.Hits) != 50 || !slices.EqualFunc(first.Hits, again.Hits, same) {
		t.Error("another order")
	}
}

func TestReasons(t *testing.T) {
	items := slices.Concat(said("a", may17, "Ann: Do you row?", "Bob: I row a boat."), said("b", may17, "Bob: The sea is calm."))
	why := strings.Join(ask(t, items, Query{Text: "What boat did Bob row in May 2023?"}).Hits[0].Why, "; ")
	if want := "says “boat”, “row”; by Bob; in May 2023; next to a hit"; why != want {
		t.Errorf("%q, want %q", why, want)
	}
}

func TestLongTextIsFoundByItsPassages(t *testing.T) {
	filler := strings.Repeat("Something else was said of nothing in particular.\n", 40)
	items := slices.Concat(
		said("a", may17, "Ann: "+filler+"The boat has a hole.\n"+filler+"We saw a lake.\n"+filler),
		said("b", may17, "Ann: "+filler+"The boat lies on the lake, with a hole.\n"+filler),
	)
	if got := ask(t, items, Query{Text: "boat with a hole on the lake", Budget: maxBudget}); len(got.Hits) != 2 || got.Hits[0].Item.Text("thread") != "b" {
		t.Errorf("%d", len(got.Hits))
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	for _, q := range []Query{
		{},
		{Text: " \n"},
		{Text: strings.Repeat("x", maxText+1)},
		{Text: "x", Limit: -1},
		{Text: "x", Limit: 51},
		{Text: "x", Budget: -1},
		{Text: "x", Neighbours: 4},
	} {
		if err := q.check(); err == nil {
			t.Errorf("%+v", q)
		}
	}
}

// A fakeEmbedder knows the vectors of some texts.
type fakeEmbedder map[string][]float32

func (fakeEmbedder) Model() string { return "fake/2" }

func (e fakeEmbedder) Embed(_ context.Context, texts []string) ([][]float32, error) {
	v, ok := e[texts[0]]
	if !ok {
		return nil, errors.New("the model is gone")
	}
	return [][]float32{v}, nil
}

func TestVectors(t *testing.T) {
	items := slices.Concat(
		said("a", may17, "Ann: The puppy is called Rex."), said("b", may17, "Ann: The train is late."), said("c", may17, "Ann: Soup for lunch."),
	)
	s := newMemorySource(items)
	s.vectors = map[locket.ItemID][]float32{items[0].ID: {1, 0}, items[1].ID: {0, 1}, items[2].ID: {0.6, 0.8}}
	e := fakeEmbedder{"What animals live here?": {1, 0}}
	for _, c := range []struct{ ask, mode, first string }{
		{"What animals live here?", "words+vectors", "The puppy is called Rex."},
		{"What of the train?", "words", "The train is late."}, // the embedder fails
	} {
		q := Query{Text: c.ask}
		if err := q.check(); err != nil {
			t.Fatal(err)
		}
		res, err := newRun(s, fieldsOf(locket.BuiltinTypes()), q, may17).answer(t.Context(), e)
		if err != nil || res.Mode != c.mode || len(res.Hits) == 0 || res.Hits[0].Item.Text("text") != c.first {
			t.Errorf("%s: %v, %v", c.ask, res, err)
		}
		if c.mode == "words+vectors" && !slices.Contains(res.Hits[0].Why, "similar in meaning") {
			t.Errorf("why: %q", res.Hits[0].Why)
		}
	}
}

// A word of all memories tells nothing, though it is counted only so far.
func TestWordsTooFrequentToCount(t *testing.T) {
	var items []locket.Item
	for i := range 4 * countMost {
		text := "Ann: tea"
		if i%100 == 0 {
			text = "Ann: tea zebra"
		}
		items = append(items, said(fmt.Sprint("t", i), may17, text)...)
	}
	r := newRun(newMemorySource(items), fieldsOf(locket.BuiltinTypes()), Query{Text: "tea zebra"}, may17)
	if _, err := r.rank(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if tea, zebra := r.pool.terms[0], r.pool.terms[1]; tea.idf > 0.01 || zebra.idf < 4 {
		t.Errorf("tea %.2f, zebra %.2f", tea.idf, zebra.idf)
	}
}
