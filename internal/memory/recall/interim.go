// Package recall answers questions from what a view shows.
package recall

import (
	"context"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// A Query says what to recall.
type Query struct {
	Text, Namespace string
	Types, Kinds    []string
	Tags            []string
	After, Before   time.Time
	Limit, Budget   int
	Neighbours      int
	All             bool
}

// A Hit is one item with the reason for it.
type Hit struct {
	Item   locket.Item   `json:"item"`
	Score  float64       `json:"score"`
	Why    []string      `json:"why"`
	Around []locket.Item `json:"around,omitempty"`
}

// A Result is what a recall gives.
type Result struct {
	Hits   []Hit  `json:"hits"`
	Tokens int    `json:"tokens"`
	Mode   string `json:"mode"`
	Left   int    `json:"left,omitempty"`
}

// An Embedder turns texts into vectors of unit length.
type Embedder interface {
	Model() string
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// Run answers a question by its words.
func Run(ctx context.Context, v *store.View, q Query, _ Embedder) (Result, error) {
	out := Result{Hits: []Hit{}, Mode: "words"}
	var any []store.Expr
	for _, w := range strings.Fields(q.Text) {
		any = append(any, store.Term(w))
	}
	if q.Limit == 0 {
		q.Limit = 10
	}
	f := store.MemoryFilter{Types: q.Types, Namespace: q.Namespace, Kinds: q.Kinds, Tags: q.Tags, After: q.After, Before: q.Before, Expired: q.All}
	found, err := v.Matching(ctx, f, store.AnyOf(any...), q.Limit)
	for _, x := range found {
		out.Hits = append(out.Hits, Hit{Item: x.Item, Why: []string{"says some of the words"}})
		out.Tokens += len(x.Item.Text("text"))/4 + 1
	}
	return out, err
}
