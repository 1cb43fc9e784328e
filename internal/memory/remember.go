package memory

import (
	"context"
	"regexp"
	"time"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/store"
)

// What a text that was to be remembered met.
const (
	MetNothing = "created" // it is a memory of its own
	MetSame    = "same"    // the same text is there already; nothing was written
	MetSimilar = "similar" // one says nearly the same; nothing was written
)

// A Remembered says what became of a draft.
type Remembered struct {
	Item    locket.Item `json:"item"` // the new one, or the one that it met
	Met     string      `json:"met"`  // created, same or similar
	Similar []Similar   `json:"similar,omitempty"`
}

// A Similar is a memory that is like another.
type Similar struct {
	ID         locket.ItemID `json:"id"`
	Text       string        `json:"text"` // the beginning
	Similarity float64       `json:"similarity"`
}

// Bounds of likeness: from nearlySame on, a text is kept only by force; from similar on,
// the answer tells of the other, which the new one may supersede.
const (
	nearlySame = 0.85
	similar    = 0.4
)

// framed is what answers to agents are framed with, by package mcp and by the hooks of
// the program: a text that comes back with it was not thought of by who sends it.
var framed = regexp.MustCompile(`(?s)<locket-(data|memories)[^>]*>.*?(</locket-(data|memories)[^>]*>|$)`)

// Remember keeps a memory, unless the namespace has it. e, which may be nil, gives the
// new one its vector; if that fails it has none until [Embed] runs.
func Remember(ctx context.Context, v *store.View, d Draft, e Embedder) (Remembered, error) {
	cut := framed.ReplaceAllString(d.Text, "")
	if cut != d.Text && len(wordsOf(cut)) == 0 {
		return Remembered{}, errRecalled()
	}
	d.Text = cut
	now := time.Now().UTC()
	if err := d.complete(v.Principal(), now); err != nil {
		return Remembered{}, err
	}
	if ok, err := known(ctx, v); err != nil {
		return Remembered{}, err
	} else if !ok {
		return Remembered{}, locket.Errorf(locket.CodeDenied, "your policy does not permit to create memories; its owner can change that")
	}
	var like []Similar
	if !d.Force && len(d.Supersedes) == 0 {
		var err error
		if like, err = near(ctx, v, d); err != nil {
			return Remembered{}, err
		}
		if len(like) > 0 && like[0].Similarity >= nearlySame {
			it, err := v.Get(ctx, like[0].ID)
			if locket.TextHash(it.Text("text")) == locket.TextHash(d.Text) {
				return Remembered{Item: it, Met: MetSame}, err
			}
			return Remembered{Item: it, Met: MetSimilar, Similar: like}, err
		}
	}
	vector := embed(ctx, e, d.Name, d.Text)
	out := Remembered{Met: MetNothing, Similar: like}
	_, err := v.Write(ctx, func(w *store.Writer) (err error) {
		if out.Item, err = same(w, d, now); err != nil || out.Item.ID != "" {
			out.Met, out.Similar = MetSame, nil
			return err
		}
		if out.Item, err = w.Create(store.Draft{Type: Type, Props: d.props()}); err != nil {
			return err
		}
		if err := link(w, d, out.Item.ID, now); err != nil || vector == nil {
			return err
		}
		return w.SetVector(out.Item.ID, e.Model(), vector)
	})
	return out, err
}

func errRecalled() error {
	return invalid("this text was recalled from here; remember what is new")
}

// same returns the memory with the text of the draft, none if the namespace has none
// that still holds. It looks in the transaction that would write another.
func same(w *store.Writer, d Draft, now time.Time) (locket.Item, error) {
	if d.Force {
		return locket.Item{}, nil
	}
	// By the hash alone, and in its order, so that its index serves the query and no other.
	q := locket.Query{Type: Type, Order: "sha256", Where: []locket.Condition{{Property: "sha256", Op: locket.OpEqual, Value: locket.TextHash(d.Text)}}}
	for {
		page, err := w.Query(q)
		if err != nil {
			return locket.Item{}, err
		}
		for _, it := range page.Items {
			if d.met(it) && current(it, now) {
				return w.Get(it.ID)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return locket.Item{}, nil
		}
	}
}

// met tells whether a memory with the hash of the draft is what it says. A turn is said
// once in each place; and a text may have been changed by other means than Update.
func (d *Draft) met(it locket.Item) bool {
	turn := d.Thread != "" && (it.Text("thread") != d.Thread || !samePlace(it, d.Position))
	return !turn && it.Text("namespace") == d.Namespace && it.Text("kind") == d.Kind && locket.TextHash(it.Text("text")) == locket.TextHash(d.Text)
}

func samePlace(it locket.Item, position int64) bool {
	at, _ := it.Props["position"].(int64)
	return at == position
}

// current tells whether a memory holds at a moment.
func current(it locket.Item, now time.Time) bool {
	for _, end := range []string{"expires", "validThrough"} {
		if t, ok := it.Props[end].(time.Time); ok && !t.After(now) {
			return false
		}
	}
	return true
}

// link ties a new memory to what it names. What it supersedes holds no longer, as far as
// the writer may say so: the edge says it in any case.
func link(w *store.Writer, d Draft, id locket.ItemID, now time.Time) error {
	for _, e := range d.edges(id) {
		if err := w.Link(e); err != nil {
			return err
		}
	}
	for _, old := range d.Supersedes {
		it, err := w.Get(old)
		if err != nil {
			return err
		}
		if it.Type != Type || !current(it, now) {
			continue
		}
		if _, err := w.Update(old, 0, map[string]any{"validThrough": now}); err != nil && locket.CodeOf(err) != locket.CodeDenied {
			return err
		}
	}
	return nil
}

// embed returns the vector of a memory, nil if there is none to be had.
func embed(ctx context.Context, e Embedder, name, text string) []float32 {
	if e == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, embedWait)
	defer cancel()
	vs, err := e.Embed(ctx, []string{embedded(name, text)})
	if err != nil || len(vs) != 1 {
		return nil
	}
	return vs[0]
}

// embedWait is how long remembering waits for a vector.
const embedWait = 5 * time.Second

// embedded is the text that stands for a memory where vectors are made.
func embedded(name, text string) string {
	if name == "" {
		return text
	}
	return name + "\n" + text
}
