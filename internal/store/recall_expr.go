package store

import "strings"

// An Expr says which words an item has to have, as an expression of the search index.
// It is made by [Term], [Prefix], [Phrase], [AnyOf] and [AllOf] only, so that no text is
// a syntax error or means anything but itself. The zero Expr matches nothing.
type Expr struct {
	fts   string // in the language of FTS5
	terms int
	depth int
}

// Bounds on an expression, of which FTS5 has some of its own.
const (
	maxExprTerms = 64
	maxExprDepth = 8
	maxTermText  = 256
)

// Term matches items with a word, in any of its forms. What the index takes apart into
// several words is a phrase of them. A word without letters and digits gives the zero Expr.
func Term(word string) Expr { return term(word, false) }

// Prefix matches items with a word that begins so.
func Prefix(word string) Expr { return term(word, true) }

// Phrase matches items that have words next to each other, in this order.
func Phrase(words ...string) Expr { return term(strings.Join(words, " "), false) }

func term(text string, prefix bool) Expr {
	if len(text) > maxTermText {
		text = strings.ToValidUTF8(text[:maxTermText], "")
	}
	if q := phrase(text, prefix); q != "" {
		return Expr{fts: q, terms: 1}
	}
	return Expr{}
}

// AnyOf matches what one of es does. Zero ones, and what goes beyond 64 terms, are left out.
func AnyOf(es ...Expr) Expr { return joinExprs(" OR ", es) }

// AllOf matches what all of es do. Zero ones, and what goes beyond 64 terms, are left out.
func AllOf(es ...Expr) Expr { return joinExprs(" AND ", es) }

// Zero reports whether e matches nothing, whatever there is.
func (e Expr) Zero() bool { return e.fts == "" }

func joinExprs(operator string, es []Expr) Expr {
	var out Expr
	var parts []string
	var only Expr
	for _, e := range es {
		if e.Zero() || out.terms+e.terms > maxExprTerms || e.depth >= maxExprDepth {
			continue
		}
		only = e
		parts = append(parts, e.fts)
		out.terms += e.terms
		out.depth = max(out.depth, e.depth+1)
	}
	if len(parts) == 1 {
		return only
	}
	if len(parts) > 0 {
		out.fts = "(" + strings.Join(parts, operator) + ")"
	}
	return out
}
