package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/locketpod/locket/internal/store"
)

func TestExpr(t *testing.T) {
	b := newBench(t)
	b.create("Memory", props{"text": "green tea for two", "name": "drinks"})
	b.create("Memory", props{"text": "black tea", "sender": "or"})
	b.create("Memory", props{"text": "東京都の桜"})
	green, black, cherry := "green tea for two", "black tea", "東京都の桜"
	none := store.Expr{}
	for _, c := range []struct {
		name string
		e    store.Expr
		want []string
	}{
		{"a word", store.Term("teas"), []string{black, green}},
		{"none", none, nil},
		{"no word", store.Term(`"*():^-`), nil},
		{"a prefix", store.Prefix("gre"), []string{green}},
		{"a phrase", store.Phrase("tea", "for"), []string{green}},
		{"a phrase the other way", store.Phrase("for tea"), nil},
		{"an operator is a word", store.Term("OR"), []string{black}},
		{"quotes", store.Term(`tea" OR "green`), nil},
		{"a column", store.Term("title : drinks"), nil},
		{"some", store.AnyOf(store.Term("green"), none, store.Term("black")), []string{black, green}},
		{"all", store.AllOf(store.Term("tea"), none, store.AnyOf(store.Term("green"), store.Term("桜"))), []string{green}},
		{"of one", store.AllOf(store.AnyOf(store.Term("桜"))), []string{cherry}},
		{"of nothing", store.AnyOf(none), nil},
	} {
		got := b.matching(b.v, store.MemoryFilter{}, c.e)
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if c.e.Zero() != (c.name == "none" || c.name == "no word" || c.name == "of nothing") {
			t.Errorf("%s: Zero is %v", c.name, c.e.Zero())
		}
	}
}

// FuzzExpr checks that nothing that can be put together is an error.
func FuzzExpr(f *testing.F) {
	for _, s := range []string{"tea", `"`, "a\x00b", "\xff", "NEAR(a b, 3)", "東 京", "*", "\ue000", "\u0301", "\U0001e900 x"} {
		f.Add(s, uint8(3))
	}
	b := fuzzBench(f)
	f.Fuzz(func(t *testing.T, text string, nested uint8) {
		e := store.AnyOf(store.Term(text), store.Prefix(text), store.Phrase(strings.Fields(text)...))
		for range nested % 40 {
			e = store.AllOf(store.AnyOf(e, store.Term("tea"), store.Term(text)), store.Prefix(text))
		}
		for range nested % 9 {
			e = store.AnyOf(e, e)
		}
		if _, err := b.v.Matching(t.Context(), store.MemoryFilter{Types: []string{"Note"}}, e, 10); err != nil {
			t.Fatalf("%q: %v: %v", text, err, cause(err))
		}
		if _, _, err := b.v.TermCounts(t.Context(), store.MemoryFilter{}, []store.Expr{e}, 10); err != nil {
			t.Fatalf("%q: %v: %v", text, err, cause(err))
		}
	})
}
