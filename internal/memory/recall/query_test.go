package recall

import (
	"slices"
	"testing"
)

func TestUnderstand(t *testing.T) {
	for _, c := range []struct {
		text  string
		words []string
		timed bool
	}{
		{"When did Anna sign up for a pottery class?", []string{"anna", "sign", "potteri", "class"}, true},
		{"What is Anna's job?", []string{"anna", "job"}, false},
		{"How long has she been painting in May 2023", []string{"paint"}, true},
		{"who bought the children's books yesterday", []string{"buy", "child", "book"}, false},
		{"Café CAFÉ cafe", []string{"cafe"}, false},
		{"what is it?", nil, false},
		{"Anna’s", []string{"anna"}, false},
	} {
		q := understand(c.text, may17)
		var words []string
		for _, w := range q.terms {
			if w.weight == 1 {
				words = append(words, w.stem)
			}
		}
		if !slices.Equal(words, c.words) || q.timed != c.timed {
			t.Errorf("%q: %q, timed %v", c.text, words, q.timed)
		}
	}
}

func TestIrregularWordsAreAskedForInAllForms(t *testing.T) {
	q := understand("what has she written", may17)
	if len(q.terms) != 1 || !slices.Equal(q.terms[0].words, []string{"write", "written", "wrote"}) {
		t.Errorf("%+v", q.terms)
	}
}
