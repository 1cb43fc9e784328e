// Package recall answers a question with the memories that serve it best.
//
// A question is looked for by its rarer words in the store's index, or by its vector.
// What is found, a few hundred items at most, is then scored here: by words, by what is
// said round it in its thread, by who said it, and by the times it speaks of.
package recall

import (
	"context"
	"strings"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// An Embedder makes vectors of texts. It is safe for concurrent use.
type Embedder interface {
	Model() string // vectors of different names are not compared
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// A Query is a question and what may answer it.
type Query struct {
	Text          string
	Namespace     string   // "" all; "a/b" means it and what is below
	Types         []string // none: Memory
	Kinds, Tags   []string
	After, Before time.Time
	Limit         int  // 1 to 50; 0: 10
	Budget        int  // tokens that the hits may take; 0: 2000
	Neighbours    int  // how many items before and after a hit in its thread come with it, 0 to 3
	All           bool // what expired, ended or was superseded too
}

// A Hit is an item that answers.
type Hit struct {
	Item   locket.Item   `json:"item"`
	Score  float64       `json:"score"` // says nothing across questions
	Why    []string      `json:"why"`   // for people: what speaks for it
	Around []locket.Item `json:"around,omitempty"`
}

// A Result is what was found, best first.
type Result struct {
	Hits   []Hit  `json:"hits"`
	Tokens int    `json:"tokens"` // of all texts, at four bytes each
	Mode   string `json:"mode"`   // words or words+vectors
	Left   int    `json:"left"`   // hits that the budget left out
}

// Bounds on a query, and what holds where it says nothing.
const (
	maxText       = 4096
	maxLimit      = 50
	maxBudget     = 100_000
	maxNeighbours = 3
	usualLimit    = 10
	usualBudget   = 2000
)

// Run answers a question with what a view shows. Without an embedder it goes by words
// alone.
func Run(ctx context.Context, v *store.View, q Query, e Embedder) (Result, error) {
	if err := q.check(); err != nil {
		return Result{}, err
	}
	types, err := v.Types(ctx)
	if err != nil {
		return Result{}, err
	}
	f := fieldsOf(types)
	r := newRun(&viewSource{v: v, filter: q.filter(), fields: f}, f, q, time.Now())
	res, err := r.answer(ctx, e)
	if err != nil {
		return Result{}, err
	}
	return res, v.Used(ctx, res.ids())
}

func (q *Query) check() error {
	q.Text = strings.TrimSpace(q.Text)
	switch {
	case q.Text == "":
		return locket.Errorf(locket.CodeInvalid, "the query is empty; ask a question or give some words")
	case len(q.Text) > maxText:
		return locket.Errorf(locket.CodeInvalid, "the query is longer than %d bytes; ask something shorter", maxText)
	case q.Limit < 0 || q.Limit > maxLimit:
		return locket.Errorf(locket.CodeInvalid, "limit %d: use 1 to %d", q.Limit, maxLimit)
	case q.Budget < 0 || q.Budget > maxBudget:
		return locket.Errorf(locket.CodeInvalid, "budget %d: use 1 to %d tokens", q.Budget, maxBudget)
	case q.Neighbours < 0 || q.Neighbours > maxNeighbours:
		return locket.Errorf(locket.CodeInvalid, "neighbours %d: use 0 to %d", q.Neighbours, maxNeighbours)
	}
	if q.Limit == 0 {
		q.Limit = usualLimit
	}
	if q.Budget == 0 {
		q.Budget = usualBudget
	}
	return nil
}

func (r *Result) ids() []locket.ItemID {
	var ids []locket.ItemID
	for _, h := range r.Hits {
		ids = append(ids, h.Item.ID)
		for _, it := range h.Around {
			ids = append(ids, it.ID)
		}
	}
	return ids
}
