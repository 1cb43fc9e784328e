package store

import (
	"context"

	"github.com/locketpod/locket"
	"github.com/locketpod/locket/internal/policy"
)

// A review is what a view has whose principal's policy makes something wait: through it
// that is permitted, and is either tried only, or done with the owner's word. All methods
// do nothing on nil, the review of all other views.
type review struct {
	atOnce *policy.Access // what needs nobody's word
	// settle puts what goes with the change into its transaction: the owner's word. nil if
	// it is only tried, and taken back.
	settle func(t *tx, c locket.Change) error

	over    bool            // the transaction was there
	does    []Effect        // what was done in it
	changes []policy.Change // those of it that had to wait
}

// An Effect is one thing that a request does. What it would create has no id yet.
type Effect struct {
	Action locket.Action `json:"action"`
	Item   locket.ItemID `json:"item,omitempty"`
	Type   string        `json:"type,omitempty"`
	Title  string        `json:"title,omitempty"` // of what it would create
}

const (
	maxEffects = 1000
	shownTitle = 100
)

// tried notes what the transaction of w does, and takes it back if it was only tried.
// What is done at one word must be one transaction: it could end half done otherwise.
func (r *review) tried(w *Writer) error {
	if r == nil || len(w.leaves) == 0 {
		return nil
	}
	if r.over {
		return locket.Errorf(locket.CodeUnsupported, "this is done in several steps, and such requests can't wait for the owner; ask for less at once")
	}
	r.over = true
	for i := range w.leaves[:min(len(w.leaves), maxEffects)] {
		r.does = append(r.does, w.effect(&w.leaves[i]))
	}
	if r.settle == nil {
		return errDryRun
	}
	return nil
}

func (w *Writer) effect(l *leaf) Effect {
	e := Effect{Action: locket.Action(l.Action), Type: l.Type, Item: locket.ItemID(locket.FormatUUID(l.Item))}
	if e.Action != locket.ActionCreate {
		return e
	}
	e.Item = ""
	if t := w.types[l.Type]; t != nil {
		for _, p := range t.Properties {
			if s, ok := l.Props[p.Name].(string); ok && e.Title == "" && (p.Role == locket.RoleTitle || p.Role == locket.RoleBody) {
				e.Title = clip(s, shownTitle)
			}
		}
	}
	return e
}

// end puts the owner's word into the transaction of change c.
func (r *review) end(t *tx, c locket.Change) error {
	if r == nil {
		return nil
	}
	return r.settle(t, c)
}

// waited notes that p was needed on an item, to set properties of it, if that waits.
func (r *review) waited(p locket.Permission, f policy.Facts, set map[string]any) {
	if r == nil {
		return
	}
	waits := !r.atOnce.Permits(p, f)
	may := r.atOnce.Properties(p, f)
	for name := range set {
		waits = waits || !may.Has(name)
	}
	if waits {
		r.changes = append(r.changes, policy.Change{Permission: p, Facts: f})
	}
}

// reviewed is v with what waits permitted: only to try it, unless there is settle.
func (v *View) reviewed(settle func(*tx, locket.Change) error) *View {
	out := &View{
		s: v.s, who: v.who, access: v.access.Approved(), signer: v.signer, source: v.source, grant: v.grant,
		narrowed: v.narrowed, bounds: v.bounds, generation: v.generation, recorded: v.recorded,
		full: v.full, types: v.types, review: &review{atOnce: v.access, settle: settle},
	}
	return out
}

// try does a request without doing it: it tells what the request does, or what is wrong
// with it.
func (v *View) try(ctx context.Context, do func(context.Context, *View) error) (*review, error) {
	as := v.reviewed(nil)
	err := do(ctx, as)
	return as.review, err
}
