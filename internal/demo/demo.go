// Package demo makes up a person's digital life: about 2,000 linked items of
// every built-in type, for "locket demo", tests and benchmarks.
//
// Linnea Quillfeather does not exist, nor does anybody she knows. Addresses end
// in example.com or example.org, telephone numbers are from ranges kept for
// fiction, and only the places are real. The same seed and day always give the
// same items, ids and bytes.
package demo

import (
	"bytes"
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// Today is the day up to which the life of "locket demo" goes. It is fixed so
// that every demo is the same.
var Today = time.Date(2026, 5, 16, 9, 0, 0, 0, time.UTC)

// An Entry is one item with what belongs to it.
type Entry struct {
	Item    store.Draft
	Content []byte        // of its blob; nil: it has none
	Links   []locket.Edge // the other end of each is in an earlier Entry
}

// Generate gives the life that seed determines, over the two years before today.
func Generate(seed uint64, today time.Time) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		l := &life{
			rng:   rand.New(rand.NewPCG(seed, 0)),
			today: today.UTC().Truncate(24 * time.Hour),
			yield: yield,
		}
		l.addPlaces()
		l.addPersons()
		l.addEvents()
		l.addBookmarks()
		l.addFiles()
		l.addPhotos()
		l.addMail()
		l.addChats()
		l.addNotes()
		l.addMemories()
	}
}

const batch = 250 // entries per transaction

// Fill writes entries through v, a few hundred per change, and returns how many
// it wrote.
func Fill(ctx context.Context, v *store.View, entries iter.Seq[Entry]) (int, error) {
	next, stop := iter.Pull(entries)
	defer stop()
	total := 0
	for more := true; more; {
		n := 0
		_, err := v.Write(ctx, func(w *store.Writer) error {
			for n < batch {
				var e Entry
				if e, more = next(); !more {
					return nil
				}
				if err := write(w, e); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func write(w *store.Writer, e Entry) error {
	if e.Content != nil {
		b, err := w.PutBlob(bytes.NewReader(e.Content))
		if err != nil {
			return err
		}
		e.Item.Props["blob"] = b.ID
		e.Item.Props["contentSize"] = b.Size
		e.Item.Props["sha256"] = b.SHA256
	}
	if _, err := w.Create(e.Item); err != nil {
		return err
	}
	for _, link := range e.Links {
		if err := w.Link(link); err != nil {
			return err
		}
	}
	return nil
}
