package memory

import (
	"context"
	"hash/fnv"
	"slices"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// An Audit is what is doubtful among the memories of a view. Each list has the first
// few; the counts have all, of contradictions as far as 1000.
type Audit struct {
	Memories       int         `json:"memories"` // that were looked at
	Duplicates     []Pair      `json:"duplicates"`
	Contradictions []Pair      `json:"contradictions"`
	Unused         []Doubtful  `json:"unused"`    // old, and never recalled
	Unsourced      []Doubtful  `json:"unsourced"` // by an agent, and nothing says what they came of
	Expired        []Doubtful  `json:"expired"`   // to be archived by upkeep
	Counts         AuditCounts `json:"counts"`
	Partly         bool        `json:"partly,omitempty"` // there are more memories than were looked at
}

// AuditCounts are how many there are of each sort.
type AuditCounts struct {
	Duplicates     int `json:"duplicates"`
	Contradictions int `json:"contradictions"`
	Unused         int `json:"unused"`
	Unsourced      int `json:"unsourced"`
	Expired        int `json:"expired"`
}

// A Pair is two memories of which one may be too much.
type Pair struct {
	A          locket.ItemID `json:"a"`
	B          locket.ItemID `json:"b"`
	TextA      string        `json:"textA"`
	TextB      string        `json:"textB"`
	Similarity float64       `json:"similarity,omitempty"`
}

// A Doubtful is a memory that nothing speaks for.
type Doubtful struct {
	ID   locket.ItemID `json:"id"`
	Text string        `json:"text"`
	Time time.Time     `json:"time"`
}

// Bounds on an audit.
const (
	maxAudited = 100_000
	maxPairs   = 1000 // contradictions that are counted
	unusedFor  = 30 * 24 * time.Hour
	shownText  = 200
)

// Look audits what a view shows. limit is how many of each sort are listed.
func Look(ctx context.Context, v *store.View, limit int) (Audit, error) {
	a := &audit{now: time.Now(), limit: limit, seen: make(map[bucket][]audited)}
	a.Duplicates, a.Contradictions = []Pair{}, []Pair{}
	a.Unused, a.Unsourced, a.Expired = []Doubtful{}, []Doubtful{}, []Doubtful{}
	if ok, err := known(ctx, v); err != nil || !ok {
		return a.Audit, err
	}
	q := locket.Query{Type: Type, Order: "created", Limit: 1000}
	for a.Memories < maxAudited {
		page, err := v.Query(ctx, q)
		if err != nil {
			return a.Audit, err
		}
		if err := a.page(ctx, v, page.Items); err != nil {
			return a.Audit, err
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	a.Partly = q.Cursor != ""
	pairs, err := v.Linked(ctx, Type, EdgeContradicts, maxPairs)
	if err != nil {
		return a.Audit, err
	}
	for _, p := range pairs[:min(limit, len(pairs))] {
		a.Contradictions = append(a.Contradictions, pairOf(p.Source, p.Target, 0))
	}
	a.Counts.Contradictions = len(pairs)
	return a.Audit, nil
}

type audit struct {
	Audit
	now   time.Time
	limit int
	seen  map[bucket][]audited
}

// A bucket holds memories of a namespace that may be alike.
type bucket struct {
	namespace string
	hash      uint64
}

type audited struct {
	id    locket.ItemID
	words string // the text
}

// maxBucket bounds how many one memory is compared with.
const maxBucket = 8

func (a *audit) page(ctx context.Context, v *store.View, items []locket.Item) error {
	a.Memories += len(items)
	ids := make([]locket.ItemID, len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	uses, err := v.Uses(ctx, ids)
	if err != nil {
		return err
	}
	for _, it := range items {
		if !current(it, a.now) {
			if t, ok := it.Props["expires"].(time.Time); ok && !t.After(a.now) {
				a.doubt(&a.Expired, &a.Counts.Expired, it)
			}
			continue
		}
		if uses[it.ID] == 0 && a.now.Sub(it.Created) > unusedFor {
			a.doubt(&a.Unused, &a.Counts.Unused, it)
		}
		if sourced, err := hasSource(ctx, v, it); err != nil {
			return err
		} else if !sourced {
			a.doubt(&a.Unsourced, &a.Counts.Unsourced, it)
		}
		if it.Text("kind") != "turn" && it.Text("kind") != "file" {
			a.compare(it)
		}
	}
	return nil
}

// hasSource reports whether something says what a memory came of. Only agents are asked.
func hasSource(ctx context.Context, v *store.View, it locket.Item) (bool, error) {
	if it.Trust != locket.TrustAgent || it.Text("source") != "" || it.Text("thread") != "" || it.Text("kind") == "file" {
		return true, nil
	}
	page, err := v.Edges(ctx, it.ID, store.Out, EdgeDerivedFrom, 1, "")
	return len(page.Items) > 0, err
}

func (a *audit) doubt(list *[]Doubtful, count *int, it locket.Item) {
	*count++
	if len(*list) < a.limit {
		when, _ := it.Props["dateCreated"].(time.Time)
		*list = append(*list, Doubtful{it.ID, clip(it.Text("text"), shownText), when})
	}
}

// compare looks for one like it among those that share the least of the hashes of its
// words (min-hash), of which texts that are alike share some.
func (a *audit) compare(it locket.Item) {
	me := audited{it.ID, clip(it.Text("text"), 4096)}
	met := make(map[locket.ItemID]bool)
	for _, h := range leastHashes(me.words, 4) {
		b := bucket{it.Text("namespace"), h}
		for _, other := range a.seen[b] {
			if met[other.id] {
				continue
			}
			met[other.id] = true
			if x := likeness(me.words, other.words); x >= nearlySame {
				a.Counts.Duplicates++
				if len(a.Duplicates) < a.limit {
					a.Duplicates = append(a.Duplicates, Pair{other.id, me.id, clip(other.words, shownText), clip(me.words, shownText), x})
				}
			}
		}
		if len(a.seen[b]) < maxBucket {
			a.seen[b] = append(a.seen[b], me)
		}
	}
}

// leastHashes returns the n least hashes of the words of a text.
func leastHashes(text string, n int) []uint64 {
	var hashes []uint64
	for w := range set(wordsOf(text)) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(w)) // never fails
		hashes = append(hashes, h.Sum64())
	}
	slices.Sort(hashes)
	return hashes[:min(n, len(hashes))]
}

func pairOf(a, b locket.Item, similarity float64) Pair {
	return Pair{a.ID, b.ID, clip(a.Text("text"), shownText), clip(b.Text("text"), shownText), similarity}
}
