package store_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

func library(t *testing.T) *bench {
	b := newBench(t)
	b.create("Note", props{"name": "Garden", "text": "Planting tomatoes in the greenhouse. Café crème brûlée afterwards.", "folder": "Home/Plans", "dateModified": "2025-05-01"})
	b.create("Note", props{"name": "旅行", "text": "東京都の桜を見に行きます。", "keywords": []any{"travel"}, "dateModified": "2026-04-01"})
	b.create("Note", props{"name": "한국어", "text": "서울에서 만나요", "dateModified": "2026-04-02"})
	b.create("Message", props{"name": "Greenhouse quote", "text": "The glass costs 300.", "sender": "Bea Glass <bea@example.org>", "toRecipient": []any{"anna@example.com"}, "dateSent": "2026-02-03T10:00:00Z"})
	b.create("Message", props{"name": "Re: quote", "text": "Too dear for a greenhouse", "sender": "Anna <anna@example.com>", "toRecipient": []any{"bea@example.org"}, "dateSent": "2026-02-04T10:00:00Z", "url": "https://example.org"})
	b.create("Person", props{"name": "Anna Müller", "email": []any{"anna@example.com"}})
	return b
}

func TestSearchLanguage(t *testing.T) {
	b := library(t)
	for _, c := range []struct {
		text string
		want []string // names, in any order
	}{
		{"greenhouse", []string{"Garden", "Greenhouse quote", "Re: quote"}},
		{"GREENHOUSES", []string{"Garden", "Greenhouse quote", "Re: quote"}},
		{"plant tomato", []string{"Garden"}},
		{"cafe creme brulee", []string{"Garden"}},
		{"muller", []string{"Anna Müller"}},
		{"Müller", []string{"Anna Müller"}},
		{`"in the greenhouse"`, []string{"Garden"}},
		{`"the in greenhouse"`, nil},
		{"greenhouse -tomatoes", []string{"Greenhouse quote", "Re: quote"}},
		{"greenhouse -type:note", []string{"Greenhouse quote", "Re: quote"}},
		{"-greenhouse type:note", []string{"旅行", "한국어"}},
		{"type:notes", []string{"Garden", "旅行", "한국어"}},
		{"type:people", []string{"Anna Müller"}},
		{"type:nonsense", nil},
		{"from:bea", []string{"Greenhouse quote"}},
		{"from:bea@example.org", []string{"Greenhouse quote"}},
		{"to:bea", []string{"Re: quote"}},
		{"greenhouse -from:bea", []string{"Garden", "Re: quote"}},
		{"before:2026", []string{"Garden"}},
		{"after:2026-02-03 before:2026-02-05", []string{"Re: quote"}},
		{"type:message after:2026-01", []string{"Greenhouse quote", "Re: quote"}},
		{"before:yesterday greenhouse", nil},
		{"has:url", []string{"Re: quote"}},
		{"has:link", []string{"Re: quote"}},
		{"has:tag", []string{"旅行"}},
		{"type:note -has:tag", []string{"Garden", "한국어"}},
		{"has:$x", nil},
		{"in:plans", []string{"Garden"}},
		{`in:"Home/Plans"`, []string{"Garden"}},
		{"東京", []string{"旅行"}},
		{"桜", []string{"旅行"}},
		{"京東", nil},
		{"서울", []string{"한국어"}},
		{"green*", []string{"Garden", "Greenhouse quote", "Re: quote"}},
	} {
		got := b.found(c.text)
		slices.Sort(got)
		slices.Sort(c.want)
		if len(got)+len(c.want) > 0 && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestSearchRanksTitlesAboveBodies(t *testing.T) {
	b := library(t)
	if got := b.found("greenhouse"); got[0] != "Greenhouse quote" {
		t.Errorf("got %q", got)
	}
}

func TestSearchOrderAndPaging(t *testing.T) {
	b := newBench(t)
	for i := range 25 {
		b.create("Note", props{"name": fmt.Sprintf("n%02d", i), "text": "common" + strings.Repeat(" filler", i%5), "dateModified": fmt.Sprintf("2026-01-%02d", 1+(i*7)%25)})
	}
	for _, order := range []string{"relevance", "newest", "oldest"} {
		for _, text := range []string{"common", "common type:note", "type:note", "common -absent"} {
			var all []string
			seen := map[string]bool{}
			cursor := ""
			for {
				p, err := b.v.Search(t.Context(), locket.Search{Text: text, Order: order, Limit: 4, Cursor: cursor})
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range p.Items {
					if seen[h.Item.Text("name")] {
						t.Fatalf("%s %q: %s twice", order, text, h.Item.Text("name"))
					}
					seen[h.Item.Text("name")] = true
					all = append(all, h.Item.Props["dateModified"].(fmt.Stringer).String())
				}
				if cursor = p.Next; cursor == "" {
					break
				}
			}
			if len(all) != 25 {
				t.Errorf("%s %q: %d of 25", order, text, len(all))
			}
			if order == "oldest" && !slices.IsSorted(all) {
				t.Errorf("%q is not in order %s: %v", text, order, all)
			}
		}
	}
	if _, err := b.v.Search(t.Context(), locket.Search{Text: "x", Order: "best"}); locket.CodeOf(err) != locket.CodeInvalid {
		t.Errorf("order best: %v", err)
	}
	for _, cursor := range []string{"!", "e30", strings.Repeat("A", 5000)} {
		if _, err := b.v.Search(t.Context(), locket.Search{Text: "common", Cursor: cursor}); cursor != "e30" && locket.CodeOf(err) != locket.CodeInvalid {
			t.Errorf("cursor %.10q: %v", cursor, err)
		}
	}
}

func TestSnippets(t *testing.T) {
	b := newBench(t)
	b.create("Note", props{"name": "long", "text": strings.Repeat("padding words here ", 40) + "the crème brûlée recipe " + strings.Repeat("and more of it ", 40)})
	p, err := b.v.Search(t.Context(), locket.Search{Text: "creme"})
	if err != nil || len(p.Items) != 1 {
		t.Fatal(p, err)
	}
	s := p.Items[0].Snippet
	if !strings.Contains(s, "crème brûlée") || !strings.HasPrefix(s, "…") || utf8.RuneCountInString(s) > 165 {
		t.Errorf("got %q", s)
	}
}

func TestUpdateMovesTerms(t *testing.T) {
	b := newBench(t)
	it := b.create("Note", props{"name": "n", "text": "alpha"})
	b.write(func(w *store.Writer) error { _, err := w.Update(it.ID, 0, props{"text": "beta"}); return err })
	if len(b.found("alpha")) != 0 || len(b.found("beta")) != 1 {
		t.Error("the index does not follow an update")
	}
	b.write(func(w *store.Writer) error { _, err := w.Update(it.ID, 0, props{"text": nil, "name": nil}); return err })
	if len(b.found("beta")) != 0 {
		t.Error("the index keeps removed text")
	}
}

// FuzzSearch checks that no text is an error and that none finds what is not there.
func FuzzSearch(f *testing.F) {
	seeds := []string{
		`greenhouse`, `"unclosed`, `-`, `--x`, `-"a b"`, `type:`, `type:note`, `from:"a`, `before:2026 after:x`, `a AND OR NOT b`, `NEAR(a b)`, `a:b`, `*`, `a*`, `"a"*`,
		`(a)`, `^a`, `{a b}: c`, `東京`, "\x00a", "\xff", `has:x.y`, `in:"a""b"`, `'; DROP TABLE items; --`, "a\u0301", `col:val^3`, `+a`, `-type:note -has:url`,
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	b := fuzzBench(f)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := b.v.Search(t.Context(), locket.Search{Text: text})
		if err != nil {
			t.Fatalf("%q: %v: %v", text, err, cause(err))
		}
		for _, h := range p.Items {
			if !utf8.ValidString(h.Snippet) {
				t.Fatalf("%q: snippet %q", text, h.Snippet)
			}
		}
	})
}
