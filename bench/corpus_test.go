package bench

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/locketpod/locket"
)

// corpusSize is the number of items in the large pods.
const corpusSize = 100_000

// vocabulary is the number of different words. The k-th is used about k times
// less often than the first, as in natural language.
const vocabulary = 20_000

// epoch is the time of item 0; each further one is a minute later.
var epoch = time.Date(2019, 3, 1, 8, 0, 0, 0, time.UTC)

// A note is one item of the corpus, of about 500 bytes.
type note struct {
	id       locket.ItemID
	name     string
	text     string
	modified time.Time
	folder   string // "": none
}

// props are the note's properties.
func (n *note) props() map[string]any {
	props := map[string]any{"name": n.name, "text": n.text, "dateModified": n.modified}
	if n.folder != "" {
		props["folder"] = n.folder
	}
	return props
}

// noteAt returns item i, always the same.
func noteAt(i int) note {
	r := rand.New(rand.NewPCG(0x6c6f636b6574, uint64(i)))
	zipf := rand.NewZipf(r, 1.07, 2, vocabulary-1)
	n := note{modified: epoch.Add(time.Duration(i) * time.Minute)}
	var random [10]byte
	binary.BigEndian.PutUint64(random[2:], r.Uint64())
	n.id = locket.ItemIDFrom(n.modified, random)
	n.name = phrase(zipf, 3+r.IntN(4))
	n.text = phrase(zipf, 55+r.IntN(40))
	return n
}

// notes returns the items from first on.
func notes(first, count int) []note {
	list := make([]note, count)
	for i := range list {
		list[i] = noteAt(first + i)
	}
	return list
}

func phrase(zipf *rand.Zipf, words int) string {
	var b strings.Builder
	for i := range words {
		switch {
		case i == 0:
		case i%11 == 0:
			b.WriteString(". ")
		default:
			b.WriteByte(' ')
		}
		b.WriteString(word(int(zipf.Uint64())))
	}
	return b.String()
}

// word returns the k-th word: frequent ones are short.
func word(k int) string {
	const onsets, vowels = "bdfgklmnprstvz", "aeiou"
	const syllables = len(onsets) * len(vowels)
	var b strings.Builder
	for k += syllables; k > 0; k /= syllables {
		b.WriteByte(onsets[k%len(onsets)])
		b.WriteByte(vowels[k/len(onsets)%len(vowels)])
	}
	return b.String()
}

// searchFor returns the i-th search: two words, neither rare nor in every item.
func searchFor(i int) string {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	return word(30+r.IntN(200)) + " " + word(100+r.IntN(1000))
}
